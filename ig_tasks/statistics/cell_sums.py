"""Sums by cell of one feature's values, by cluster of rows, and by both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ig_tasks.statistics.grids import Grid, merge_grids
from ig_tasks.statistics.group_sums import group_sums
from ig_tasks.statistics.packing import TEXT, Packing, unpack

__all__ = ["CellSums", "ClusterCells", "ClusterSums"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CellSums:
    """What the rows of each cell of one feature's values sum up to; every array has shape (cells,).

    rows: how many there are; absolute, signed, squares: sums of |attribution|, of it, and of its square.
    """

    grid: Grid
    rows: Codes
    absolute: Floats
    signed: Floats
    squares: Floats

    @classmethod
    def of(cls, grid: Grid, codes: Codes, attributions: Floats) -> Self:
        """Sums of (rows,) attributions by the cell of each row."""
        sizes = np.abs(attributions)
        return cls(
            grid,
            np.bincount(codes, minlength=len(grid)).astype(np.int64),
            *(
                np.bincount(codes, weights=weights, minlength=len(grid)).astype(np.float64)
                for weights in (sizes, attributions, sizes * sizes)
            ),
        )

    def regrouped(self, grid: Grid, places: Codes) -> Self:
        """The same sums over the cells of a grid, of which `places` (cells,) holds those of this one's cells."""
        groups = len(grid)
        return type(self)(
            grid,
            _summed(self.rows, places, groups),
            _summed(self.absolute, places, groups),
            _summed(self.signed, places, groups),
            _summed(self.squares, places, groups),
        )

    def merge(self, other: Self, cells: int | None = None) -> Self:
        """Sums over the rows of both, over at most `cells` cells."""
        grid, own_codes, other_codes = merge_grids(self.grid, other.grid, cells)
        first, second = self.regrouped(grid, own_codes), other.regrouped(grid, other_codes)
        return type(self)(
            grid,
            first.rows + second.rows,
            first.absolute + second.absolute,
            first.signed + second.signed,
            first.squares + second.squares,
        )

    def to_json(self, packing: Packing = TEXT) -> dict[str, Any]:
        """A JSON object that `from_json` turns back into the same bits."""
        arrays = {name: packing.array(getattr(self, name)) for name in ("rows", "absolute", "signed", "squares")}
        return {"grid": self.grid.to_json(packing), **arrays}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The sums that `to_json` wrote."""
        grid = Grid.from_json(data["grid"])
        shape = (len(grid),)
        sums = (unpack(data[name], np.float64, shape) for name in ("absolute", "signed", "squares"))
        return cls(grid, unpack(data["rows"], np.int64, shape), *sums)


@dataclass(frozen=True, eq=False)
class ClusterCells:
    """Rows and sums of |attribution| by cluster and cell of one feature, where there are any; shape (occupied,).

    clusters, cells: where in the grids of clusters and of this feature's (coarse) cells each entry lies.
    """

    grid: Grid
    clusters: Codes
    cells: Codes
    rows: Codes
    absolute: Floats

    @classmethod
    def of(cls, grid: Grid, cells: Codes, clusters: Codes, rows: Codes, absolute: Floats) -> Self:
        """Entries summed where cluster and cell are the same, in their order."""
        if not len(rows):
            return cls(grid, cells, clusters, rows, absolute)
        both = clusters * len(grid) + cells
        counts = np.bincount(both, weights=rows).astype(np.int64)
        places = np.flatnonzero(counts)
        sums = np.bincount(both, weights=absolute).astype(np.float64)
        return cls(grid, places // len(grid), places % len(grid), counts[places], sums[places])

    def regrouped(self, grid: Grid, cells: Codes, clusters: Codes) -> Self:
        """The same entries, of which `cells` and `clusters` hold the new places of the old ones."""
        return type(self).of(grid, cells[self.cells], clusters[self.clusters], self.rows, self.absolute)

    def merge(self, other: Self, clusters: tuple[Codes, Codes], cells: int | None) -> Self:
        """Entries of both; `clusters` holds the new places of the clusters of each."""
        grid, own_codes, other_codes = merge_grids(self.grid, other.grid, cells)
        first, second = self.regrouped(grid, own_codes, clusters[0]), other.regrouped(grid, other_codes, clusters[1])
        return type(self).of(
            grid,
            np.concatenate([first.cells, second.cells]),
            np.concatenate([first.clusters, second.clusters]),
            np.concatenate([first.rows, second.rows]),
            np.concatenate([first.absolute, second.absolute]),
        )

    def to_json(self, packing: Packing = TEXT) -> dict[str, Any]:
        """A JSON object that `from_json` turns back into the same bits."""
        places = {name: packing.array(getattr(self, name).astype(np.int32)) for name in ("clusters", "cells")}
        sums = {name: packing.array(getattr(self, name)) for name in ("rows", "absolute")}
        return {"grid": self.grid.to_json(packing), **places, **sums}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The entries that `to_json` wrote."""
        clusters, cells = (unpack(data[name], np.int32).astype(np.int64) for name in ("clusters", "cells"))
        rows = unpack(data["rows"], np.int64)
        return cls(Grid.from_json(data["grid"]), clusters, cells, rows, unpack(data["absolute"], np.float64))


@dataclass(frozen=True, eq=False)
class ClusterSums:
    """Rows (clusters,), and sums of |attribution| and of the attribution (clusters, features)."""

    grid: Grid
    rows: Codes
    absolute: Floats
    signed: Floats

    @classmethod
    def of(cls, grid: Grid, codes: Codes, attributions: Floats) -> Self:
        """Sums of attributions (rows, features) by the cluster of each row."""
        groups = len(grid)
        rows = np.bincount(codes, minlength=groups).astype(np.int64)
        columns = np.ascontiguousarray(attributions.T)
        absolute, signed = group_sums(np.abs(columns), codes, groups), group_sums(columns, codes, groups)
        return cls(grid, rows, absolute, signed)

    def regrouped(self, grid: Grid, places: Codes) -> Self:
        """The same sums over the clusters of a coarser grid."""
        groups = len(grid)
        sums = (_summed(array, places, groups) for array in (self.rows, self.absolute, self.signed))
        return type(self)(grid, *sums)

    def to_json(self, packing: Packing = TEXT) -> dict[str, Any]:
        """A JSON object that `from_json` turns back into the same bits."""
        arrays = {name: packing.array(getattr(self, name)) for name in ("rows", "absolute", "signed")}
        return {"grid": self.grid.to_json(packing), **arrays}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], features: int) -> Self:
        """The sums that `to_json` wrote."""
        grid = Grid.from_json(data["grid"])
        shape = (len(grid), features)
        sums = (unpack(data[name], np.float64, shape) for name in ("absolute", "signed"))
        return cls(grid, unpack(data["rows"], np.int64, shape[:1]), *sums)


def _summed(array: NDArray[Any], places: Codes, groups: int) -> NDArray[Any]:
    """Sums of the rows of an array (entries, ...) that have the same place, (groups, ...), in the array's type."""
    result = np.zeros((groups, *array.shape[1:]), dtype=array.dtype)
    np.add.at(result, places, array)
    return result
