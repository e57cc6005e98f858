"""Which contributions are a row's principal reasons, and what of their order is proven.

A contribution `v` with the error bound `b` lies within `v - b` and `v + b`. It surely pushed towards the adverse side
if `v > b`, and it surely outweighs another if it is greater by more than both bounds together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ranked", "rank_reasons"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Ranked:
    """The reasons of some rows, the weightiest first.

    Attributes:
        listed: (rows, top) which player each reason is; -1 where a row has fewer.
        best, worst: (rows, top) the ranks, among all players, that a reason may have within the error bounds.
        rivals: (rows, top, players) who is not listed, and may outweigh a reason all the same.
        unproven: (rows, players) who pushed towards the adverse side, if the row's errors left that to be told.
    """

    listed: Ints
    best: Ints
    worst: Ints
    rivals: Bools
    unproven: Bools

    @property
    def tied(self) -> Bools:
        """(rows, top) which reasons do not surely outweigh all that are not listed."""
        return np.asarray(self.rivals.any(axis=2))


def rank_reasons(pushes: Floats, bounds: Floats, top: int) -> Ranked:
    """The reasons of rows.

    Args:
        pushes: (rows, players) contributions towards the adverse side; negative ones pushed the other way.
        bounds: (rows, players) what each may be wrong by.
        top: reasons of a row at most.
    """
    players = pushes.shape[1]
    proven = pushes > bounds
    order = np.argsort(np.where(proven, -pushes, np.inf), axis=1, kind="stable")[:, :top]
    is_proven = np.take_along_axis(proven, order, axis=1)
    pushes_ranked, bounds_ranked = (np.take_along_axis(array, order, axis=1)[:, :, None] for array in (pushes, bounds))
    apart = bounds_ranked + bounds[:, None, :]
    beats = pushes_ranked - pushes[:, None, :] > apart
    beaten = pushes[:, None, :] - pushes_ranked > apart
    chosen = np.zeros(pushes.shape, dtype=bool)
    np.put_along_axis(chosen, order, is_proven, axis=1)
    full = is_proven.sum(axis=1) == top  # else nobody was left out for want of room
    rivals = ~beats & ~chosen[:, None, :] & is_proven[:, :, None] & full[:, None, None]
    return Ranked(
        listed=np.where(is_proven, order, -1),
        best=1 + beaten.sum(axis=2),
        worst=players - beats.sum(axis=2),
        rivals=rivals,
        unproven=(pushes > 0.0) & ~proven,
    )
