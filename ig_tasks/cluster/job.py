"""One job: a function over shards on Dask workers, results as they come."""

from __future__ import annotations

import contextlib
import queue
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ig_tasks.cluster.in_process import map_here
from ig_tasks.cluster.pace import Pace
from ig_tasks.cluster.plain_job import map_plain
from ig_tasks.cluster.progress import Progress, unsaid
from ig_tasks.cluster.slow_tasks import SlowTasks
from ig_tasks.cluster.task_results import (
    MOST_RESCUED,
    DiedComputingError,
    NotByRowsError,
    result_of,
    sentence,
    submit_tasks,
)
from ig_tasks.cluster.worker_exits import Doing
from ig_tasks.errors import WorkerLostError

if TYPE_CHECKING:
    from distributed import Client, Future

    from ig_tasks.cluster.session import ComputeSession

__all__ = ["map_shards", "run_one"]

# How often the workers are looked after while no result comes.
LOOK_SECONDS = 2.0


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
    rescue: Callable[..., Any] | None = None,
) -> Iterator[tuple[int, Any]]:
    """`function(**task)` for each task on the workers; yields (index of the task, result) as they finish.

    A session without workers (`compute.workers: 0`) calls the function in this process, one task after the other; one
    that needs a single worker has a process for it without a scheduler (see `plain_job`).

    Args:
        keys: one deterministic name per task, shown by Dask and in messages; `rows`: how many rows each covers.
        resources: what each task needs of its worker (`compute.resources`)
        retries: how often a task that raised something else than an error of ours is tried again.
        doing: what to say that workers were at when they die, unless they were loading the model.
        rescue: does what `function` does with a task that ended its workers or that none came to an end with; it is
            told `limit`, the seconds that a task may take, and whether it was `memory`. Each task is rescued once.

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
    if (worker := session.plain) is not None:
        yield from map_plain(
            session, worker, function, tasks,
            keys=keys, retries=retries, rows=rows, progress=progress, doing=doing, rescue=rescue,
        )  # fmt: skip
        return
    client = session.client
    session.check_resources(resources)
    attempt = uuid.uuid4().hex[:8]
    futures = submit_tasks(client, function, tasks, keys=keys, attempt=attempt, resources=resources, retries=retries)
    waiting = {future.key: (index, future) for index, future in enumerate(futures)}
    finished: queue.SimpleQueue[str] = queue.SimpleQueue()
    for future in futures:
        future.add_done_callback(lambda done: finished.put(done.key))
    del futures, future
    progress.advance(0)
    pace = Pace(session.compute.shard_timeout, session.compute.shard_rows)
    rescued: dict[int, WorkerLostError] = {}

    def try_with_care(index: int, why: WorkerLostError, *, memory: bool) -> None:
        """Submit the task once more, for `rescue`. Raises `why` where there is no more that can be tried."""
        if rescue is None or index in rescued or len(rescued) >= MOST_RESCUED:
            raise why
        rescued[index] = why
        progress.note(f"{progress.label}: {why}; its rows are tried in pieces")
        task = {**tasks[index], "limit": pace.limit(rows[index]), "memory": memory}
        (future,) = submit_tasks(
            client, rescue, [task], keys=[f"{keys[index]}-with-care"], attempt=attempt, resources=resources, retries=0
        )
        waiting[future.key] = index, future
        future.add_done_callback(lambda done: finished.put(done.key))

    try:
        watch = _Watch(session, client, resources)
        slow = SlowTasks(client, pace, keys, rows)
        while waiting:
            # What is tried with care has limits of its own.
            looked_after = {k: item for k, item in waiting.items() if item[0] not in rescued} if slow.is_due() else {}
            for index, key, why in slow.twice(looked_after, progress):
                waiting.pop(key)
                try_with_care(index, why, memory=False)
            del looked_after
            try:
                key = finished.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                watch.look(waiting)
                progress.advance(0)
                continue
            if key not in waiting:  # given up
                continue
            # Taken out of the table, the future is released as soon as its result is here.
            index = waiting[key][0]
            try:
                done = result_of(session, waiting.pop(key)[1], keys[index], doing)
            except NotByRowsError:
                raise rescued[index] from None
            except DiedComputingError as died:
                try_with_care(index, died, memory=session.worker_exits().memory)
                continue
            if index not in rescued:
                pace.note(done.seconds, rows[index])
            progress.advance(rows[index])
            yield index, done.result
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
        progress=Progress(rows, key, log=unsaid),
        doing="trying",
    )
    ((_, result),) = results
    return result


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
            raise WorkerLostError(sentence(why, self._session.lost_workers_note()))
