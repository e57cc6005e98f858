"""Nested partitions of a column's values: cells that are the same however the rows are divided into shards.

Two periods are compared cell by cell, so their cells must be common, and nobody knows the second period while the
first is summed. The cells therefore come from a fixed chain of ever coarser partitions, and a column takes the
finest one of which it occupies at most `cells`. A part of the rows never occupies more cells than the whole, so
merging in any order ends at the same partition as counting all rows at once.

Numbers: cells of equal relative width, the leading bits of the float64 (exponent, then mantissa), so that a column of
few values keeps each apart, be they years or fractions. Labels: themselves, then buckets of a hash of the label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ig_tasks.errors import InputError
from ig_tasks.statistics.label_buckets import NO_BUCKET, buckets_of, coarser
from ig_tasks.statistics.levels import MISSING, Levels, as_levels
from ig_tasks.statistics.packing import TEXT, Packing, unpack

__all__ = ["MISSING_CELL", "Grid", "labels_grid", "merge_grids", "numbers_grid"]

Codes = NDArray[np.int64]

MISSING_CELL = np.iinfo(np.int64).min
"""The key of missing numbers, at every level."""

_LARGEST_SHIFT = 63


@dataclass(frozen=True, eq=False)
class Grid:
    """The occupied cells of one partition of the chain.

    kind: `number` or `label`.
    level: how coarse the partition is; 0 keeps every value apart.
    keys: the occupied cells in order: int64 for numbers, text for labels.
    """

    kind: Literal["number", "label"]
    level: int
    keys: Codes | tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def occupied(self) -> int:
        """Occupied cells, missing numbers apart."""
        numbers = not isinstance(self.keys, tuple) and len(self) and self.keys[0] == MISSING_CELL
        return len(self) - int(bool(numbers))

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(cells,) which cells of labels hold rows that have one: what is missing stays apart at every level."""
        return np.array([key != MISSING for key in self.keys], dtype=bool)

    def coarsened(self, level: int) -> tuple[Grid, Codes]:
        """The grid at a coarser `level`, and the cell there (cells,) of each cell here."""
        if level == self.level:
            return self, np.arange(len(self), dtype=np.int64)
        if isinstance(self.keys, tuple):
            return _grid_of_buckets(coarser(buckets_of(self.keys, self.level), level), level)
        unique, codes = np.unique(_shifted(self.keys, level - self.level), return_inverse=True)
        return Grid("number", level, unique), codes.astype(np.int64)

    def within(self, cells: int) -> tuple[Grid, Codes]:
        """The finest partition, this one or a coarser, of which at most `cells` are occupied; codes as `coarsened`."""
        if isinstance(self.keys, tuple):
            return self._labels_within(self.keys, cells)
        grid, codes = self, np.arange(len(self), dtype=np.int64)
        while grid.occupied > cells:
            grid, step = grid.coarsened(grid.level + 1)
            codes = step[codes]
        return grid, codes

    def _labels_within(self, keys: tuple[str, ...], cells: int) -> tuple[Grid, Codes]:
        if len(keys) <= cells:
            return self, np.arange(len(keys), dtype=np.int64)
        # Buckets of a finer level lie in one bucket of a coarser: each label is hashed once for all levels.
        buckets, level = buckets_of(keys, self.level), self.level + 1
        while len(np.unique(coarser(buckets, level))) > cells:
            level += 1
        return _grid_of_buckets(coarser(buckets, level), level)

    def ends(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The least and the greatest number of each cell (cells,); NaN for missing numbers and for labels."""
        if isinstance(self.keys, tuple):
            nothing = np.full(len(self), np.nan)
            return nothing, nothing
        missing = self.keys == MISSING_CELL
        cells = np.where(missing, 0, self.keys)
        near = np.abs(cells) << self.level
        far = near + ((1 << self.level) - 1 if self.level < _LARGEST_SHIFT else 0)
        least, greatest = (bits.astype(np.int64).view(np.float64) for bits in (near, np.minimum(far, _INFINITY - 1)))
        low = np.where(cells > 0, least, -greatest) + 0.0  # the cell of zero holds small numbers of both signs
        high = np.where(cells < 0, -least, greatest)
        return np.where(missing, np.nan, low), np.where(missing, np.nan, high)

    def middles(self) -> NDArray[np.float64]:
        """The number in the middle of each cell (cells,); NaN for missing numbers and for labels."""
        low, high = self.ends()
        return low / 2 + high / 2

    def is_missing(self, cell: int) -> bool:
        """Whether a cell holds what is missing."""
        return bool(self.keys[cell] == (MISSING if isinstance(self.keys, tuple) else MISSING_CELL))

    def describe(self, cell: int) -> str:
        """What a cell holds, in words."""
        if isinstance(self.keys, tuple):
            if self.is_missing(cell):
                return "no value"
            return f"a value of bucket {self.keys[cell]}" if self.level else f"the value {self.keys[cell]!r}"
        if self.keys[cell] == MISSING_CELL:
            return "no value"
        middle = float(self.middles()[cell])
        return f"a value near {middle:g}" if self.level else f"the value {middle:g}"

    def to_json(self, packing: Packing = TEXT) -> dict[str, Any]:
        """A JSON object that `from_json` turns back into the same grid."""
        keys = list(self.keys) if isinstance(self.keys, tuple) else packing.array(self.keys)
        return {"kind": self.kind, "level": self.level, "keys": keys}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The grid that `to_json` wrote."""
        keys = tuple(data["keys"]) if data["kind"] == "label" else unpack(data["keys"], np.int64)
        return cls(data["kind"], int(data["level"]), keys)


_INFINITY = np.float64(np.inf).view(np.int64)


def numbers_grid(values: ArrayLike, cells: int) -> tuple[Grid, Codes]:
    """The grid of (rows,) numbers with at most `cells` occupied cells, and the cell of each row.

    NaN is a cell of its own, and does not count. Raises InputError for infinite numbers.
    """
    numbers = np.asarray(values, dtype=np.float64)
    missing = np.isnan(numbers)
    if bool(np.isinf(numbers).any()):
        raise InputError("values: not finite; quarantine such rows first")
    bits = np.abs(np.where(missing, 0.0, numbers)).view(np.int64)
    keys = np.where(missing, MISSING_CELL, np.where(numbers < 0, -bits, bits))
    ordered = np.sort(keys[~missing])
    apart = _apart(ordered)
    low, high = 0, _LARGEST_SHIFT
    while low < high:
        shift = (low + high) // 2
        if int(np.count_nonzero(apart >= 1 << shift)) < cells:
            high = shift
        else:
            low = shift + 1
    # The sorted numbers are at hand: looking each up among the few cells is quicker than sorting once more.
    cell_keys = _shifted(ordered, low)
    unique = (
        cell_keys[np.flatnonzero(np.concatenate(([True], cell_keys[1:] != cell_keys[:-1])))]
        if len(cell_keys)
        else cell_keys
    )
    if len(cell_keys) < len(keys):
        unique = np.concatenate(([MISSING_CELL], unique))
    return Grid("number", low, unique), np.searchsorted(unique, _shifted(keys, low)).astype(np.int64)


def labels_grid(values: ArrayLike | Levels, cells: int) -> tuple[Grid, Codes]:
    """The grid of (rows,) labels, taken as text, with at most `cells` occupied cells, and the cell of each row."""
    codes, levels = as_levels(values)
    grid, folded = Grid("label", 0, tuple(levels)).within(cells)
    return grid, folded[codes] if len(codes) else np.empty(0, dtype=np.int64)


def merge_grids(first: Grid, second: Grid, cells: int | None) -> tuple[Grid, Codes, Codes]:
    """The grid of both columns, and where the cells of each lie in it; `cells`: None: as many as there are.

    Raises:
        InputError: if one holds numbers and the other labels.
    """
    if first.kind != second.kind:
        raise InputError(f"a column of {first.kind}s cannot be compared with one of {second.kind}s")
    level = max(first.level, second.level)
    (coarse_first, from_first), (coarse_second, from_second) = first.coarsened(level), second.coarsened(level)
    if isinstance(coarse_first.keys, tuple) and isinstance(coarse_second.keys, tuple):
        union = Grid("label", level, tuple(sorted({*coarse_first.keys, *coarse_second.keys})))
        place = {key: at for at, key in enumerate(union.keys)}
        in_first, in_second = (
            np.array([place[key] for key in grid.keys], dtype=np.int64) for grid in (coarse_first, coarse_second)
        )
    else:
        keys = np.union1d(np.asarray(coarse_first.keys), np.asarray(coarse_second.keys)).astype(np.int64)
        union = Grid("number", level, keys)
        in_first, in_second = (np.searchsorted(keys, np.asarray(grid.keys)) for grid in (coarse_first, coarse_second))
    folded, codes = union.within(cells) if cells is not None else (union, np.arange(len(union), dtype=np.int64))
    return folded, codes[in_first[from_first]], codes[in_second[from_second]]


def _shifted(keys: Codes, shift: int) -> Codes:
    """Keys of a partition `shift` levels coarser; halves of the magnitude, so that both signs are treated alike."""
    if not shift:
        return keys
    sizes = np.abs(keys) >> shift
    return np.where(keys == MISSING_CELL, MISSING_CELL, np.where(keys < 0, -sizes, sizes))


def _apart(ordered: Codes) -> Codes:
    """How far each key is from the one before: they are in two cells while this is at least 2 to the level.

    Magnitudes of one sign differ in what they do not have in common. The cell of zero holds both signs.
    """
    before, after = ordered[:-1], ordered[1:]
    sizes_before, sizes_after = np.abs(before), np.abs(after)
    return np.where((before < 0) == (after < 0), sizes_before ^ sizes_after, sizes_before | sizes_after)


def _grid_of_buckets(buckets: Codes, level: int) -> tuple[Grid, Codes]:
    """The grid of these buckets (cells,), and the cell of each in it."""
    unique, codes = np.unique(buckets, return_inverse=True)
    names = [MISSING if bucket == NO_BUCKET else str(bucket) for bucket in unique.tolist()]
    order = sorted(range(len(names)), key=names.__getitem__)
    places = np.empty(len(names), dtype=np.int64)
    places[order] = np.arange(len(names))
    return Grid("label", level, tuple(names[at] for at in order)), places[codes]
