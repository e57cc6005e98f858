"""A job on a plain worker: what `map_shards` promises, kept by one process without a scheduler."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ig_tasks.cluster.pace import Pace
from ig_tasks.cluster.plain_worker import PlainWorker, Raised
from ig_tasks.cluster.progress import Progress, duration
from ig_tasks.cluster.task_results import MOST_RESCUED, DiedComputingError, Done, NotByRowsError, lost_by, unrefused
from ig_tasks.cluster.worker_exits import Doing
from ig_tasks.errors import IgTasksError, RunError, WorkerLostError
from ig_tasks.expendable import Died

if TYPE_CHECKING:
    from ig_tasks.cluster.session import ComputeSession

__all__ = ["map_plain"]

Task = Mapping[str, Any]

_ALLOWED_FAILURES = "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"
_DEATHS = 3
"""As Dask's scheduler: how often the process may die of one task, unless the environment says otherwise."""
_TWICE = 2


class _StuckError(WorkerLostError):
    """A task was over its limit of time twice."""


def map_plain(
    session: ComputeSession,
    worker: PlainWorker,
    function: Callable[..., Any],
    tasks: Sequence[Task],
    *,
    keys: Sequence[str],
    retries: int,
    rows: Sequence[int],
    progress: Progress,
    doing: Doing,
    rescue: Callable[..., Any] | None,
) -> Iterator[tuple[int, Any]]:
    """`function(**task)` for each task in the worker, in their order; arguments and errors of `map_shards`."""
    session.start_ahead()
    progress.advance(0)
    pace = Pace(session.compute.shard_timeout, session.compute.shard_rows)
    tried, rescued = _Tries(session, worker, retries, progress, doing), 0
    for index, task in enumerate(tasks):
        limit = pace.limit(rows[index])
        try:
            done = tried.done(function, task, keys[index], rows[index], limit)
        except (DiedComputingError, _StuckError) as why:
            if rescue is None or rescued >= MOST_RESCUED:
                raise
            rescued += 1
            progress.note(f"{progress.label}: {why}; its rows are tried in pieces")
            memory = isinstance(why, DiedComputingError) and session.worker_exits().memory
            carefully = {**task, "limit": limit, "memory": memory}
            try:
                done = tried.done(rescue, carefully, f"{keys[index]}-with-care", rows[index], None)
            except NotByRowsError:
                raise why from None
        else:
            pace.note(done.seconds, rows[index])
        progress.advance(rows[index])
        yield index, done.result


class _Tries:
    """Tasks that are tried again where that may help."""

    def __init__(
        self, session: ComputeSession, worker: PlainWorker, retries: int, progress: Progress, doing: Doing
    ) -> None:
        self._session, self._worker, self._retries = session, worker, retries
        self._progress, self._doing = progress, doing

    def done(self, function: Callable[..., Any], task: Task, key: str, rows: int, limit: float | None) -> Done:
        """What the task gave, and how long it took.

        Raises:
            _StuckError: if it is over its limit of seconds twice.
            DiedComputingError, WorkerLostError: if the process dies of it more often than it may.
            IgTasksError: as it was raised.
            RunError: for any other exception.
        """
        deaths = stuck = raised = 0
        allowed = int(os.environ.get(_ALLOWED_FAILURES, _DEATHS))
        while True:
            try:
                answer = self._worker.call(function, task, limit=limit, waiting=self._wait)
            except Died as died:
                if died.why == "time":
                    stuck += 1
                    self._say_stuck(key, rows, limit or 0.0, times=stuck)
                    continue
                deaths += 1
                if deaths > allowed:
                    was: Doing = "loading" if self._worker.was_loading else self._doing
                    raise lost_by(self._session, key, deaths, was) from None
                continue
            if not isinstance(answer, Raised):
                return unrefused(answer)
            raised += 1
            if raised > self._retries:
                if isinstance(answer.error, IgTasksError):
                    raise answer.error
                raise RunError(f"{key}: the task failed on a worker with {answer.words}") from answer.error

    def _say_stuck(self, key: str, rows: int, limit: float, *, times: int) -> None:
        taken = f"{key}: its {rows:,} rows were not done within {duration(limit)}"
        if times >= _TWICE:
            raise _StuckError(f"{taken}, also by a second worker; see compute.shard_timeout") from None
        self._progress.note(f"{self._progress.label}: {taken}, and are given to another worker")

    def _wait(self) -> None:
        self._progress.advance(0)
