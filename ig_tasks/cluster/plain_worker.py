"""One worker process of this machine without a scheduler: all that a small job, or a stage of one task, needs.

Dask's scheduler and nanny are processes of their own, which a run with one worker pays for and has no use of. This one
has a worker's environment, threads and memory, and like Dask's it may die: whoever asked is told how it ended.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]

from ig_tasks.cluster.environment import worker_environment
from ig_tasks.cluster.sizing import WorkerPlan
from ig_tasks.cluster.worker_exits import WorkerExits
from ig_tasks.expendable import Died, Expendable

__all__ = ["LOADING", "MEMORY", "PlainWorker", "Raised"]

LOADING = "loading"
"""A file of the scratch folder that is there while the worker loads a model."""

MEMORY = "IG_TASKS_WORKER_MEMORY"
"""Bytes that a plain worker may hold; read by what it starts in its turn."""

_MODULE = "ig_tasks.cluster.plain_child"
_MOST_OF_MEMORY = 0.95
"""As of Dask's nanny: the share of its memory at which a worker is ended."""


@dataclass(frozen=True)
class Raised:
    """What a function raised in the worker: the error, or a `RuntimeError` of its words if it cannot be handed on."""

    error: Exception
    words: str


class PlainWorker:
    """A process that calls one function after the other, and is started anew when it has died.

    Args:
        plan: its threads, memory and GPU.
        scratch: a folder for its log, which is gone with whoever started it.
    """

    def __init__(self, plan: WorkerPlan, scratch: Path) -> None:
        self._plan, self._scratch = plan, scratch
        self._process: Expendable | None = None
        self._codes: set[int] = set()
        self._over_budget = False

    def start(self, modules: Sequence[str] = ()) -> None:
        """Start the process unless it is there; it imports `modules` before it is asked anything."""
        if self._process is not None:
            return
        self._loading.unlink(missing_ok=True)
        gpu = self._plan.gpus[0] if self._plan.gpus else None
        environment = worker_environment(threads=self._plan.threads, gpu=gpu)
        self._process = Expendable(
            _MODULE,
            arguments=[str(os.getpid()), str(self._scratch), *modules],
            memory=int(_MOST_OF_MEMORY * self._plan.memory_limit),
            environment=environment | {MEMORY: str(self._plan.memory_limit)},
            log=self._log,
        )

    def call(
        self,
        function: Callable[..., Any],
        task: Mapping[str, Any],
        *,
        limit: float | None = None,
        waiting: Callable[[], None] | None = None,
    ) -> Any:
        """`call_task(function, task)` in the process, or `Raised`.

        Raises:
            Died: if it ended, or did not answer within `limit` seconds; it is started anew for the next call.
        """
        self.start()
        process = self._process
        assert process is not None  # noqa: S101 - it was started above
        try:
            return process.ask(cloudpickle.dumps((function, dict(task))), limit=limit, waiting=waiting)
        except BaseException as error:
            # Whatever came between a question and its answer, the next one is not to be given this answer.
            self.end()
            if isinstance(error, Died):
                self._over_budget |= error.why == "memory"
                if error.why == "exit":
                    self._codes.add(error.code)
            raise

    @property
    def is_running(self) -> bool:
        """Whether the process was started, and did not end as far as is known."""
        return self._process is not None

    @property
    def was_loading(self) -> bool:
        """Whether the process was loading a model when it ended."""
        return self._loading.exists()

    def exits(self) -> WorkerExits:
        """How its processes ended so far."""
        said = WorkerExits.of([self._log.read_text(errors="replace")] if self._log.exists() else [])
        return WorkerExits(tuple(sorted(self._codes)), self._over_budget, said.last_line)

    def end(self) -> None:
        """End the process. May be called again."""
        if self._process is not None:
            self._process.close()
            self._process = None

    @property
    def _log(self) -> Path:
        return self._scratch / "worker-0.log"

    @property
    def _loading(self) -> Path:
        return self._scratch / LOADING
