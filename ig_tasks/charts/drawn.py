"""What files and notebooks need of a chart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Drawn"]


class Drawn(Protocol):
    """A `Chart`, as those see it who write it out."""

    @property
    def words(self) -> str:
        """The text alternative."""
        ...

    @property
    def heading(self) -> str:
        """What stands above it."""
        ...

    @property
    def alternative(self) -> str:
        """Heading, words and notes."""
        ...

    @property
    def table(self) -> tuple[Mapping[str, Any], ...]:
        """The numbers that are drawn."""
        ...

    @property
    def width(self) -> float:
        """Pixels across."""
        ...

    @property
    def marks(self) -> int:
        """About how many marks are drawn."""
        ...

    def svg(self, *, dark: bool = False) -> str:
        """The chart as an `<svg>` element."""
        ...

    def png(self, *, dark: bool = False, scale: float = 2.0) -> bytes:
        """The chart as PNG."""
        ...
