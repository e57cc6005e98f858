"""Bins of a feature's values, and what is counted of the attributions in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ig_tasks.statistics import MISSING, CategoryCounts
from ig_tasks.statistics.cell_sums import CellSums
from ig_tasks.statistics.grids import Grid

__all__ = ["LEVELS", "CategoryBins", "NumberBins", "Tally"]

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Quantiles of the attributions that are reported for each bin."""
_VALUES, _BINS = 24, 20
"""Values up to which each value of a number has its own bin; bins, of about equally many rows, where there are more."""
_SHIFT = 42
"""Bits of a float64 that a cell of attributions leaves out: it is a thousandth of the attribution wide."""

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class NumberBins:
    """Bins of a number, from low to high; the last one is of what is missing, if anything is.

    middles: (cells,) of the occupied cells; places: the bin of each; edges: (bins - 1,) where bins of numbers begin.
    """

    cells: CellSums
    middles: Floats
    places: Codes
    edges: Floats
    kind: Literal["number", "category"] = "number"
    left: int = 0

    @classmethod
    def of(cls, cells: CellSums) -> Self:
        """Bins of about as many rows each, or of one value each where there are few."""
        middles = cells.grid.middles()
        order = np.argsort(middles, kind="stable")  # what is missing comes last
        present = order[~np.isnan(middles[order])]
        if cells.grid.level == 0 and len(present) <= _VALUES:
            bins = np.arange(len(present), dtype=np.int64)
        else:
            rows = cells.rows[present]
            ranks = (np.cumsum(rows) - rows / 2) / max(rows.sum(), 1)
            bins = np.unique((ranks * _BINS).astype(np.int64), return_inverse=True)[1]
        places = np.full(len(middles), int(bins[-1]) + 1 if len(bins) else 0, dtype=np.int64)
        places[present] = bins
        firsts = np.flatnonzero(np.diff(bins)) + 1
        return cls(cells, middles, places, cells.grid.ends()[0][present][firsts])

    def __len__(self) -> int:
        return int(self.places.max(initial=-1)) + 1

    @property
    def total(self) -> int:
        """All rows."""
        return int(self.cells.rows.sum())

    def codes(self, column: pa.ChunkedArray) -> Codes:
        """The bin of each value of a column (rows,)."""
        values = column.to_numpy().astype(np.float64)
        codes: Codes = np.searchsorted(self.edges, values, side="right").astype(np.int64)
        codes[np.isnan(values)] = len(self) - 1
        return codes

    def described(self, place: int) -> tuple[float | None, float | None, float | None]:
        """Mean of the values in a bin, to the width of a cell, and its ends; None where values are missing."""
        inside = self.places == place
        middles, rows = self.middles[inside], self.cells.rows[inside]
        if np.isnan(middles).any():
            return None, None, None
        low, high = (ends[inside] for ends in self.cells.grid.ends())
        return float((middles * rows).sum() / rows.sum()), float(low.min()), float(high.max())


@dataclass(frozen=True, eq=False)
class CategoryBins:
    """The most frequent categories, in their order where they are numbers; what is missing comes last."""

    names: tuple[str, ...]
    total: int
    left: int
    kind: Literal["number", "category"] = "category"

    @classmethod
    def of(cls, counts: CategoryCounts, most: int) -> Self:
        """The `most` categories of the most rows; all of up to twice as many where they are numbers."""
        frequent = [name for name, _ in counts.most_common() if name != MISSING]
        numbers = all(_is_number(name) for name in frequent) and len(frequent) <= 2 * most
        shown = sorted(frequent, key=float) if numbers else frequent[:most]
        missing = [MISSING] if MISSING in counts.counts else []
        return cls((*shown, *missing), counts.total, len(frequent) - len(shown))

    def __len__(self) -> int:
        return len(self.names)

    def codes(self, column: pa.ChunkedArray) -> Codes:
        """The place of each category of a column (rows,); one past the last for those that are left out."""
        places = pc.index_in(pc.fill_null(column, MISSING), value_set=pa.array(self.names, pa.string()))
        codes: Codes = pc.fill_null(places, len(self)).to_numpy().astype(np.int64)
        return codes

    def described(self, place: int) -> tuple[str | None, None, None]:
        """A category; None for what is missing."""
        return (None if self.names[place] == MISSING else self.names[place]), None, None

    def grid_places(self, grid: Grid) -> Codes | None:
        """The place of each cell of a grid; None where categories share cells."""
        if grid.level:
            return None
        at = {name: place for place, name in enumerate(self.names)}
        return np.array([at.get(str(name), len(self)) for name in grid.keys], dtype=np.int64)


class Tally:
    """Rows and sums of the attributions in each of `bins` bins, and counts of them in cells of a fixed width."""

    def __init__(self, bins: int) -> None:
        self.rows = np.zeros(bins, dtype=np.int64)
        self.signed, self.squares = np.zeros(bins), np.zeros(bins)
        self._bins: Codes = np.empty(0, dtype=np.int64)
        self._keys: Codes = np.empty(0, dtype=np.int64)
        self._counts: Codes = np.empty(0, dtype=np.int64)

    @classmethod
    def of_cells(cls, cells: CellSums, places: Codes, bins: int) -> Self:
        """What the sums by cell say; `places` is the bin of each cell, those past the last one are left out."""
        tally, in_bins = cls(bins), places < bins
        np.add.at(tally.rows, places[in_bins], cells.rows[in_bins])
        np.add.at(tally.signed, places[in_bins], cells.signed[in_bins])
        np.add.at(tally.squares, places[in_bins], cells.squares[in_bins])
        return tally

    def add(self, codes: Codes, attributions: Floats) -> None:
        """Count (rows,) attributions in the bins of their rows; bins past the last one are left out."""
        in_bins = codes < len(self.rows)
        codes, values = codes[in_bins], np.asarray(attributions, dtype=np.float64)[in_bins]
        bins = len(self.rows)
        self.rows += np.bincount(codes, minlength=bins)
        self.signed += np.bincount(codes, weights=values, minlength=bins)
        self.squares += np.bincount(codes, weights=values * values, minlength=bins)
        bits = np.abs(values).view(np.int64) >> _SHIFT
        keys = np.where(values < 0, -bits, bits)
        self._bins, self._keys, self._counts = _counted(
            np.concatenate([self._bins, codes]),
            np.concatenate([self._keys, keys]),
            np.concatenate([self._counts, np.ones(len(codes), dtype=np.int64)]),
        )

    def quantiles(self, place: int) -> tuple[float, ...]:
        """The attributions at LEVELS in one bin, to a thousandth; empty where no rows were read."""
        inside = self._bins == place
        if not inside.any():
            return ()
        middles, counts = _middles(self._keys[inside]), self._counts[inside]
        upto = np.cumsum(counts)
        # As numpy's default: the k-th of n rows lies at (k - 1)/(n - 1), and between two rows is interpolated.
        wanted = np.array(LEVELS) * (upto[-1] - 1)
        below = middles[np.searchsorted(upto, np.floor(wanted), side="right")]
        above = middles[np.searchsorted(upto, np.ceil(wanted), side="right")]
        return tuple(float(value) for value in below + (wanted - np.floor(wanted)) * (above - below))


def _counted(bins: Codes, keys: Codes, counts: Codes) -> tuple[Codes, Codes, Codes]:
    """Entries of the same bin and cell summed, in the order of bins and cells."""
    order = np.lexsort((keys, bins))
    bins, keys, counts = bins[order], keys[order], counts[order]
    firsts = np.flatnonzero(np.concatenate(([True], (np.diff(bins) != 0) | (np.diff(keys) != 0))))
    return (bins[firsts], keys[firsts], np.add.reduceat(counts, firsts)) if len(bins) else (bins, keys, counts)


def _middles(keys: Codes) -> Floats:
    """The attribution in the middle of each cell."""
    low = np.abs(keys) << _SHIFT
    middle = (low + (1 << (_SHIFT - 1))).view(np.float64)
    return np.where(keys == 0, 0.0, np.where(keys < 0, -middle, middle))


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
