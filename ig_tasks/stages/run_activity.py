"""Who computes a run at this moment: a note in its folder for as long as it takes.

Two that compute one run do each other no harm, since what they write is the same; but people want to know.
"""

from __future__ import annotations

import contextlib
import os
import socket
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import psutil

from ig_tasks.errors import DamagedError, RunError
from ig_tasks.store import Folder, read_sealed, set_aside, write_sealed
from ig_tasks.store.clock import now
from ig_tasks.store.sealed import damaged

__all__ = ["computing"]

_NOTES = "running"


@contextlib.contextmanager
def computing(run: Folder, work: str, context: Mapping[str, Any]) -> Iterator[list[str]]:
    """Leave a note while the block computes `work`; yields a line for each other process that does the same.

    The note of a process of this machine that is gone, killed perhaps, is removed, and one that cannot be read is set
    aside. Nobody here can tell whether one on another machine is still at work.
    """
    own_note = f"{uuid.uuid4().hex}.json"
    own = psutil.Process()
    note = {
        "host": socket.gethostname(),
        "pid": own.pid,
        "process_started": own.create_time(),
        "started_at": now(),
        "by": str(context.get("by", "Python")),
    }
    write_sealed(run, f"{_NOTES}/{own_note}", note)
    try:
        # Written first, then looked: of two that begin together one at least sees the other.
        others = [_line_of_note(run, f"{_NOTES}/{name}", work) for name in run.names(_NOTES) if name != own_note]
        yield [line for line in others if line is not None]
    finally:
        with contextlib.suppress(RunError):
            run.remove(f"{_NOTES}/{own_note}")


def _line_of_note(run: Folder, name: str, work: str) -> str | None:
    try:
        note = read_sealed(run, name, unsealed=True)
        began = {key: note[key] for key in ("host", "pid", "by", "started_at", "process_started")}
    except FileNotFoundError:  # just done
        return None
    except KeyError as error:
        return set_aside(run, name, damaged(run, name, f"it has no {error}"))
    except DamagedError as error:
        return set_aside(run, name, error)
    return _activity_line(run, name, began, work)


def _activity_line(run: Folder, name: str, note: Mapping[str, Any], work: str) -> str | None:
    who = f"process {note['pid']} ({note['by']})"
    if note["host"] != socket.gethostname():
        return (
            f"{who} on {note['host']} began to compute {work} at {note['started_at']} and has not noted that it ended; "
            "if it is still at work, this one does the same work beside it, with the same result"
        )
    if not _is_alive(note):
        run.remove(name)
        return None
    return (
        f"{who} has been computing {work} since {note['started_at']}; this one does the same work beside it, with the "
        "same result: end this one to save the work, and run again when the other is done"
    )


def _is_alive(note: Mapping[str, Any]) -> bool:
    """Whether the process is there, and not another one that has its number now."""
    if note["pid"] == os.getpid():
        return True
    try:
        return abs(psutil.Process(int(note["pid"])).create_time() - float(note["process_started"])) < 1
    except psutil.NoSuchProcess:
        return False
