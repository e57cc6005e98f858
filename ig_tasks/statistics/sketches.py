"""Quantiles of a column of any length in a few kilobytes, the same however its rows are divided.

Values are counted in cells of equal relative width: the leading bits of the float64, sign, exponent and mantissa. A
column takes the narrowest cells of which it occupies at most `cells`. A part of the rows never occupies more of them
than the whole, so merging in any order ends at the same cells as counting all rows at once. Counts are exact, and so is
the sign of every quantile; a column of few different values keeps each apart, and has numpy's own quantiles.

Earlier versions kept t-digests (Dunning & Ertl 2019, arXiv:1902.04023), which are read as the counts of their
centroids.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ig_tasks.errors import RunError

__all__ = ["QuantileSketch"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_MAGIC = b"IGQ1"
_PLAIN = b"IGQ2"
_HEAD = struct.Struct("<4sBxxxIIdd")  # magic, level, the most cells, cells that there are, minimum, maximum
_LARGEST_SHIFT = 63
_MANTISSA = 52
_INFINITY = int(np.float64(np.inf).view(np.int64))


@dataclass(frozen=True, eq=False)
class QuantileSketch:
    """How many of a column's values lie in each occupied cell.

    Attributes:
        level: how many trailing bits of a value its cell leaves out; 0 keeps every value apart.
        keys: (cells,) the cells, increasing: the leading bits of the magnitude with the value's sign.
        counts: (cells,) values in each.
        minimum, maximum: of all values; NaN without any.
        most: cells that there may be.
    """

    level: int
    keys: Codes
    counts: Codes
    minimum: float
    maximum: float
    most: int

    @classmethod
    def of(cls, column: Floats, cells: int) -> Self:
        """The sketch of a one-dimensional float64 array of finite values, in any order."""
        if not column.size:
            return cls(0, np.empty(0, np.int64), np.empty(0, np.int64), np.nan, np.nan, cells)
        ordered = np.sort(column) + 0.0  # no negative zero
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        counts = np.diff(np.append(starts, len(ordered)))
        keys = _keys(ordered[starts])
        whole = cls(0, keys, counts, float(ordered[0]), float(ordered[-1]), cells)
        return whole._within()

    def merge(self, other: Self) -> Self:
        """The sketch of the values of both."""
        if not len(other.counts) or not len(self.counts):
            return self if len(self.counts) else other
        level = max(self.level, other.level)
        keys = np.concatenate([_shifted(sketch.keys, level - sketch.level) for sketch in (self, other)])
        order = np.argsort(keys, kind="stable")  # two runs that are in order: found and merged as such
        counts = np.concatenate([self.counts, other.counts])[order]
        extremes = min(self.minimum, other.minimum), max(self.maximum, other.maximum)
        most = min(self.most, other.most)
        return type(self)(level, *_gathered(keys[order], counts), *extremes, most)._within()

    def quantiles(self, q: Floats) -> Floats:
        """Values at the quantiles `q` in [0, 1], interpolated between neighbours as numpy does; NaN without values."""
        if not len(self.counts):
            return np.full(q.shape, np.nan)
        ends = np.cumsum(self.counts)
        position = q * (ends[-1] - 1)
        below = np.floor(position).astype(np.int64)
        first, second = (self._value_at(rank, ends) for rank in (below, np.minimum(below + 1, ends[-1] - 1)))
        share = position - below
        between = first + share * (second - first)
        return np.asarray(np.where(first == second, first, between), dtype=np.float64)

    def tail_sum(self, share: float) -> float:
        """Sum of the absolute values over the `share` of the values in which they are greatest; 0 without values.

        Right to about a thousandth: cells are narrow relative to their values.
        """
        low, high = self._ends()
        sizes = np.abs(low + high) / 2
        order = np.argsort(-sizes, kind="stable")
        sizes, rows = sizes[order], self.counts[order].astype(np.float64)
        room = np.maximum(share * rows.sum() - (np.cumsum(rows) - rows), 0.0)
        return float((sizes * np.minimum(rows, room)).sum())

    def to_bytes(self, *, compressed: bool = True) -> bytes:
        """What `from_bytes` turns back into the same sketch; not `compressed` where that is done for many at once."""
        magic = _MAGIC if compressed else _PLAIN
        head = _HEAD.pack(magic, self.level, self.most, len(self.keys), self.minimum, self.maximum)
        steps = np.diff(self.keys, prepend=np.int64(0))
        if not compressed:
            return head + np.stack([steps, self.counts], axis=1).astype("<i8").tobytes()
        return head + zlib.compress(np.stack([steps, self.counts]).astype("<i8").tobytes(), 1)

    @classmethod
    def from_bytes(cls, state: bytes) -> Self:
        """The sketch that `to_bytes` wrote, or the t-digest of an earlier version.

        Raises:
            RunError: if it is neither, or damaged.
        """
        if state[:4] not in (_MAGIC, _PLAIN):
            return cls._of_digest(state)
        try:
            _, level, most, cells, minimum, maximum = _HEAD.unpack_from(state)
            if state[:4] == _PLAIN:
                steps, counts = np.frombuffer(state, "<i8", offset=_HEAD.size).reshape(cells, 2).T
            else:
                steps, counts = np.frombuffer(zlib.decompress(state[_HEAD.size :]), "<i8").reshape(2, cells)
        except (struct.error, zlib.error, ValueError):
            raise RunError("quantiles are damaged; remove their statistics file and run again") from None
        return cls(level, np.cumsum(steps, dtype=np.int64), counts.astype(np.int64), minimum, maximum, most)

    @classmethod
    def _of_digest(cls, digest: bytes) -> Self:
        """The centroids of a serialised t-digest (serial version 1, little-endian), each counted where it lies."""
        head, empty, single = 8, 1, 2  # bytes, and bits of the flags in the sixth of them
        if len(digest) < head or digest[1] != 1:
            raise RunError("quantiles have an unknown format; a later version of ig-tasks may have written them")
        if digest[5] & empty:
            return cls.of(np.empty(0), _OF_DIGEST)
        if digest[5] & single:
            return cls.of(np.frombuffer(digest, "<f8", count=1, offset=head), _OF_DIGEST)
        centroid = np.dtype([("mean", "<f8"), ("weight", "<u8")])
        try:
            count, buffered = (int(number) for number in np.frombuffer(digest, "<u4", count=2, offset=head))
            minimum, maximum = (float(number) for number in np.frombuffer(digest, "<f8", count=2, offset=head + 8))
            centroids = np.frombuffer(digest, centroid, offset=head + 24)
        except ValueError:
            count, buffered, centroids = 0, 1, np.empty(0, centroid)
        if buffered or len(centroids) != count:
            raise RunError("quantiles are damaged; remove their statistics file and run again")
        keys, counts = _gathered(_keys(centroids["mean"] + 0.0), centroids["weight"].astype(np.int64))
        return cls(0, keys, counts, minimum, maximum, _OF_DIGEST)

    def _within(self) -> Self:
        """The same values in the narrowest cells of which at most `most` are occupied."""
        low, high = 0, _LARGEST_SHIFT if len(self.keys) > self.most else 0
        while low < high:
            shift = (low + high) // 2
            shifted = _shifted(self.keys, shift)
            if 1 + int(np.count_nonzero(shifted[1:] != shifted[:-1])) <= self.most:
                high = shift
            else:
                low = shift + 1
        if not low:
            return self
        keys, counts = _gathered(_shifted(self.keys, low), self.counts)
        return type(self)(self.level + low, keys, counts, self.minimum, self.maximum, self.most)

    def _ends(self) -> tuple[Floats, Floats]:
        """The least and the greatest value that each cell (cells,) may hold."""
        near = np.abs(self.keys) << self.level
        far = np.minimum(near + ((1 << self.level) - 1 if self.level < _LARGEST_SHIFT else 0), _INFINITY - 1)
        least, greatest = near.view(np.float64), far.view(np.float64)
        low, high = np.where(self.keys > 0, least, -greatest), np.where(self.keys < 0, -least, greatest)
        if self.level <= _MANTISSA:  # else the cell of zero holds more than what is smaller than any normal number
            low, high = np.where(self.keys == 0, 0.0, low), np.where(self.keys == 0, 0.0, high)
        return np.clip(low, self.minimum, self.maximum) + 0.0, np.clip(high, self.minimum, self.maximum) + 0.0

    def _value_at(self, rank: Codes, ends: Codes) -> Floats:
        """The values (ranks,) of these ranks, the least of which is 0: evenly spread over each cell."""
        low, high = self._ends()
        cell = np.searchsorted(ends, rank, side="right")
        inside = (rank - (ends[cell] - self.counts[cell]) + 0.5) / self.counts[cell]
        value = low[cell] + inside * (high[cell] - low[cell])
        value = np.where(rank == 0, self.minimum, np.where(rank == ends[-1] - 1, self.maximum, value))
        return np.asarray(value, dtype=np.float64)


_OF_DIGEST = 512
"""Cells of a t-digest that is read: it has fewer centroids."""


def _keys(values: Floats) -> Codes:
    """The bits of magnitudes, with the sign of their values."""
    bits = np.abs(values).view(np.int64)
    return np.where(values < 0, -bits, bits)


def _shifted(keys: Codes, shift: int) -> Codes:
    """Cells of a partition `shift` levels wider; halves of the magnitude, so that both signs are treated alike."""
    return keys if not shift else np.sign(keys) * (np.abs(keys) >> shift)


def _gathered(keys: Codes, counts: Codes) -> tuple[Codes, Codes]:
    """The different keys of some that are in order, and the sums of their counts."""
    starts = np.flatnonzero(np.concatenate((np.ones(min(len(keys), 1), dtype=bool), keys[1:] != keys[:-1])))
    return keys[starts], np.add.reduceat(counts, starts) if len(starts) else counts
