"""What a tensor of a model's graph is along a batch of paths, and what of it is computed once per row.

Rows come first in every tensor that depends on the batch, and it is needed at several lengths: "base" (one baseline
for all rows, or one per row), "rows", "many" (several sums of gradients per row) and "points" (nodes x rows,
node-major).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras.pieces import Bent

__all__ = ["Affine", "Bends", "Element", "Fixed", "Lengths", "Live", "Sized", "Still", "Value"]


Bends = Callable[[], list[list[Any]]]
"""Values that are 0 where an operation has a kink, by layer of its own comparisons; made when they are asked for."""


@dataclass(frozen=True)
class Lengths:
    """How many rows of the batch there are at each length."""

    base: Any
    rows: Any
    points: Any
    nodes: Any
    many: Any = None  # None: nothing is pulled back

    def of(self, kind: str) -> Any:
        return getattr(self, kind)


class Value:
    """A tensor of the graph. `at` gives it at one of the lengths."""

    def at(self, kind: str) -> Any:
        raise NotImplementedError


@dataclass(eq=False)
class Fixed(Value):
    """The same for every row: weights, constants."""

    tensor: Any

    def at(self, kind: str) -> Any:  # noqa: ARG002
        return self.tensor


@dataclass(eq=False)
class Sized(Value):
    """Made of the batch's length alone: shapes, zeros like another tensor."""

    make: Callable[[str], Any]
    kept: dict[str, Any] = field(default_factory=dict)

    def at(self, kind: str) -> Any:
        if kind not in self.kept:
            self.kept[kind] = self.make(kind)
        return self.kept[kind]


@dataclass(eq=False)
class Still(Value):
    """Different from row to row, the same all along a row's path: fixed inputs, ids."""

    tensor: Any  # (rows, ...)
    lengths: Lengths
    kept: dict[str, Any] = field(default_factory=dict)

    def at(self, kind: str) -> Any:
        if kind == "rows":
            return self.tensor
        if kind not in self.kept:
            times = self.lengths.nodes if kind == "points" else self.lengths.many // self.lengths.rows
            ones = tf.ones(len(self.tensor.shape) - 1, tf.int32)
            self.kept[kind] = tf.tile(self.tensor, tf.concat(([times], ones), 0))
        return self.kept[kind]


@dataclass(eq=False)
class Affine(Value):
    """A value base + a x delta at place a of the path.

    Both parts are made when they are asked for, base at length "base" or "rows", delta at "rows" or "many".
    """

    make_base: Callable[[str], Any]
    make_delta: Callable[[str], Any]
    shared: bool  # the base is there at "base" length
    lead: int  # rows of this tensor to one of the batch
    dims: tuple[int, ...]
    key: int = -1
    element: Element | None = None
    depth: int = 0  # no nonlinear operation lies behind it
    bases: dict[str, Any] = field(default_factory=dict)
    deltas: dict[str, Any] = field(default_factory=dict)

    def base(self, kind: str | None = None) -> Any:
        kind = kind or ("base" if self.shared else "rows")
        if kind not in self.bases:
            self.bases[kind] = self.make_base(kind)
        return self.bases[kind]

    def delta(self, kind: str) -> Any:
        if kind not in self.deltas:
            self.deltas[kind] = self.make_delta(kind)
        return self.deltas[kind]


@dataclass(eq=False)
class Live(Value):
    """Values at all points, (nodes x rows, ...). An `opaque` one has no gradient."""

    tensor: Any
    depth: int  # layers of nonlinear operations behind it
    lead: int
    dims: tuple[int, ...]
    opaque: bool = False
    element: Element | None = None

    def at(self, kind: str) -> Any:  # noqa: ARG002
        return self.tensor


@dataclass(eq=False)
class Element(Value):
    """A function of `root`, element by element. What follows may still belong to it, so its values are put off."""

    root: Affine | Live
    call: Callable[[Any, dict[int, Any]], Any]  # of the root's values, and of what was made of them so far
    bent: Bent | None  # it is piecewise linear, the same for all elements
    names: tuple[str, ...] = ()  # of its nonlinear operations; none: it is affine
    kinked: bool = False
    bends: tuple[Callable[[Any], Any], ...] = ()  # of the root's values: 0 where it has a kink, if it is not `bent`
    value: Live | None = None  # once it is laid out

    def of(self, z: Any, made: dict[int, Any] | None = None) -> Any:
        """The function of `z`. `made` keeps what several parts of it share."""
        made = {} if made is None else made
        if id(self) not in made:
            made[id(self)] = self.call(z, made)
        return made[id(self)]
