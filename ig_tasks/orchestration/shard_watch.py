"""What becomes of a deferred task: judged by its finished shards in the store, and by what the scheduler says."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ig_tasks.cluster.published import Look

__all__ = ["ShardWatch", "stuck"]

Event = dict[str, Any]
"""{"status": "finished" | "failed" | "lost", "shards": those that failed, "why": in words}; where shards failed for
being at work too long, "limit": the seconds that each was given."""


@dataclass
class ShardWatch:
    """One look after the other at shards that a scheduler computes, until there is nothing left to wait for.

    Attributes:
        resources: what each shard needs of its worker.
        patience: seconds without a scheduler that answers, a store that does, or a worker that fits, before the work
            counts as lost.
    """

    resources: Mapping[str, float]
    patience: float
    clock: Callable[[], float] = time.monotonic
    _since: float | None = field(default=None, init=False)

    def judge(self, names: Collection[str] | None, seen: Look, finished: Collection[str]) -> Event | None:
        """The event that ends the waiting; None: wait on.

        Args:
            names: the shards waited for; None: the scheduler does not know of them.
            seen: what the scheduler said, before `finished` was asked for.
            finished: shards whose files are in the store.
        """
        if names is None:
            return lost("the Dask scheduler does not know of this work: it was restarted, or the work was cancelled")
        left = set(names) - set(finished)
        if not left:
            return {"status": "finished", "shards": [], "why": ""}
        if failed := sorted(left & seen.ended):
            return {"status": "failed", "shards": failed, "why": f"{failed[0]} ended without a result"}
        if left & seen.unknown:
            return lost("the Dask scheduler does not know of this work any more")
        if seen.can_run(self.resources):
            self._since = None
            return None
        return self.missing("no Dask worker is left that can go on, and none came back")

    def missing(self, why: str) -> Event | None:
        """Something that the work cannot do without is not there: the event, once that has been so for too long."""
        now = self.clock()
        self._since = now if self._since is None else self._since
        return lost(f"{why} in {self.patience:g} s") if now - self._since > self.patience else None


def lost(why: str) -> Event:
    """Nobody is at work."""
    return {"status": "lost", "shards": [], "why": why}


def stuck(shards: Collection[str], seconds: float) -> Event:
    """Two workers did not come to an end with these shards."""
    why = f"{min(shards)} was not done within {seconds:g} s, also by a second worker; see compute.shard_timeout"
    return {"status": "failed", "shards": list(shards), "why": why, "limit": seconds}
