"""Counts of the categories of one column, mergeable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ig_tasks.errors import RunError
from ig_tasks.statistics.levels import Levels, as_levels


@dataclass(frozen=True)
class CategoryCounts:
    """How many rows hold each category; `counts` is sorted by category."""

    counts: dict[str, int]

    @classmethod
    def of(cls, values: ArrayLike | Levels) -> Self:
        """Counts of (rows,) values, taken as strings; missing ones count as `(missing)`."""
        codes, levels = as_levels(values)
        return cls(dict(zip(levels, np.bincount(codes, minlength=len(levels)).tolist(), strict=True)))

    @property
    def total(self) -> int:
        """Rows counted."""
        return sum(self.counts.values())

    def share(self, category: str) -> float:
        """Share of the rows that hold `category`; NaN when no row was counted."""
        return self.counts.get(category, 0) / self.total if self.counts else float("nan")

    def most_common(self, number: int | None = None) -> list[tuple[str, int]]:
        """(category, rows), most rows first, ties by name."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:number]

    def merge(self, other: Self) -> Self:
        """Counts over the rows of both."""
        names = sorted({*self.counts, *other.counts})
        return type(self)({name: self.counts.get(name, 0) + other.counts.get(name, 0) for name in names})

    def to_json(self) -> dict[str, Any]:
        """The counts as JSON values; `from_json` reads them."""
        return {"counts": dict(self.counts)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Counts that `to_json` wrote. Raises RunError when they cannot be read."""
        try:
            return cls({str(name): int(count) for name, count in data["counts"].items()})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"category counts cannot be read ({error}); remove that file and run again") from error
