"""A model's graph followed along a batch of paths: what is affine once per row, the rest at every node."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras.affine import affine_parts
from ig_tasks.attribution.backends.keras.elements import elementwise
from ig_tasks.attribution.backends.keras.graph import Graph, Step, replay
from ig_tasks.attribution.backends.keras.path_operations import Done, do, known
from ig_tasks.attribution.backends.keras.pieces import beyond
from ig_tasks.attribution.backends.keras.rules import LOOPS, OPAQUE, SAME, UNEVEN, moves_rows, spelled
from ig_tasks.attribution.backends.keras.slopes import piecewise
from ig_tasks.attribution.backends.keras.slopes import smooth as smooth_cells
from ig_tasks.attribution.backends.keras.values import Affine, Bends, Element, Fixed, Lengths, Live, Sized, Still, Value
from ig_tasks.attribution.structure import NotFollowed

__all__ = ["Cut", "Knots", "Walk"]


@dataclass(frozen=True)
class Cut:
    """Where the affine part ends: an affine tensor, and its values at all points."""

    affine: Affine
    leaf: Any  # (nodes x rows, ...)


@dataclass(frozen=True)
class Knots:
    """An operation with kinks, behind `depth` layers of others: where what it compares, in `layers`, is 0."""

    depth: int
    bends: Bends
    layers: int
    units: int  # of a row


@dataclass
class Walk:
    """One pass over the graph, with values at `places` (nodes, 1 or rows).

    `watch` is told of every leaf. `given` are bases and deltas of the cuts, in order, from an earlier pass.
    """

    graph: Graph
    lengths: Lengths
    places: Any
    secant: bool
    watch: Callable[[Any], None]
    given: Sequence[tuple[Any, Any]] | None = None
    values: dict[int, Value] = field(default_factory=dict)
    cuts: list[Cut] = field(default_factory=list)
    prefix: list[str] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    knots: list[Knots] = field(default_factory=list)
    kinks: list[tuple[tuple[int, ...], Callable[..., Any]]] = field(default_factory=list)
    kinked: bool = False
    one_layer: bool = True
    rough: bool = False  # some operation with kinks has no slope of its own
    bent: bool = True  # all nonlinear operations are piecewise linear
    deepest: int = 0
    _laid: dict[int, Live] = field(default_factory=dict)

    def run(self, inputs: Sequence[Value], until: Sequence[int] | None = None) -> None:
        """Follow the graph from its inputs, as far as the tensors `until` need. Raises NotFollowed."""
        self.values |= dict(zip(self.graph.inputs, inputs, strict=True))
        self.values |= {key: Fixed(tensor) for key, tensor in self.graph.captures.items()}
        for value, key in zip(inputs, self.graph.inputs, strict=True):
            if isinstance(value, Affine):
                value.key = key
                self.graph.sizes[key] = (value.lead, value.dims)
            else:
                self.graph.sizes[key] = (1, tuple(value.at("rows").shape[1:]))
        for step in self.graph.steps if until is None else self.graph.before(until):
            results = self._done(step, [self.values[key] for key in step.inputs])
            self.values |= dict(zip(step.outputs, results, strict=False))

    def finished(self) -> Any:
        """The output at all points. Raises NotFollowed where it does not come from the path."""
        output = self.values[self.graph.output]
        if not isinstance(output, Affine | Live | Element):
            raise NotFollowed("the output does not depend on the path")
        return self.laid(output).tensor

    # -- one operation -----------------------------------------------------------------------------------

    def _done(self, step: Step, operands: list[Value]) -> Sequence[Value]:
        if step.type.startswith(LOOPS):
            raise NotFollowed(f"the model's graph has a loop or a branch ({step.type})")
        if not any(isinstance(each, Affine | Live | Element) for each in operands):
            return self._constant(step, operands)
        if step.type in SAME:
            sizes = self.graph.sizes
            sizes |= {new: sizes[old] for old, new in zip(step.inputs, step.outputs, strict=True) if old in sizes}
            return operands
        if step.type in ("Shape", "ZerosLike", "OnesLike"):
            return [self._shaped(step, operands[0])]
        if step.type in UNEVEN or moves_rows(step):
            raise NotFollowed(f"{spelled(step.type)} moves the rows from the first axis")
        element = elementwise(step, operands) if self.secant else None
        if element is not None and (element.names or any(isinstance(each, Element) for each in operands)):
            self.graph.sizes[step.outputs[0]] = (element.root.lead, element.root.dims)
            return [element]
        results = self._affine(step, operands) or self._live(step, operands)
        if element is not None and isinstance(results[0], Affine | Live):
            results[0].element = element
        return results

    def _constant(self, step: Step, operands: list[Value]) -> Sequence[Value]:
        """What does not depend on the path."""
        if all(isinstance(each, Fixed) for each in operands):
            return [Fixed(tensor) for tensor in replay(step.operation, [each.at("") for each in operands])]
        if step.type in ("Shape", "ZerosLike", "OnesLike"):
            return [self._shaped(step, operands[0])]
        if not any(isinstance(each, Still) for each in operands):
            kept: dict[str, list[Any]] = {}

            def made(kind: str) -> list[Any]:
                if kind not in kept:
                    kept[kind] = replay(step.operation, [each.at(kind) for each in operands])
                return kept[kind]

            return [Sized(lambda kind, place=place: made(kind)[place]) for place in range(len(step.outputs))]  # type: ignore[misc]
        if step.type in UNEVEN or moves_rows(step):
            raise NotFollowed(f"{spelled(step.type)} moves the rows from the first axis")
        outputs = replay(step.operation, [each.at("rows") for each in operands])
        for key, tensor in zip(step.outputs, outputs, strict=True):
            self._size(key, tensor, self.lengths.rows)
        return [Still(tensor, self.lengths) for tensor in outputs]

    def _shaped(self, step: Step, operand: Value) -> Sized:
        """Shapes, and constants in the shape of an operand: of the batch's length alone."""
        key, operation = step.inputs[0], step.operation
        if isinstance(operand, Sized):
            return Sized(lambda kind: replay(operation, [operand.at(kind)])[0])
        lead, dims = self.graph.sizes[key]

        def made(kind: str) -> Any:
            shape = tf.stack([self.lengths.of(kind) * lead, *dims])
            if step.type == "Shape":
                return tf.cast(shape, operation.get_attr("out_type"))
            return (tf.zeros if step.type == "ZerosLike" else tf.ones)(shape, operation.outputs[0].dtype)

        return Sized(made)

    def _affine(self, step: Step, operands: list[Value]) -> list[Value]:
        """Once a row; nothing where the operation does not keep its operands affine."""
        if any(isinstance(each, Live | Element) for each in operands):
            return []
        parts = affine_parts(step, operands)
        if parts is None:
            return []
        bases, deltas, shared = _kept(parts[0]), _kept(parts[1]), parts[2]
        count = len(deltas("rows")) if tf.executing_eagerly() else len(step.outputs)
        if step.type == "FusedBatchNormV3":
            count = 1
        results: list[Value] = []
        for place, key in enumerate(step.outputs[:count]):
            lead, dims = self._size(key, deltas("rows")[place] if tf.executing_eagerly() else None, self.lengths.rows)
            results.append(
                Affine(
                    lambda kind, place=place: bases(kind)[place],  # type: ignore[misc]
                    lambda kind, place=place: deltas(kind)[place],  # type: ignore[misc]
                    shared,
                    lead,
                    dims,
                    key,
                )
            )
        self._name(self.prefix, step.type)
        return results

    def _live(self, step: Step, operands: list[Value]) -> list[Value]:
        operands = [self.laid(each) if isinstance(each, Affine | Element) else each for each in operands]
        live = [each for each in operands if isinstance(each, Live)]
        depth = max(each.depth for each in live)
        if self.secant:
            done = do(step, operands, self.lengths.nodes)
        elif known(step):
            outputs = replay(step.operation, [each.at("points") for each in operands])
            done = Done(outputs, opaque=step.type in OPAQUE)
        else:
            raise NotFollowed(f"an operation without a rule depends on the path ({step.type})")
        if not done.linear:
            self._record([step.type], depth, done.layers, exact=done.exact, kinked=done.kinked, bent=done.piecewise)
        if done.kinks is not None:
            self._first(done.kinks, *live)
        results: list[Value] = []
        for key, tensor in zip(step.outputs, done.outputs, strict=False):
            lead, dims = self._size(key, tensor, self.lengths.points)
            behind = depth + (0 if done.linear else done.layers)
            opaque = done.opaque or not (tensor.dtype.is_floating or tensor.dtype.is_complex)
            results.append(Live(_sized(tensor, dims), behind, lead, dims, opaque))
            if done.bends is not None and key == step.outputs[0]:
                self.knots.append(Knots(depth, done.bends, done.layers, done.layers * lead * math.prod(dims)))
        return results

    # -- values ------------------------------------------------------------------------------------------

    def laid(self, value: Affine | Live | Element) -> Live:
        """Values at all points."""
        if isinstance(value, Live):
            return value
        if isinstance(value, Affine):
            if id(value) not in self._laid:
                self._laid[id(value)] = self._points(value)
            return self._laid[id(value)]
        if value.value is None:
            value.value = self._computed(value)
        return value.value

    def _points(self, affine: Affine) -> Live:
        if self.given is None:
            base, delta = affine.base(), affine.delta("rows")
        else:
            base, delta = self.given[len(self.cuts)]
        along = tf.cast(self.places, delta.dtype)[:, :, None]
        flat = tf.reshape(delta, (self.lengths.rows, affine.lead * int(np.prod(affine.dims))))
        start = tf.reshape(base, (-1, flat.shape[1]))
        leaf = tf.reshape(start[None] + along * flat[None], (-1, *affine.dims))
        self.watch(leaf)
        self.cuts.append(Cut(affine, leaf))
        return Live(leaf, 0, affine.lead, affine.dims)

    def _computed(self, element: Element) -> Live:
        """An elementwise function, with slopes over cells."""
        root = self.laid(element.root)
        nodes, pieces = self.lengths.nodes, element.bent.pieces if element.bent else None

        def call(z: Any) -> Any:
            return element.of(z)

        if not element.names or (pieces is not None and not pieces.steps):
            return Live(call(root.tensor), root.depth, root.lead, root.dims)
        if pieces is not None:
            value = piecewise(nodes, call, pieces, root.tensor)
            bends = beyond(pieces)
            self._first(lambda part: [(knot - part[0]) / part[1] for knot in pieces.knots], root)
        else:
            value = smooth_cells(nodes, call, root.tensor)
            bends = element.bends
        if bends:
            units = len(bends) * root.lead * math.prod(root.dims)
            self.knots.append(Knots(root.depth, lambda: [[bend(root.tensor) for bend in bends]], 1, units))
        self._record(element.names, root.depth, 1, exact=True, kinked=element.kinked, bent=pieces is not None)
        return Live(_sized(value, root.dims), root.depth + 1, root.lead, root.dims)

    def _first(self, places: Callable[..., Any], *values: Live) -> None:
        """Note where an operation has its kinks, if all of its operands are affine."""
        found = [place for value in values for place, cut in enumerate(self.cuts) if cut.leaf is value.tensor]
        if len(found) == len(values):
            self.kinks.append((tuple(found), places))

    def _record(self, names: Sequence[str], depth: int, layers: int, *, exact: bool, kinked: bool, bent: bool) -> None:
        for name in names:
            self._name(self.operations, name)
        self.kinked |= kinked
        self.rough |= kinked and not (exact or bent)
        self.one_layer &= exact and depth == 0
        self.bent &= bent
        self.deepest = max(self.deepest, depth + layers)

    @staticmethod
    def _name(names: list[str], kind: str) -> None:
        if spelled(kind) not in names:
            names.append(spelled(kind))

    def _size(self, key: int, tensor: Any, length: Any) -> tuple[int, tuple[int, ...]]:
        """Rows of a tensor to one of the batch, and its other axes: seen when run, known when traced."""
        if tf.executing_eagerly():
            rows = int(length)
            if not tensor.shape.rank or tensor.shape[0] % rows:
                raise NotFollowed("an operation moves the rows from the first axis")
            self.graph.sizes[key] = (tensor.shape[0] // rows, tuple(tensor.shape[1:]))
        return self.graph.sizes[key]


def _kept(make: Callable[[str], Any]) -> Callable[[str], Any]:
    kept: dict[str, Any] = {}

    def kept_at(kind: str) -> Any:
        if kind not in kept:
            kept[kind] = make(kind)
        return kept[kind]

    return kept_at


def _sized(tensor: Any, dims: tuple[int, ...]) -> Any:
    """The tensor with the axes that it is known to have."""
    if not tf.executing_eagerly():
        tensor.set_shape((None, *dims))
    return tensor
