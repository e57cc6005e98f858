"""How far the values of a feature moved between two periods."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ig_tasks.statistics import MISSING
from ig_tasks.statistics.cell_sums import CellSums
from ig_tasks.statistics.grids import MISSING_CELL, Grid, merge_grids
from ig_tasks.store.drift_parts import InputDrift
from ig_tasks.validation.drift.common_bins import pooled_bins
from ig_tasks.validation.drift.indices import jensen_shannon, population_stability

__all__ = ["input_drift", "moved"]

Floats = NDArray[np.float64]

GAINED = 0.10
"""A value that gained so much of the rows is named: a constant imputed for missing values shows in no importance."""

_MOVED = {"wasserstein": 0.01, "jensen_shannon": 1e-3, "missing": 1e-3}
"""From where values count as moved: standard deviations, bits, and the share that is missing. What moved less moves
nobody's importance by a tenth."""


def input_drift(before: CellSums, after: CellSums) -> InputDrift:
    """Distances between the values of both periods, by the cells of their sums; missing values apart."""
    grid, codes_before, codes_after = merge_grids(before.grid, after.grid, None)
    rows = [
        side.regrouped(grid, places).rows.astype(np.float64)
        for side, places in ((before, codes_before), (after, codes_after))
    ]
    if not all(side.sum() for side in rows):
        return InputDrift()
    shares = [side / side.sum() for side in rows]
    numbers = not isinstance(grid.keys, tuple)
    gap = np.asarray(grid.keys) == MISSING_CELL if numbers else np.array([key == MISSING for key in grid.keys])
    gained = int(np.argmax(shares[1] - shares[0]))
    gain = float(shares[1][gained] - shares[0][gained])
    bins = pooled_bins(grid, rows[0].astype(np.int64), rows[1].astype(np.int64), 10)
    deciles = [np.bincount(bins, weights=side) for side in rows]
    # Over bins, not single values: two draws of a continuous column have no value in common.
    fine = pooled_bins(grid, rows[0].astype(np.int64), rows[1].astype(np.int64))
    binned = [np.bincount(fine, weights=side) / side.sum() for side in rows]
    return InputDrift(
        wasserstein=_wasserstein(grid, shares, gap) if numbers else None,
        jensen_shannon=jensen_shannon(*binned),
        psi=population_stability(*deciles),
        overlap=float(np.minimum(*binned).sum()),
        missing_before=float(shares[0][gap].sum()),
        missing_after=float(shares[1][gap].sum()),
        gained=_value(grid, gained) if gain >= GAINED else None,
        gained_share=gain if gain >= GAINED else None,
    )


def moved(drift: InputDrift) -> float:
    """How far values moved, 0 where they did not: what is tried first as a cause of other features' changes."""
    distances = {
        "wasserstein": drift.wasserstein or 0.0,
        "jensen_shannon": drift.jensen_shannon or 0.0,
        "missing": abs((drift.missing_after or 0.0) - (drift.missing_before or 0.0)),
    }
    return max(distances.values()) if any(distances[name] >= least for name, least in _MOVED.items()) else 0.0


def _wasserstein(grid: Grid, shares: list[Floats], gap: NDArray[np.bool_]) -> float | None:
    """Distance of both distributions of numbers over their pooled standard deviation, from the middles of cells."""
    without_gaps = [np.where(gap, 0.0, side) for side in shares]
    if not all(side.sum() for side in without_gaps):
        return None
    p0, p1 = (side / side.sum() for side in without_gaps)
    middles = np.where(gap, 0.0, grid.middles())
    mixed = (p0 + p1) / 2
    mean = float((mixed * middles).sum())
    deviation = float(np.sqrt((mixed * np.where(gap, 0.0, middles - mean) ** 2).sum()))
    if not deviation:
        return 0.0
    order = np.argsort(middles, kind="stable")
    steps = np.abs(np.cumsum((p1 - p0)[order]))[:-1] * np.diff(middles[order])
    return float(steps.sum()) / deviation


def _value(grid: Grid, place: int) -> str | float | None:
    """What a cell holds, where it holds one value; a bucket of labels holds many."""
    if isinstance(grid.keys, tuple):
        return None if grid.level and not grid.is_missing(place) else grid.keys[place]
    return MISSING if grid.is_missing(place) else float(grid.middles()[place])
