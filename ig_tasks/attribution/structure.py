"""What a look at one row told of a model: which rule fits it, and which shortcuts hold."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["PLAIN", "NotFollowed", "Segment", "Structure"]


class NotFollowed(Exception):  # noqa: N818 - a signal: the plain path takes over
    """The model does something that cannot be followed along the path; the message says what."""


@dataclass(frozen=True)
class Segment:
    """Cells [first, last) of a path cut into `cells`."""

    cells: int
    first: int
    last: int

    @property
    def edges(self) -> int:
        """How many edges the segment has."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Structure:
    """How a model depends on the place along the path, as far as it could be followed."""

    followed: bool = False  # every operation that depends on the path was seen, and gives the model's own outputs
    prefix: tuple[str, ...] = ()  # affine operations that run once per row instead of once per node
    operations: tuple[str, ...] = ()  # nonlinear operations, in order, each once
    kinked: bool = False  # some of them have kinks
    one_layer: bool = False  # each is elementwise, or a product, of something affine: one secant cell is exact
    secant: bool = False  # the secant rule can run on it
    pieces: int = 0  # layers of nonlinear operations, where all are piecewise linear; else 0
    bends: bool = False  # where operations behind the first layer have their kinks is known, of some at least
    units: int = 0  # a row's values at which operations with known kinks bend
    rough: bool = False  # some operation with kinks has no slope of its own: the mean of a cell's ends stands for it
    reason: str = field(default="")  # why it could not be followed, or why the secant rule cannot run

    @property
    def linear(self) -> bool:
        """Whether the model was followed and is affine along the path."""
        return self.followed and not self.operations

    @property
    def exact(self) -> bool:
        """Whether one secant cell gives the integral itself."""
        return self.secant and (self.linear or self.one_layer)


PLAIN = Structure(reason="the framework's plain path runs")
