"""What rows hold that the model takes for its unknown: noted cell by cell while they are encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ig_tasks.data.spellings import Spellings
from ig_tasks.statistics import UnknownCounts

__all__ = ["Outside"]

_MISSING, _NAMELESS = -1, -2


@dataclass
class Outside:
    """The cells of one column that hold no known category, in the rows of one table.

    cells: (rows,) categories of each row; `at`: (noted,) the row of each cell noted here; `codes`: (noted,) which of
    `names` it holds.
    """

    cells: NDArray[np.int64]
    at: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    codes: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    names: Sequence[str] = ()

    @classmethod
    def of_rows(cls, rows: int) -> Outside:
        """A column with one cell per row, about which nothing is noted yet."""
        return cls(np.ones(rows, np.int64))

    def note(self, codes: NDArray[np.intp], names: Sequence[str], known: NDArray[np.bool_]) -> None:
        """Note the cells of which `known` (cells,) is false; their `codes` are places in `names`, of nulls -1."""
        self.at = np.flatnonzero(~known)
        self.codes, self.names = np.asarray(codes[self.at], np.int64), names

    def note_nameless(self, unknown: NDArray[np.bool_]) -> None:
        """Note cells that are unknown, and hold no text that could be shown."""
        self.at = np.flatnonzero(unknown)
        self.codes = np.full(len(self.at), _NAMELESS, np.int64)

    def take(self, other: Outside) -> None:
        """Hold what another one does."""
        self.cells, self.at, self.codes, self.names = other.cells, other.at, other.codes, other.names

    def by_row(self, rows: NDArray[np.int64], counts: NDArray[np.int64]) -> Outside:
        """Cells in one line as cells of their rows: `rows` (cells,) the row of each, `counts` (rows,) how many."""
        return Outside(np.asarray(counts, np.int64), np.asarray(rows[self.at], np.int64), self.codes, self.names)

    def kept(self, keep: NDArray[np.bool_]) -> Outside:
        """The rows of which `keep` (rows,) is true alone."""
        here = keep[self.at]
        places = np.cumsum(keep) - 1
        return Outside(self.cells[keep], np.asarray(places[self.at[here]], np.int64), self.codes[here], self.names)

    def counts(self, known: Spellings) -> UnknownCounts:
        """How many cells are unknown, and the spellings of those."""
        codes, times = np.unique(self.codes, return_counts=True)
        counted = dict(zip(codes.tolist(), times.tolist(), strict=True))
        missing, nameless = counted.pop(_MISSING, 0), counted.pop(_NAMELESS, 0)
        spellings = {str(self.names[code]): count for code, count in counted.items()}
        return UnknownCounts.of(
            rows=len(self.cells),
            cells=int(self.cells.sum()),
            missing=missing,
            spellings=spellings,
            alike=known.alike_among(spellings),
            nameless=nameless,
        )
