"""A process that may die: it answers one question after the other, and whoever asks outlives it.

What ends a process (a segmentation fault of a library, `os._exit`, V8 without memory) or never returns cannot be caught
in the process itself.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from ig_tasks.errors import IgTasksError

__all__ = ["STOPPED_SECONDS", "Died", "Expendable", "serve"]

_LENGTH = struct.Struct("!Q")
_LOOK_SECONDS = 0.25
STOPPED_SECONDS = 300.0
"""As Dask's scheduler, which gives up a worker of which it has heard nothing for that long."""
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Died(Exception):  # noqa: N818 - what happened, not an error of ours
    """The process ended before it answered, or was ended. `code`: its exit code, below zero: minus the signal.

    `why`: "exit" by itself, "time" or "memory" over its limit, "stopped" by somebody (SIGSTOP) for too long.
    """

    def __init__(self, why: str, code: int) -> None:
        super().__init__(why, code)
        self.why, self.code = why, code

    @property
    def words(self) -> str:
        """How it ended: `exit status 3`, `SIGSEGV`, `no end within its time`, `more memory than a worker has`."""
        if self.why == "time":
            return "no end within its time"
        if self.why == "memory":
            return "more memory than a worker has"
        if self.why == "stopped":
            return "a stop that did not end"
        if self.code >= 0:
            return f"exit status {self.code}"
        try:
            return signal.Signals(-self.code).name
        except ValueError:
            return f"signal {-self.code}"


class Expendable:
    """The process of a module that calls `serve` when it is run.

    Its standard output goes to standard error: what it answers has a way of its own. It ends with this process.

    Args:
        module: what `python -m` runs.
        arguments: what it is given beside.
        memory: bytes that it may hold, where it cannot be trusted with the machine's.
        environment: its variables; None: those of this process.
        log: the file to which its standard error is appended; None: that of this process.
    """

    def __init__(
        self,
        module: str,
        *,
        arguments: Sequence[str] = (),
        memory: int | None = None,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self._memory = memory
        self._stopped_since: float | None = None
        with contextlib.ExitStack() as stack:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if log is None else stack.enter_context(log.open("ab")),
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, question: Any, *, limit: float | None = None, waiting: Callable[[], None] | None = None) -> Any:
        """The answer to a question.

        Args:
            limit: seconds.
            waiting: called several times a second until the answer is there.

        Raises:
            Died: if no answer came. The process is gone then.
            Exception: what answering raised.
        """
        asked, answered = self._process.stdin, self._process.stdout
        assert asked is not None  # noqa: S101 - they are pipes
        assert answered is not None  # noqa: S101
        deadline = None if limit is None else time.monotonic() + limit
        if asked.closed:
            raise Died("exit", self._process.wait())
        try:
            _write(asked, question)
            head = self._read(answered, _LENGTH.size, deadline, waiting)
            length = _LENGTH.unpack(head)[0]
            raised, answer = pickle.loads(self._read(answered, length, deadline, waiting))  # noqa: S301 - ours
        except (BrokenPipeError, EOFError):
            code = self._process.wait()
            self.close()
            raise Died("exit", code) from None
        if raised:
            raise answer
        return answer

    def close(self) -> None:
        """End the process. May be called again."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue

    def _read(
        self, pipe: BinaryIO | Any, count: int, deadline: float | None, waiting: Callable[[], None] | None
    ) -> bytes:
        content = b""
        while len(content) < count:
            while not select.select([pipe], [], [], _LOOK_SECONDS)[0]:
                self._require_within(deadline)
                if waiting is not None:
                    waiting()
            piece = os.read(pipe.fileno(), min(count - len(content), 1 << 20))
            if not piece:
                raise EOFError
            content += piece
        return content

    def _require_within(self, deadline: float | None) -> None:
        why = None
        if deadline is not None and time.monotonic() > deadline:
            why = "time"
        elif self._memory is not None and _resident(self._process.pid) > self._memory:
            why = "memory"
        elif self._was_stopped():
            why = "stopped"
        if why is not None:
            self.close()
            raise Died(why, -signal.SIGKILL)

    def _was_stopped(self) -> bool:
        """Whether somebody stopped the process, and let it not go on for so long."""
        now = time.monotonic()
        if _state(self._process.pid) != b"T":
            self._stopped_since = None
        elif self._stopped_since is None:
            self._stopped_since = now
        return self._stopped_since is not None and now - self._stopped_since > STOPPED_SECONDS


def serve(answer: Callable[[Any], Any], *, orphaned: bool = True) -> None:
    """Answer questions until whoever asks closes, or is gone. The process runs nothing else.

    Args:
        answer: what is called with each question.
        orphaned: end the process when its parent is gone; False where something else sees to that.
    """
    if orphaned:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    # What code prints would be taken for an answer.
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while head := sys.stdin.buffer.read(_LENGTH.size):
        question = pickle.loads(sys.stdin.buffer.read(_LENGTH.unpack(head)[0]))  # noqa: S301 - of whoever started this
        try:
            _write(answers, (False, answer(question)))
        except Exception as error:  # noqa: BLE001 - it is raised where the question was asked
            _write(answers, (True, _portable(error)))


def _portable(error: Exception) -> Exception:
    """The error, or one with its words where whoever asked may not know its class."""
    known = isinstance(error, IgTasksError) or type(error).__module__ == "builtins"
    return error if known else RuntimeError(f"{type(error).__name__}: {error}")


def _write(pipe: BinaryIO | Any, content: Any) -> None:
    text = pickle.dumps(content)
    pipe.write(_LENGTH.pack(len(text)))
    pipe.write(text)
    pipe.flush()


def _resident(pid: int) -> int:
    """Bytes of a process in memory; 0 where that is not known."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - four times a second
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _state(pid: int) -> bytes:
    """The letter of a process's state, `T` where it is stopped; nothing where that is not known."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - as above
            # The name, in brackets, may hold anything.
            return file.read().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return b""


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
