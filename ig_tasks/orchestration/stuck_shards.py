"""Shards of a deferred task that take longer than they may: given to another worker, then given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ig_tasks.cluster.pace import Pace
from ig_tasks.cluster.slow_tasks import Running

__all__ = ["Stuck", "StuckShards"]

_TWICE = 2


@dataclass(frozen=True)
class Stuck:
    """What one look found.

    Attributes:
        workers: that are to be ended.
        shards: that two workers did not come to an end with; seconds: what each was given.
    """

    workers: tuple[str, ...] = ()
    shards: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass
class StuckShards:
    """Compares how long workers have been at shards with `compute.shard_timeout`, or with the pace of the others.

    Attributes:
        timeout: seconds for a shard, or "auto".
    """

    timeout: float | Literal["auto"]
    _strikes: Counter[str] = field(default_factory=Counter, init=False)
    _seen: dict[str, float] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._pace = Pace(self.timeout, 1)

    def look(self, running: Mapping[str, Running]) -> Stuck:
        """What is to be ended by what workers are at now."""
        for name in self._seen.keys() - running.keys():
            # It ended since the last look, one way or the other.
            self._pace.note(self._seen.pop(name), 1)
        limit = self._pace.limit(1)
        over = {name: at for name, at in running.items() if at.seconds > limit}
        self._strikes.update(over.keys())
        self._seen.update({name: at.seconds for name, at in running.items() if name not in over})
        given_up = tuple(sorted(name for name in over if self._strikes[name] >= _TWICE))
        return Stuck(tuple(sorted({at.worker for at in over.values()})), given_up, limit)
