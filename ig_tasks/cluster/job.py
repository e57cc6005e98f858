"""One job: a function over shards on Dask workers, results as they come."""

from __future__ import annotations

import contextlib
import queue
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ig_tasks.cluster.in_process import map_here
from ig_tasks.cluster.model_loading import is_loading
from ig_tasks.cluster.progress import Progress
from ig_tasks.cluster.worker_exits import Doing, died
from ig_tasks.errors import IgTasksError, RunError, UserError, ValidationFailedError, WorkerLostError, named

if TYPE_CHECKING:
    from distributed import Client, Future

    from ig_tasks.cluster.session import ComputeSession

__all__ = ["call_task", "map_shards", "run_one"]

# How often the workers are looked after while no result comes.
LOOK_SECONDS = 2.0


@dataclass(frozen=True)
class Refused:
    """An error of our own that a worker hands back as a result: raised there, Dask would try it again."""

    error: IgTasksError


def map_shards(
    session: ComputeSession,
    function: Callable[..., Any],
    tasks: Sequence[Mapping[str, Any]],
    *,
    keys: Sequence[str],
    resources: Mapping[str, float],
    retries: int,
    rows: Sequence[int],
    progress: Progress,
    doing: Doing = "computing",
) -> Iterator[tuple[int, Any]]:
    """`function(**task)` for each task on the workers; yields (index of the task, result) as they finish.

    A session without workers (`compute.workers: 0`) calls the function in this process, one task after the other.

    Args:
        keys: one deterministic name per task, shown by Dask and in messages; `rows`: how many rows each covers.
        resources: what each task needs of its worker (`compute.resources`)
        retries: how often a task that raised something else than an error of ours is tried again.
        doing: what to say that workers were at when they die, unless they were loading the model.

    Raises an error of our own as it was raised in the worker; `WorkerLostError` when workers or the
    connection are lost (trying again may help); `ResourceError` within seconds when no worker offers the
    resources; `RunError` for any other exception, which is its cause. What is left is cancelled then, and
    also when the caller stops iterating.
    """
    if not len(tasks) == len(keys) == len(rows):
        raise ValueError(f"{len(tasks)} tasks, {len(keys)} keys and {len(rows)} row counts")
    if not tasks:
        return
    if session.in_process:
        yield from map_here(
            function, tasks, compute=session.compute, keys=keys, retries=retries, rows=rows, progress=progress
        )
        return
    client = session.client
    session.check_resources(resources)
    # A scheduler remembers a key that failed for as long as anyone holds it: each attempt has its own.
    attempt = uuid.uuid4().hex[:8]
    futures: list[Future] = client.map(
        call_task, [function] * len(tasks), [dict(task) for task in tasks],
        key=[f"{key}-{attempt}" for key in keys], pure=False, retries=retries, resources=dict(resources) or None,
    )  # fmt: skip
    waiting = {future.key: (index, future) for index, future in enumerate(futures)}
    finished: queue.SimpleQueue[str] = queue.SimpleQueue()
    for future in futures:
        future.add_done_callback(lambda done: finished.put(done.key))
    del futures, future
    progress.advance(0)
    try:
        watch = _Watch(session, client, resources)
        while waiting:
            try:
                key = finished.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                watch.look(waiting)
                progress.advance(0)
                continue
            # Taken out of the table, the future is released as soon as its result is here.
            index = waiting[key][0]
            result = _result(session, waiting.pop(key)[1], keys[index], doing)
            progress.advance(rows[index])
            yield index, result
    finally:
        if waiting:
            with contextlib.suppress(Exception):
                client.cancel([future for _, future in waiting.values()], force=True)


def run_one(
    session: ComputeSession,
    function: Callable[..., Any],
    task: Any,
    *,
    key: str,
    resources: Mapping[str, float],
    rows: int,
) -> Any:
    """`function(task=task)` on one worker: a handful of rows, looked at once and without progress.

    Raises what `map_shards` raises.
    """
    results = map_shards(
        session,
        function,
        [{"task": task}],
        keys=[key],
        resources=resources,
        retries=0,
        rows=[rows],
        progress=Progress(rows, key, log=_discard),
        doing="trying",
    )
    ((_, result),) = results
    return result


def _discard(_line: str) -> None:
    """A handful of rows needs no progress."""


def call_task(function: Callable[..., Any], task: dict[str, Any]) -> Any:
    """`function(**task)` in the worker; an error of ours is a result, since Dask would try it again."""
    try:
        return function(**task)
    except (UserError, ValidationFailedError) as error:
        return Refused(error)


def _result(session: ComputeSession, future: Future, key: str, doing: Doing) -> Any:
    """The result, or the error to raise. No frame that an error passes through holds the future: it would live on."""
    from distributed import CancelledError, KilledWorker
    from distributed.scheduler import NoValidWorkerError

    try:
        # None also for a future that was cancelled: its result then raises.
        error = future.exception()
        trace = future.traceback() if error is not None else None
        result = future.result() if error is None else None
    except (CancelledError, OSError, RuntimeError, TimeoutError) as broken:
        raise WorkerLostError(f"{key}: the connection to the Dask scheduler was lost ({named(broken)})") from None
    finally:
        task_key = future.key
        del future
    if error is None:
        if isinstance(result, Refused):
            raise result.error
        return result
    if isinstance(error, KilledWorker):
        was: Doing = "loading" if is_loading(session.client, task_key) else doing
        failure = f"{key}: {error.allowed_failures + 1} {died(was)}"
        raise WorkerLostError(_sentence(failure, session.lost_workers_note(), session.lost_workers_remedy(was)))
    if isinstance(error, NoValidWorkerError):
        raise WorkerLostError(f"{key}: {named(error)}")
    if isinstance(error, IgTasksError):
        raise error
    raise RunError(f"{key}: the task failed on a worker with {named(error)}") from error.with_traceback(trace)


class _Watch:
    """Notices that nobody is left to finish the job, which Dask would wait for without end."""

    def __init__(self, session: ComputeSession, client: Client, resources: Mapping[str, float]) -> None:
        self._session = session
        self._resources = resources
        self._client = client
        self._alone_since: float | None = None

    def look(self, waiting: Mapping[str, tuple[int, Future]]) -> None:
        """Raise `WorkerLostError` when the connection is gone, or no fit worker for `compute.worker_timeout`."""
        if self._client.status not in {"running", "connecting"}:
            raise WorkerLostError("the connection to the Dask scheduler was lost")
        if any(future.status in {"lost", "cancelled"} for _, future in waiting.values()):
            raise WorkerLostError("the Dask scheduler was lost, and the shards that it was computing with it")
        try:
            someone = self._session.can_run(self._resources)
        except (OSError, RuntimeError):
            return  # reconnecting: Dask gives up by itself and the futures are cancelled then
        now = time.monotonic()
        if someone:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
        elif now - self._alone_since > self._session.compute.worker_timeout:
            waited = f"{self._session.compute.worker_timeout:g} s"
            why = f"no Dask worker is left that can go on, and none came back in {waited}"
            raise WorkerLostError(_sentence(why, self._session.lost_workers_note()))


def _sentence(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
