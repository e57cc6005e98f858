"""The values of a feature before and after, as a report draws them: shares of rows by interval, or by value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ig_tasks.statistics import MISSING
from ig_tasks.statistics.cell_sums import CellSums
from ig_tasks.statistics.grids import MISSING_CELL, Grid, merge_grids
from ig_tasks.store.drift_parts import FeatureDrift, ValueShares
from ig_tasks.validation.drift.period import Period

__all__ = ["value_shares", "with_values"]

Floats = NDArray[np.float64]

_INTERVALS = 24
_LEVELS = 12
_TAILS = (0.005, 0.995)
"""What lies beyond these quantiles of both periods is counted in the outermost intervals."""


def with_values(rows: Sequence[FeatureDrift], before: Period, after: Period) -> list[FeatureDrift]:
    """The rows, of which those have the values of both periods that raise an alarm, or moved one that does."""
    named = {row.feature for row in rows if row.alarm}
    named |= {other.feature for row in rows if row.alarm for other in row.others}
    cells = before.sums.cells, after.sums.cells
    known = {name: value_shares(*(side[name] for side in cells)) for name in named if all(name in s for s in cells)}
    return [row.model_copy(update={"values": known.get(row.feature)}) for row in rows]


def value_shares(before: CellSums, after: CellSums) -> ValueShares | None:
    """Shares of all rows of each period; what is missing is left out. None where a period has no rows."""
    grid, *places = merge_grids(before.grid, after.grid, None)
    rows = [
        side.regrouped(grid, codes).rows.astype(np.float64) for side, codes in zip((before, after), places, strict=True)
    ]
    if not all(side.sum() for side in rows):
        return None
    shares = np.stack([side / side.sum() for side in rows])
    if isinstance(grid.keys, tuple):
        return _of_labels(grid, shares)
    held = grid.keys != MISSING_CELL
    low, high = (ends[held] for ends in grid.ends())
    order = np.argsort(low, kind="stable")
    low, high, shares = low[order], high[order], shares[:, held][:, order]
    if not len(low):
        return None
    if not grid.level and len(low) <= _LEVELS:
        return _shares(shares, labels=[f"{value:.6g}" for value in low.tolist()])
    pooled = np.cumsum(shares.sum(axis=0))
    first, last = (min(int(np.searchsorted(pooled, q * pooled[-1])), len(low) - 1) for q in _TAILS)
    edges = np.linspace(low[first], high[last], _INTERVALS + 1)
    return _shares(np.stack([_by_interval(edges, low, high, side) for side in shares]), edges=edges.tolist())


def _by_interval(edges: Floats, low: Floats, high: Floats, shares: Floats) -> Floats:
    """Shares of the rows in each interval, those of a cell spread evenly over it."""
    below = np.concatenate(([0.0], np.cumsum(shares)))
    ends = np.stack([low, np.nextafter(high, np.inf)], axis=1).ravel()
    counted = np.interp(edges, ends, np.stack([below[:-1], below[1:]], axis=1).ravel())
    counted[0], counted[-1] = 0.0, below[-1]  # the outermost hold what lies beyond, too
    return np.diff(counted)


def _of_labels(grid: Grid, shares: Floats) -> ValueShares | None:
    """The most frequent labels, and all others together; buckets of many labels say nothing to anybody."""
    if grid.level:
        return None
    held = np.array([key != MISSING for key in grid.keys])
    order = np.argsort(-shares.max(axis=0), kind="stable")
    order = order[held[order]]
    if not len(order):
        return None
    shown, others = order[:_LEVELS], order[_LEVELS:]
    labels, counted = [str(grid.keys[place]) for place in shown], shares[:, shown]
    if len(others):
        labels.append(f"{len(others)} others")
        counted = np.column_stack([counted, shares[:, others].sum(axis=1)])
    return _shares(counted, labels=labels)


def _shares(shares: Floats, *, labels: Sequence[str] = (), edges: Sequence[float] = ()) -> ValueShares:
    before, after = (tuple(side) for side in shares.tolist())
    return ValueShares(labels=tuple(labels), edges=tuple(edges), before=before, after=after)
