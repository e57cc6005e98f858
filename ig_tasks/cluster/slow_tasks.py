"""Tasks that take longer than they may: their worker is ended, so that another one is given them."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ig_tasks.cluster.pace import Pace
from ig_tasks.cluster.progress import Progress, duration
from ig_tasks.errors import WorkerLostError

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Running", "SlowTasks", "ask_running", "end_worker", "running_tasks"]

_SILENT_SECONDS = 30.0
_LOOK_SECONDS = 10.0
_TWICE = 2


class SlowTasks:
    """Looks after the tasks of a job, of which `keys` names each and `rows` says how many rows it covers."""

    def __init__(self, client: Client, pace: Pace, keys: Sequence[str], rows: Sequence[int]) -> None:
        self._client, self._pace, self._keys, self._rows = client, pace, keys, rows
        self._strikes: Counter[int] = Counter()
        self._looked = time.monotonic()

    def is_due(self) -> bool:
        """Whether it is time to look: every ten seconds, or more often where the limit is short."""
        return time.monotonic() - self._looked > min(_LOOK_SECONDS, self._pace.limit(1) / 2)

    def twice(
        self, waiting: Mapping[str, tuple[int, Future]], progress: Progress
    ) -> Iterator[tuple[int, str, WorkerLostError]]:
        """(index, Dask's key, what to say) of tasks that were over their limit on two workers: they are cancelled.

        A task that is over it for the first time is given to another worker by Dask when its own has ended.

        Args:
            waiting: {Dask's key: (index, future)} of the tasks that are looked after.
        """
        if not waiting:
            return
        self._looked = time.monotonic()
        running: dict[str, Running] = {}
        # A scheduler that is lost, or lets no function of ours run on it: others notice the first.
        with contextlib.suppress(OSError, RuntimeError, TimeoutError, ValueError, AttributeError, ImportError):
            running = running_tasks(self._client)
        for key, (index, future) in waiting.items():
            limit = self._pace.limit(self._rows[index])
            if key not in running or running[key].seconds <= limit:
                continue
            self._strikes[index] += 1
            taken = f"{self._keys[index]}: its {self._rows[index]:,} rows were not done within {duration(limit)}"
            if self._strikes[index] < _TWICE:
                progress.note(f"{progress.label}: {taken}, and are given to another worker")
            else:
                # First of all: Dask would give it to a third worker at the moment in which its own ends.
                self._client.cancel([future], force=True)
            with contextlib.suppress(OSError, RuntimeError, TimeoutError):
                end_worker(self._client, running[key].worker)
            if self._strikes[index] >= _TWICE:
                yield index, key, WorkerLostError(f"{taken}, also by a second worker; see compute.shard_timeout")


@dataclass(frozen=True)
class Running:
    """A task that a worker is at, and for how long."""

    worker: str
    seconds: float


def running_tasks(client: Client) -> dict[str, Running]:
    """The tasks that workers are at, by their keys: also those of a worker from which nothing is heard."""
    found = client.run_on_scheduler(_running_tasks)
    return {key: Running(worker, seconds) for key, (worker, seconds) in found.items()}


async def ask_running(scheduler: Any) -> dict[str, Running]:
    """`running_tasks`, asked of a connection to the scheduler; nothing where it lets no function of ours run on it."""
    from distributed.protocol.pickle import dumps
    from distributed.protocol.serialize import Serialized, deserialize

    found: Any = {}
    with contextlib.suppress(RuntimeError, TypeError, ValueError, AttributeError, ImportError, KeyError):
        answer = await scheduler.run_function(function=dumps(_running_tasks), args=dumps(()), kwargs=dumps({}))
        found = answer["result"] if answer["status"] == "OK" else {}
        # The connection hands on what it is given as it came.
        found = deserialize(found.header, found.frames) if isinstance(found, Serialized) else found
    return {key: Running(worker, seconds) for key, (worker, seconds) in found.items()}


def end_worker(client: Client, address: str) -> None:
    """End a worker's process, whatever it is doing; its nanny starts another one."""
    client.run_on_scheduler(_end_worker, address=address)


def _running_tasks(dask_scheduler: Any) -> dict[str, tuple[str, float]]:
    """On the scheduler. A worker says with each heartbeat how long it has been at each task."""
    from distributed.metrics import time

    now, found = time(), {}
    for worker in dask_scheduler.workers.values():
        silent = max(0.0, now - worker.last_seen)
        for task in worker.processing:
            seconds = worker.executing.get(task)
            # What it was given and did not begin may wait behind another task.
            if seconds is not None or silent > _SILENT_SECONDS:
                found[str(task.key)] = (worker.address, (seconds or 0.0) + silent)
    return found


async def _end_worker(dask_scheduler: Any, address: str) -> None:
    await dask_scheduler.restart_workers(
        [address], timeout=5, wait_for_workers=False, on_error="return", stimulus_id="ig-tasks-stuck"
    )
