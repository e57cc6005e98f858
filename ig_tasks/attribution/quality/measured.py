"""What was found of an explanation: figures with errors, and what could not be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Measured", "Measures"]


@dataclass(frozen=True)
class Measured:
    """One figure over the rows, with its standard error.

    Attributes:
        measure: which figure it is.
        of: what it is of, where there are several: a layer, a method, a baseline.
        chance: what an explanation that says nothing would have; None where that has no meaning.
    """

    measure: str
    value: float
    se: float
    rows: int
    of: str = ""
    chance: float | None = None


@dataclass(frozen=True)
class Measures:
    """All figures of a sample of rows, and {check: why it could not be carried out}."""

    rows: int
    figures: tuple[Measured, ...] = ()
    aside: Mapping[str, str] = field(default_factory=dict)
