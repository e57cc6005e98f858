"""Dask's nanny, which also writes down how its worker's process ended: Dask says so below the level of its log.

Imported by the processes that `launch` starts, never by a run: it needs `distributed` at the top.
"""

from __future__ import annotations

import sys

from distributed import Nanny  # noqa: TID253 - this module is imported by Dask's processes alone

from ig_tasks.cluster.worker_exits import ENDED

__all__ = ["NotingNanny"]


class NotingNanny(Nanny):  # type: ignore[misc]  # distributed has no types
    """A nanny whose log has a line for each worker process of its that ended by itself."""

    def _on_worker_exit_sync(self, exitcode: int) -> None:
        if exitcode:
            print(f"{ENDED}{exitcode}", file=sys.stderr, flush=True)  # noqa: T201 - its log
        super()._on_worker_exit_sync(exitcode)
