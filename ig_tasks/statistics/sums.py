"""Sums of attributions by cell of each feature's own values and by cluster of rows, mergeable.

From them a comparison of two periods has totals with errors of clustered rows, and what of a change comes from the
feature's own values, without a row being read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ig_tasks.errors import InputError, RunError
from ig_tasks.statistics.cell_sums import CellSums, ClusterCells, ClusterSums
from ig_tasks.statistics.grids import labels_grid, merge_grids, numbers_grid
from ig_tasks.statistics.levels import Levels
from ig_tasks.statistics.packing import TEXT, Packing

__all__ = ["AttributionSums", "CellSums", "ClusterCells", "ClusterSums", "cells_for"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

CELLS = 512
"""Cells of one feature, and all features together hold at most `_ALL_CELLS`: wide tables have coarser ones."""
_ALL_CELLS = 1 << 17
_FEWEST_CELLS = 32
CLUSTER_CELLS = 96
"""Cells of one feature by cluster: they are for errors alone."""
CLUSTERS = 400
"""Clusters that are kept apart, a year of days; more share buckets, whose rows are as independent as the clusters."""


def cells_for(features: int) -> int:
    """The largest number of cells that each feature may have."""
    return max(min(CELLS, _ALL_CELLS // max(features, 1)), _FEWEST_CELLS)


@dataclass(frozen=True, eq=False)
class AttributionSums:
    """All sums of one target.

    features: those of the attributions.
    cells: by cell of a feature's own values; texts, images and their like have none.
    clusters: by cluster; None where each row stands for itself.
    cluster_cells: by cluster and cell, for the features that have cells; empty without clusters.
    """

    features: tuple[str, ...]
    cells: Mapping[str, CellSums]
    clusters: ClusterSums | None
    cluster_cells: Mapping[str, ClusterCells]

    @classmethod
    def of(
        cls,
        attributions: ArrayLike,
        features: Sequence[str],
        *,
        numbers: Mapping[str, ArrayLike] | None = None,
        labels: Mapping[str, ArrayLike | Levels] | None = None,
        clusters: ArrayLike | Levels | None = None,
    ) -> Self:
        """Sums of attributions (rows, features), all finite.

        Args:
            numbers: {feature: (rows,)}, NaN where missing; `labels` likewise, taken as text.
            clusters: (rows,) labels of groups of rows that are not independent of one another.

        Raises:
            InputError: if a shape does not fit, or a number is infinite.
        """
        table = np.asarray(attributions, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != len(features):
            raise InputError(f"values: shape {table.shape} does not fit (rows, {len(features)} features)")
        limit = cells_for(len(features))
        grid_of_clusters, cluster_codes = (None, None) if clusters is None else labels_grid(clusters, CLUSTERS)
        cells: dict[str, CellSums] = {}
        cluster_cells: dict[str, ClusterCells] = {}
        grids = {name: numbers_grid(values, limit) for name, values in (numbers or {}).items()}
        grids |= {name: labels_grid(column, limit) for name, column in (labels or {}).items()}
        for name, (grid, codes) in grids.items():
            if len(codes) != len(table):
                raise InputError(f"values of {name!r}: {len(codes)} for {len(table)} rows")
            own = np.ascontiguousarray(table[:, list(features).index(name)])
            cells[name] = CellSums.of(grid, codes, own)
            if cluster_codes is not None:
                coarse, folded = grid.within(_coarse(limit))
                ones = np.ones(len(codes), dtype=np.int64)
                cluster_cells[name] = ClusterCells.of(coarse, folded[codes], cluster_codes, ones, np.abs(own))
        summed = None
        if grid_of_clusters is not None and cluster_codes is not None:
            summed = ClusterSums.of(grid_of_clusters, cluster_codes, table)
        return cls(tuple(features), cells, summed, cluster_cells)

    def merge(self, other: Self, *, limited: bool = True) -> Self:
        """Sums over the rows of both.

        Args:
            limited: hold to the greatest number of cells and clusters; else keep all that both have.

        Raises:
            InputError: if they are not of the same features, or one has clusters and the other none.
        """
        if self.features != other.features or {*self.cells} != {*other.cells}:
            raise InputError("sums of different features cannot be merged; compute them with one spec")
        if (self.clusters is None) != (other.clusters is None):
            raise InputError("sums with clusters and without cannot be merged; compute them with one spec")
        limit = cells_for(len(self.features)) if limited else None
        cells = {name: own_cells.merge(other.cells[name], limit) for name, own_cells in self.cells.items()}
        if self.clusters is None or other.clusters is None:
            return type(self)(self.features, cells, None, {})
        grid, own_codes, other_codes = merge_grids(
            self.clusters.grid, other.clusters.grid, CLUSTERS if limited else None
        )
        first, second = self.clusters.regrouped(grid, own_codes), other.clusters.regrouped(grid, other_codes)
        summed = ClusterSums(
            grid, first.rows + second.rows, first.absolute + second.absolute, first.signed + second.signed
        )
        coarse = None if limit is None else _coarse(limit)
        both = {
            name: entries.merge(other.cluster_cells[name], (own_codes, other_codes), coarse)
            for name, entries in self.cluster_cells.items()
        }
        return type(self)(self.features, cells, summed, both)

    def to_json(self, packing: Packing = TEXT) -> dict[str, Any]:
        """A JSON object that `from_json` turns back into the same bits."""
        return {
            "features": list(self.features),
            "cells": {name: sums.to_json(packing) for name, sums in self.cells.items()},
            "clusters": None if self.clusters is None else self.clusters.to_json(packing),
            "cluster_cells": {name: entries.to_json(packing) for name, entries in self.cluster_cells.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The sums that `to_json` wrote. Raises RunError when they cannot be read."""
        try:
            features = tuple(data["features"])
            clusters = data["clusters"]
            return cls(
                features,
                {name: CellSums.from_json(sums) for name, sums in data["cells"].items()},
                None if clusters is None else ClusterSums.from_json(clusters, len(features)),
                {name: ClusterCells.from_json(entries) for name, entries in data["cluster_cells"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"sums cannot be read ({error}); remove that file and run again") from error


def _coarse(limit: int) -> int:
    """Cells by cluster of a feature that has at most `limit` cells."""
    return min(max(limit // 8, 16), CLUSTER_CELLS)
