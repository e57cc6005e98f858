"""Traced functions of one Keras model: traced once per signature, kept as long as the model lives."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.base import Edges
from ig_tasks.attribution.backends.keras.call import Caller, ShapeUnknown, by_node, explained, repeated
from ig_tasks.attribution.backends.keras.override import Seen
from ig_tasks.attribution.backends.keras.path_sums import PathSums
from ig_tasks.attribution.backends.keras.signature import Signature
from ig_tasks.attribution.backends.keras.state import kinds_of
from ig_tasks.attribution.structure import NotFollowed, Segment, Structure
from ig_tasks.errors import ModelError

__all__ = ["Arguments", "Comparison", "Kind", "Program", "program_for"]

# Tracing runs the model's Python with layers overridden, so one thread at a time may do it.
_LOCK = threading.RLock()
_PROGRAMS: WeakKeyDictionary[Any, dict[Any, Program]] = WeakKeyDictionary()

Arguments = tuple[dict[str, Any], dict[str, Any], dict[str, Any], Any]  # starts, ends, fixed inputs, targets
Kind = Literal["nodes", "cells"]
"""Sums of gradients at nodes, or of slopes over cells."""


class Comparison(Protocol):
    """A few rows, on which a followed model is held against the model itself."""

    def differs(self, program: Program, path_sums: PathSums, kind: Kind) -> str | None:
        """Why sums of this kind are not the model's own; None where they are."""
        ...


def program_for(model: Any, signature: Signature, layers: dict[str, Any]) -> Program:
    """The model's program for `signature`; a model that was rebuilt gets a new one."""
    with _LOCK:
        programs = _PROGRAMS.setdefault(model, {})
        key = (signature, tuple(id(weight) for weight in model.weights))
        if key not in programs:
            programs[key] = Program(Caller(model, signature, layers))
        return programs[key]


class Program:
    """Forward and backward passes over a batch of paths, as graphs for any number of rows and nodes.

    No gradient is taken eagerly, where those of the weights are computed, too. A graph leaves out what nobody asks for,
    and with it a fault of TensorFlow's: on some processors its gradient of a convolution's filter corrupts memory.

    TensorFlow's own graphs, not XLA's: XLA took 2.5 microseconds an evaluation of 256-128 units in place of 3.6, but
    0.35 to 0.9 s to compile, and that anew for every length of a batch.
    """

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.path_sums: PathSums | None = None  # the model's graph, once it was looked at
        self.structure: Structure | None = None
        self.comparison: Comparison | None = None
        self._right: set[Kind] = set()  # sums that were seen to be the model's own
        signature = caller.signature
        self._arguments = (
            {name: tf.TensorSpec((None, *shape), dtype) for name, dtype, shape in signature.starts},
            {name: tf.TensorSpec((None, *shape), dtype) for name, dtype, shape in signature.endpoints},
            {name: tf.TensorSpec((None, *shape), dtype) for name, dtype, shape in signature.fixed},
        )
        self._width = sum(math.prod(shape) for _, _, shape in signature.endpoints)
        self._graphs: dict[Any, Any] = {}
        self._kinds: frozenset[str] | None = None
        self._seen: list[Seen] = []

    def kinds(self, arguments: Arguments) -> frozenset[str] | None:
        """Types of the operations that the model runs. Nothing is run to find them; None where that cannot be."""
        if self._kinds is None:
            with suppress(ShapeUnknown):
                if self.caller.signature.starts:
                    graph = self._graph("outputs", self._outputs_at, self._flat(arguments, True))
                else:
                    graph = self._graph("watch", self._watched, self._flat(arguments))
                self._kinds = kinds_of(graph.graph)
        return self._kinds

    def outputs(self, arguments: Arguments, at_start: bool) -> Any:
        return self._run("outputs", self._outputs_at, arguments, at_start)

    def evaluate(self, arguments: Arguments, nodes: Any, weights: Any, followed: bool) -> Any:
        """Outputs (nodes, targets, rows) and weighted sums (levels, targets, rows, features) of contributions."""
        # Sums are pulled back to the inputs, or single nodes where they are fewer. That pays for wide inputs alone: 0.7
        # of the plain path's time with 1,000 columns, 1.3 times as much with 67.
        single = len(nodes) <= len(weights)
        if not followed or (len(nodes) < 2 * len(weights) and self._width < _WIDE):
            return self.plain(arguments, nodes, weights)
        return self.quadrature(self._followed("nodes"), arguments, nodes, weights, single=single)

    def plain(self, arguments: Arguments, nodes: Any, weights: Any) -> Any:
        """The same, by the model as it is."""
        return self._run("evaluate", self._integrated, arguments, nodes, weights)

    def quadrature(
        self, path_sums: PathSums, arguments: Arguments, nodes: Any, weights: Any, *, single: bool = False
    ) -> Any:
        """The same, by the model followed along the paths."""
        return self._run(("quadrature", single), path_sums.quadrature(single), arguments, nodes, weights)

    def secant(self, arguments: Arguments, edges: Edges, segments: Sequence[Segment]) -> Any:
        """Outputs (segments, 2, targets, rows) and sums (segments, targets, rows, features)."""
        return self.cells(self._followed("cells"), arguments, edges, segments)

    def cells(
        self,
        path_sums: PathSums,
        arguments: Arguments,
        edges: Edges,
        segments: Sequence[Segment],
        *,
        unit: bool = False,
    ) -> Any:
        """The same. `unit`: a cell counts 1 in place of its width; cells without width then give derivatives."""
        inner, within, outer = _cells(segments)
        parts, kinks = self._run("affine", path_sums.affine, arguments)
        places = edges(kinks.numpy() if kinks.shape[1] else None)
        # Between the last edge of a segment and the first of the next there is no cell.
        widths = (np.ones_like(places) if unit else np.diff(places, axis=0, append=places[-1:])) * inner[:, None]
        long = len(places) > _FEW
        return self._run(("cells", long), path_sums.cells(long), arguments, parts, places, widths, within, outer)

    def knots(self, arguments: Arguments, places: Any, layers: range) -> Any:
        return self._run(("knots", layers), self._path_sums().knots(layers), arguments, places)

    def path_ends(self, arguments: Arguments) -> Any:
        """Starts and ends of the paths, {path: (1 or rows, ...)} and {path: (rows, ...)}."""
        return self._run("path ends", self._path_ends, arguments)

    def outputs_at(self, arguments: Arguments, points: dict[str, Any]) -> Any:
        """The explained outputs (nodes, targets, rows) at points (nodes, rows, ...) of the paths."""
        return self._run("outputs at", self._outputs_at_points, arguments, points, specs=(_points_specs(points),))

    def gradients(self, arguments: Arguments, points: dict[str, Any]) -> Any:
        """The same outputs, and their gradients {path: (nodes, targets, rows, ...)}."""
        return self._run("gradients at", self._gradients_at_points, arguments, points, specs=(_points_specs(points),))

    def start_gradient(self, arguments: Arguments) -> list[dict[str, Any]]:
        """Gradients at the (shared) start of the one row given, by target."""
        found: list[dict[str, Any]] = self._run("start gradient", self._start_gradient, arguments)
        return found

    def start_contributions(self, arguments: Arguments, gradients: list[dict[str, Any]]) -> Any:
        """What gradients at a shared start contribute to each row, (targets, rows, features)."""
        specs = [{name: tf.TensorSpec(value.shape, value.dtype) for name, value in one.items()} for one in gradients]
        return self._run("start", self._at_start, arguments, gradients, specs=(specs,))

    def tail(self, rows: Arguments) -> tuple[int, ...]:
        """The output's axes behind the rows: as the graph says, or as one row given twice has them."""
        if self.caller.tail is None:
            try:
                if self.caller.signature.starts:
                    self.outputs(rows, False)
                else:
                    self._run("watch", self._watched, rows)
            except ShapeUnknown:
                with _LOCK:
                    _, endpoints, fixed, _ = self.constants(rows)
                    endpoints, fixed = tf.nest.map_structure(
                        lambda one: tf.repeat(one[:1], 2, axis=0), (endpoints, fixed)
                    )
                    self.caller.watch(endpoints, self.caller.constants(fixed))
        return self.caller.tail or ()

    def watch(self, arguments: Arguments) -> tuple[Any, list[tuple[Seen, Any]]]:
        """The model itself on the rows: outputs, and calls of layers that embed with what they are fed with."""
        self.tail(arguments)
        outputs, ids = self._run("watch", self._watched, arguments)
        left = iter(ids)
        return outputs, [(seen, None if seen.ids is None else next(left)) for seen in self._seen]

    def as_called(self, arguments: Arguments) -> Any:
        """Outputs of `model(x)` on the rows, without what `predict` tells it."""
        with _LOCK:
            return self.caller.as_called(arguments[1], arguments[2])

    def alone(self) -> Any:
        """The lock under which the model's Python runs."""
        return _LOCK

    def constants(self, arguments: Arguments) -> Any:
        """Arguments as tensors."""
        starts, endpoints, fixed, targets = arguments
        return tf.nest.map_structure(tf.constant, (starts, endpoints, self.caller.arrays(fixed), targets))

    # -- inside graphs -----------------------------------------------------------------------------------

    def _watched(self, starts: Any, endpoints: Any, fixed: Any, targets: Any) -> Any:  # noqa: ARG002
        outputs, self._seen = self.caller.watch(endpoints, self.caller.constants(fixed))
        return tf.cast(outputs, tf.float64), [seen.ids for seen in self._seen if seen.ids is not None]

    def _outputs_at(self, starts: Any, endpoints: Any, fixed: Any, targets: Any, at_start: Any) -> Any:
        start_points, points = self.caller.points(starts, endpoints)
        rows = tf.shape(targets)[1]
        chosen = {
            name: tf.where(
                at_start, tf.broadcast_to(start_points[name], tf.concat(([rows], tf.shape(point)[1:]), 0)), point
            )
            for name, point in points.items()
        }
        return tf.cast(self.caller.call(chosen, self.caller.constants(fixed)), tf.float64)

    def _path_ends(self, starts: Any, endpoints: Any, fixed: Any, targets: Any) -> Any:  # noqa: ARG002
        return self.caller.points(starts, endpoints)

    def _outputs_at_points(self, starts: Any, endpoints: Any, fixed: Any, targets: Any, points: Any) -> Any:
        flat, others, count = self._at_points(starts, endpoints, fixed, points)
        return by_node(explained(self.caller.call(flat, others), targets, count), count)

    def _gradients_at_points(self, starts: Any, endpoints: Any, fixed: Any, targets: Any, points: Any) -> Any:
        flat, others, count = self._at_points(starts, endpoints, fixed, points)
        values, found = self._gradients(flat, others, targets, count)
        return by_node(values, count), {
            name: tf.stack([tf.reshape(one[name], tf.shape(point)) for one in found], 1)
            for name, point in points.items()
        }

    def _at_points(self, starts: Any, endpoints: Any, fixed: Any, points: Any) -> Any:
        """Points (nodes x rows, ...) in the dtypes of their paths, the other inputs as often, and how many nodes."""
        count = tf.shape(next(iter(points.values())))[0]
        flat = {}
        for name, end in self.caller.points(starts, endpoints)[1].items():
            shaped = tf.reshape(points[name], tf.concat(([-1], tf.shape(points[name])[2:]), 0))
            flat[name] = tf.cast(tf.ensure_shape(shaped, (None, *end.shape[1:])), end.dtype)
        others = {name: repeated(value, count) for name, value in fixed.items()}
        return flat, self.caller.constants(others), count

    def _start_gradient(self, starts: Any, endpoints: Any, fixed: Any, targets: Any) -> list[dict[str, Any]]:
        points, _ = self.caller.points(starts, endpoints)
        return self._gradients(points, self.caller.constants(fixed), targets, 1)[1]

    def _integrated(self, starts: Any, endpoints: Any, fixed: Any, targets: Any, nodes: Any, weights: Any) -> Any:
        """The plain path: the model at all points, gradients at the inputs."""
        count, rows = tf.shape(nodes)[0], tf.shape(targets)[1]
        start_points, end_points = self.caller.points(starts, endpoints)
        deltas = {name: end - start_points[name] for name, end in end_points.items()}
        points = {}
        for name, delta in deltas.items():
            share = tf.reshape(tf.cast(nodes, delta.dtype), (-1, *[1] * len(delta.shape)))
            path = start_points[name][None] + share * delta[None]
            points[name] = tf.ensure_shape(
                tf.reshape(path, tf.concat(([-1], tf.shape(delta)[1:]), 0)), (None, *delta.shape[1:])
            )
        others = {name: repeated(value, count) for name, value in fixed.items()}
        values, gradients = self._gradients(points, self.caller.constants(others), targets, count)
        sums = []
        for one in gradients:
            by_node = {name: tf.reshape(g, tf.concat(([count], tf.shape(deltas[name])), 0)) for name, g in one.items()}
            parts = self.caller.contributions(by_node, deltas)
            total = tf.matmul(weights, tf.reshape(tf.cast(parts, tf.float64), (count, -1)))
            sums.append(tf.reshape(total, (-1, rows, tf.shape(parts)[2])))
        outputs = [tf.reshape(tf.cast(each, tf.float64), (count, rows)) for each in values]
        return tf.stack(outputs, 1), tf.stack(sums, 1)

    def _at_start(self, starts: Any, endpoints: Any, fixed: Any, targets: Any, gradients: Any) -> Any:  # noqa: ARG002
        start_points, end_points = self.caller.points(starts, endpoints)
        deltas = {name: end - start_points[name] for name, end in end_points.items()}
        parts = [
            self.caller.contributions({name: each[None] for name, each in gradient.items()}, deltas)[0]
            for gradient in gradients
        ]
        return tf.cast(tf.stack(parts), tf.float64)

    def _gradients(self, points: Any, fixed: Any, targets: Any, count: Any) -> tuple[list[Any], list[dict[str, Any]]]:
        """Values and gradients by target; the model goes forward once for all of them."""
        with tf.GradientTape(watch_accessed_variables=False, persistent=targets.shape[0] > 1) as tape:
            tape.watch(points)
            values = explained(self.caller.call(points, fixed), targets, count)
        found = [tape.gradient(each, points) for each in values]
        del tape
        if all(gradient is None for one in found for gradient in one.values()):
            raise ModelError(
                "model: its output does not depend on the inputs through differentiable operations (a cast inside?)"
            )
        return values, [
            {name: tf.zeros_like(points[name]) if g is None else tf.convert_to_tensor(g) for name, g in one.items()}
            for one in found
        ]

    # -- running them ------------------------------------------------------------------------------------

    def _path_sums(self) -> PathSums:
        if self.path_sums is None:
            raise NotFollowed(self.structure.reason if self.structure else "the model was not looked at")
        return self.path_sums

    def _followed(self, kind: Kind) -> PathSums:
        """The model's graph along paths, after sums of this kind were held against the model's own, once.

        Raises:
            NotFollowed: where they differ.
        """
        path_sums = self._path_sums()
        if kind not in self._right:
            with _LOCK:
                if kind not in self._right and self.comparison is not None:
                    reason = self.comparison.differs(self, path_sums, kind)
                    if reason is not None:
                        self.structure, self.path_sums = Structure(reason=reason), None
                        raise NotFollowed(reason)
                    self._right.add(kind)
        return path_sums

    def _run(self, name: Any, function: Any, arguments: Arguments, *others: Any, specs: Any = None) -> Any:
        """A traced function on the arguments; `others` are arrays of any length, of these `specs` if not."""
        flat = self._flat(arguments, *others)
        return self._graph(name, function, flat, specs)(*flat)

    def _flat(self, arguments: Arguments, *others: Any) -> Any:
        starts, endpoints, fixed, targets = arguments
        return tf.nest.map_structure(
            tf.convert_to_tensor, (starts, endpoints, self.caller.arrays(fixed), targets, *others)
        )

    def _graph(self, name: Any, function: Any, flat: Any, specs: Any = None) -> Any:
        several = len(flat[3])  # backward passes are laid out one by one
        if (name, several) not in self._graphs:
            with _LOCK:
                if (name, several) not in self._graphs:
                    given = specs or tf.nest.map_structure(_any_length, flat[4:])
                    signature = (*self._arguments, tf.TensorSpec((several, None), tf.int64), *given)
                    traced = tf.function(function, input_signature=signature, autograph=False)
                    self._graphs[name, several] = traced.get_concrete_function()
        return self._graphs[name, several]


_WIDE = 512
_FEW = 64  # terms whose sum loses no more in single precision than one of them


def _cells(segments: Sequence[Segment]) -> tuple[Any, Any, Any]:
    """Which edges begin a cell (edges,), which are whose (segments, edges), and the outer ones (segments, 2)."""
    last = np.cumsum([segment.edges for segment in segments]) - 1
    first = last - [segment.edges - 1 for segment in segments]
    place = np.arange(last[-1] + 1)
    within = (place >= first[:, None]) & (place <= last[:, None])
    inner = np.isin(place, last, invert=True)
    return inner.astype(np.float64), within.astype(np.float64), np.stack([first, last], axis=1)


def _points_specs(points: dict[str, Any]) -> dict[str, Any]:
    """Any number of nodes and rows."""
    return {name: tf.TensorSpec((None, None, *point.shape[2:]), tf.float64) for name, point in points.items()}


def _any_length(tensor: Any) -> Any:
    return tf.TensorSpec((None,) * len(tensor.shape), tensor.dtype)
