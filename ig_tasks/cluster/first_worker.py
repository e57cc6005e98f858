"""Waiting for the first worker of a scheduler."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ig_tasks.cluster.offers import worker_infos
from ig_tasks.errors import UnreachableError

if TYPE_CHECKING:
    from distributed import Client

    from ig_tasks.spec import ComputeSpec

__all__ = ["await_worker"]

_POLL_SECONDS = 0.1


def await_worker(client: Client, compute: ComputeSpec, where: str, cluster: Any, note: Callable[[], str]) -> None:
    """Wait for the first worker, as long as one may still come.

    Args:
        where: the workers are, in words.
        cluster: the one that this process started; None: they are somebody else's.
        note: says what is known of those that ended.

    Raises:
        UnreachableError: if none comes.
    """
    deadline = time.monotonic() + compute.worker_timeout
    while not worker_infos(client):
        ended = _all_ended(cluster)
        if ended or time.monotonic() > deadline:
            why = f"({note()})" if ended else f"within {compute.worker_timeout:g} s"
            remedy = "start workers there" if cluster is None else "see compute.workers"
            raise UnreachableError(f"no Dask worker came up {where} {why}; {remedy} (compute.worker_timeout)")
        time.sleep(_POLL_SECONDS)


def _all_ended(cluster: Any) -> bool:
    """Whether every worker process that this process started has ended."""
    processes = [worker.process for worker in cluster.workers.values()] if cluster is not None else []
    return bool(processes) and all(item is None or item.returncode is not None for item in processes)
