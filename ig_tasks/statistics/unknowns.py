"""How much of a column the model does not know, mergeable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ig_tasks.errors import RunError

__all__ = ["UnknownCounts"]

_FIGURES = ("rows", "cells", "unknown", "missing", "alike")
_SPELLINGS = 50
"""Spellings that are kept, the most frequent: they are examples, and a column of ids has millions."""


@dataclass(frozen=True)
class UnknownCounts:
    """What some rows held of one column of categories.

    cells: categories looked at: one per row, or as many as a bag or a text holds.
    unknown: of them outside the vocabulary; `missing`: nulls, which the model takes for unknown as well.
    alike: of `unknown` those that differ from a known category in case, blanks or the form of a number alone.
    spellings: the most frequent unknown ones, and how often each was there.
    """

    rows: int
    cells: int
    unknown: int
    missing: int = 0
    alike: int = 0
    spellings: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, *, rows: int, cells: int, missing: int, spellings: Mapping[str, int], alike: int, nameless: int = 0
    ) -> Self:
        """Counts of all unknown `spellings`; `nameless`: unknown cells that hold no text to show."""
        return cls(rows, cells, sum(spellings.values()) + nameless, missing, alike, _most_frequent(spellings))

    @property
    def share(self) -> float:
        """Share of the cells that the model takes for unknown; 0 where there are no cells."""
        return (self.unknown + self.missing) / self.cells if self.cells else 0.0

    @property
    def alike_share(self) -> float:
        """Share of the cells that are spelled like a known category but for case, blanks or a number's form."""
        return self.alike / self.cells if self.cells else 0.0

    def merge(self, other: Self) -> Self:
        """Counts over the rows of both."""
        spellings = Counter(self.spellings) + Counter(other.spellings)
        return type(self)(
            self.rows + other.rows,
            self.cells + other.cells,
            self.unknown + other.unknown,
            self.missing + other.missing,
            self.alike + other.alike,
            _most_frequent(spellings),
        )

    def to_json(self) -> dict[str, Any]:
        """The counts as JSON values; `from_json` reads them."""
        figures = {name: getattr(self, name) for name in _FIGURES}
        return {**figures, "spellings": dict(self.spellings)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Counts that `to_json` wrote. Raises RunError when they cannot be read."""
        try:
            spellings = {str(name): int(count) for name, count in data["spellings"].items()}
            return cls(**{name: int(data[name]) for name in _FIGURES}, spellings=spellings)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"unknown categories cannot be read ({error}); remove that file and run again") from error


def _most_frequent(spellings: Mapping[str, int]) -> dict[str, int]:
    """The most frequent, ties by name: the same rows give the same ones."""
    return dict(sorted(spellings.items(), key=lambda item: (-item[1], item[0]))[:_SPELLINGS])
