"""How far a mean of |attribution| is pinned down by rows that are independent only between clusters, mergeable.

The error is the delete-one-cluster jackknife's, and Student's t has the degrees of freedom that Satterthwaite's
approximation gives the jackknife for clusters of these sizes, as in Bell & McCaffrey (2002, "Bias reduction in standard
errors for linear regression with multi-stage samples", Survey Methodology 28). Clusters of one size have their number
minus one, and the error of plain sums by cluster. Of unequal sizes those would promise too much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from ig_tasks.errors import InputError
from ig_tasks.statistics.grids import Grid, labels_grid, merge_grids
from ig_tasks.statistics.group_sums import group_sums
from ig_tasks.statistics.levels import Levels
from ig_tasks.statistics.packing import TEXT, Packing, unpack

__all__ = ["CLUSTERS", "ClusterSpread", "abs_mean_interval"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

CLUSTERS = 64
"""Clusters that a part of the rows tells apart; more share buckets, whose rows are as independent as the clusters.

More would hardly narrow an interval, and there is an array of this length for each feature of each segment's levels.
"""


def abs_mean_interval(
    rows: ArrayLike, absolute: ArrayLike, level: float, labelled: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Confidence interval (low, high), each (features,), of the mean |attribution| over all rows.

    Fewer than two clusters say nothing of their own spread: both ends are NaN. `low` is never below zero.

    Rows without a label are of clusters that nobody knows, and may be those of the others: they count for the mean, and
    its error is that of the labelled rows. As one cluster, or each as one, they would promise too much.

    Args:
        rows: of each cluster, (clusters,).
        absolute: sums of |attribution|, (clusters, features).
        labelled: (clusters,) which are clusters; the others are rows without a label. None: all of them.
    """
    counts, sums = np.asarray(rows, dtype=np.float64), np.asarray(absolute, dtype=np.float64)
    occupied = counts > 0
    mean = sums.sum(axis=0) / max(counts.sum(), 1.0)
    known = occupied if labelled is None else occupied & np.asarray(labelled, dtype=bool)
    counts, sums = counts[known], sums[known]
    if len(counts) < 2:
        return np.full(sums.shape[1], np.nan), np.full(sums.shape[1], np.nan)
    total = counts.sum()
    # Without a cluster the mean is off by its residuals over the rows of the others.
    moved = (sums - counts[:, None] * (sums.sum(axis=0) / total)) / (total - counts)[:, None]
    error = np.sqrt((len(counts) - 1) / len(counts) * np.square(moved).sum(axis=0))
    half = float(stdtrit(_freedom(counts), 0.5 + level / 2)) * error
    return np.maximum(mean - half, 0.0), mean + half


def _freedom(counts: Floats) -> float:
    """Degrees of freedom of the jackknife's variance, between one and the clusters minus one.

    The variance is a sum of squares of correlated normal residuals; 2 mean^2 / variance of it, in closed form.
    """
    total = counts.sum()
    weights = np.square(counts / (total - counts))
    own = 1.0 / counts - 1.0 / total
    spread = np.square(weights) @ (np.square(own) - 1.0 / total**2) + (weights.sum() / total) ** 2
    return float(np.clip((weights @ own) ** 2 / spread, 1.0, len(counts) - 1))


@dataclass(frozen=True, eq=False)
class ClusterSpread:
    """Rows (clusters,) and sums of |attribution| (clusters, features) of a part of the rows.

    most: how many clusters are told apart.
    """

    grid: Grid
    rows: Codes
    absolute: Floats
    most: int = CLUSTERS

    def __len__(self) -> int:
        return int(np.count_nonzero(self.grid.labelled))

    @classmethod
    def of(cls, values: ArrayLike, clusters: ArrayLike | Levels, most: int = CLUSTERS) -> Self:
        """Sums of values (rows, features) by (rows,) labels of groups of rows that are not independent.

        Raises:
            InputError: if there is not one label a row.
        """
        table = np.asarray(values, dtype=np.float64)
        grid, codes = labels_grid(clusters, most)
        if len(codes) != len(table):
            raise InputError(f"clusters: {len(codes)} values for {len(table)} rows")
        return cls.of_codes(np.ascontiguousarray(np.abs(table.T)), grid, codes, most)

    @classmethod
    def of_codes(cls, sizes: Floats, grid: Grid, codes: Codes, most: int = CLUSTERS) -> Self:
        """Sums of sizes (features, rows), each at least zero, whose clusters are at `codes` (rows,) of the grid."""
        counts = np.bincount(codes, minlength=len(grid)).astype(np.int64)
        occupied = np.flatnonzero(counts)  # a level may have rows of few of a shard's clusters
        places = np.zeros(len(grid), dtype=np.int64)
        places[occupied] = np.arange(len(occupied))
        keys = tuple(grid.keys[place] for place in occupied) if isinstance(grid.keys, tuple) else grid.keys[occupied]
        absolute = group_sums(sizes, places[codes], len(occupied))
        spread = cls(Grid(grid.kind, grid.level, keys), counts[occupied], absolute, most)
        return spread if spread.grid.occupied <= most else spread._placed(*spread.grid.within(most))

    def merge(self, other: Self) -> Self:
        """Sums over the rows of both."""
        grid, own_codes, other_codes = merge_grids(self.grid, other.grid, self.most)
        first, second = self._placed(grid, own_codes), other._placed(grid, other_codes)
        return type(self)(grid, first.rows + second.rows, first.absolute + second.absolute, self.most)

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Confidence interval of the mean |attribution|: `abs_mean_interval`."""
        return abs_mean_interval(self.rows, self.absolute, level, self.grid.labelled)

    def to_json(self, packing: Packing = TEXT) -> dict[str, Any]:
        """A JSON object that `from_json` turns back into the same bits."""
        sums = {"rows": packing.array(self.rows), "absolute": packing.array(self.absolute)}
        return {"grid": self.grid.to_json(packing), **sums, "most": self.most}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The sums that `to_json` wrote."""
        grid = Grid.from_json(data["grid"])
        rows = unpack(data["rows"], np.int64, (len(grid),))
        absolute = unpack(data["absolute"], np.float64)
        features = absolute.size // max(len(grid), 1)
        return cls(grid, rows, absolute.reshape(len(grid), features), int(data["most"]))

    def _placed(self, grid: Grid, places: Codes) -> Self:
        """The same sums over the clusters of a grid, of which `places` (clusters,) holds those of this one's."""
        rows, absolute = np.zeros(len(grid), dtype=np.int64), np.zeros((len(grid), self.absolute.shape[1]))
        np.add.at(rows, places, self.rows)
        np.add.at(absolute, places, self.absolute)
        return type(self)(grid, rows, absolute, self.most)
