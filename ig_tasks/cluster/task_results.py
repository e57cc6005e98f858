"""Tasks that are submitted, and what each gives: its result, or the error to raise."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ig_tasks.cluster.model_loading import is_loading
from ig_tasks.cluster.worker_exits import Doing, died
from ig_tasks.errors import IgTasksError, RunError, UserError, ValidationFailedError, WorkerLostError, named

if TYPE_CHECKING:
    from distributed import Client, Future

    from ig_tasks.cluster.session import ComputeSession

__all__ = [
    "MOST_RESCUED",
    "DiedComputingError",
    "Done",
    "NotByRowsError",
    "call_task",
    "lost_by",
    "result_of",
    "sentence",
    "submit_tasks",
    "unrefused",
]

MOST_RESCUED = 16
"""Tasks of one job that are tried with care: where more end their workers, it is not for single rows."""


class DiedComputingError(WorkerLostError):
    """Workers died one after the other of a task, and not of loading the model."""


class NotByRowsError(WorkerLostError):
    """A task that ended its workers was tried in pieces, and no few rows of it are why: what was said first holds."""


@dataclass(frozen=True)
class Done:
    """What a task gave, and the seconds that it took."""

    result: Any
    seconds: float


@dataclass(frozen=True)
class Refused:
    """An error of our own that a worker hands back as a result: raised there, Dask would try it again."""

    error: IgTasksError


def submit_tasks(
    client: Client,
    function: Callable[..., Any],
    tasks: Sequence[Mapping[str, Any]],
    *,
    keys: Sequence[str],
    attempt: str,
    resources: Mapping[str, float],
    retries: int,
) -> list[Future]:
    """Have `function(**task)` called for each task; Dask names each `<key>-<attempt>`.

    A scheduler remembers a key that failed for as long as anyone holds it: each attempt has a name of its own.
    """
    futures: list[Future] = client.map(
        call_task, [function] * len(tasks), [dict(task) for task in tasks],
        key=[f"{key}-{attempt}" for key in keys], pure=False, retries=retries, resources=dict(resources) or None,
    )  # fmt: skip
    return futures


def call_task(function: Callable[..., Any], task: dict[str, Any]) -> Any:
    """In the worker: the function's result, or an error of ours, as values."""
    began = time.monotonic()
    try:
        return Done(function(**task), time.monotonic() - began)
    except (UserError, ValidationFailedError, WorkerLostError) as error:
        return Refused(error)


def result_of(session: ComputeSession, future: Future, key: str, doing: Doing) -> Done:
    """The result, or the error to raise. No frame that an error passes through holds the future: it would live on."""
    from distributed import CancelledError, KilledWorker
    from distributed.scheduler import NoValidWorkerError

    try:
        # None also for a future that was cancelled: its result then raises.
        error = future.exception()
        trace = future.traceback() if error is not None else None
        result: Any = future.result() if error is None else None
    except (CancelledError, OSError, RuntimeError, TimeoutError) as broken:
        raise WorkerLostError(f"{key}: the connection to the Dask scheduler was lost ({named(broken)})") from None
    finally:
        task_key = future.key
        del future
    if error is None:
        return unrefused(result)
    if isinstance(error, KilledWorker):
        raise lost_by(
            session, key, error.allowed_failures + 1, "loading" if is_loading(session.client, task_key) else doing
        )
    if isinstance(error, NoValidWorkerError):
        raise WorkerLostError(f"{key}: {named(error)}")
    if isinstance(error, IgTasksError):
        raise error
    raise RunError(f"{key}: the task failed on a worker with {named(error)}") from error.with_traceback(trace)


def unrefused(result: Done | Refused) -> Done:
    """What `call_task` returned. Raises the error of ours that it holds."""
    if isinstance(result, Refused):
        raise result.error
    return result


def lost_by(session: ComputeSession, key: str, deaths: int, was: Doing) -> WorkerLostError:
    """The error to raise where so many workers died of one task; `was`: what they were at."""
    told = sentence(f"{key}: {deaths} {died(was)}", session.lost_workers_note(), session.lost_workers_remedy(was))
    return (WorkerLostError if was == "loading" else DiedComputingError)(told)


def sentence(*parts: str) -> str:
    """Parts that are not empty, in one line."""
    return "; ".join(part for part in parts if part)
