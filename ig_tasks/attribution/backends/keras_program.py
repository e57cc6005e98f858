"""Traced functions of one Keras model: traced once a signature, kept as long as the model lives."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras_model import arranged
from ig_tasks.attribution.backends.keras_override import Override
from ig_tasks.attribution.targets import output_count, pick_output
from ig_tasks.errors import LayerError, ModelError

__all__ = ["Program", "Signature", "cast_float", "program_for"]

# Tracing runs the model's Python with layers overridden, so one thread at a time may do it.
_LOCK = threading.RLock()
_PROGRAMS: WeakKeyDictionary[Any, dict[Any, Program]] = WeakKeyDictionary()

_Spec = tuple[tuple[str, str, tuple[int, ...]], ...]


def cast_float(dtype: str) -> str:
    """The dtype of path points for an input declared as `dtype`."""
    return dtype if "float" in dtype and dtype != "bfloat16" else "float32"


@dataclass(frozen=True)
class Signature:
    """What decides the traced graph: names, dtypes and shapes without the rows."""

    starts: _Spec
    ends: _Spec
    fixed: _Spec
    constants: tuple[tuple[str, Any], ...]
    layers: tuple[tuple[str, str], ...]
    output: str | None
    named: bool
    names: tuple[str, ...]

    @classmethod
    def of(
        cls,
        starts: dict[str, Any],
        ends: dict[str, Any],
        fixed: dict[str, Any],
        *,
        layers: dict[str, str],
        output: str | None,
        named: bool,
        names: tuple[str, ...],
    ) -> Signature:
        arrays = {name: value for name, value in fixed.items() if isinstance(value, np.ndarray)}
        constants = tuple((name, value) for name, value in fixed.items() if name not in arrays)
        return cls(_spec(starts), _spec(ends), _spec(arrays), constants, tuple(layers.items()), output, named, names)


def _spec(arrays: Mapping[str, np.ndarray[Any, Any]]) -> _Spec:
    return tuple((name, array.dtype.name, array.shape[1:]) for name, array in arrays.items())


def program_for(model: Any, signature: Signature, layers: dict[str, Any]) -> Program:
    """The model's program for `signature`; a model that was rebuilt gets a new one."""
    with _LOCK:
        programs = _PROGRAMS.setdefault(model, {})
        key = (signature, tuple(id(weight) for weight in model.weights))
        if key not in programs:
            programs[key] = Program(model, signature, layers)
        return programs[key]


class Program:
    """Forward and backward passes over a batch of paths, as graphs for any number of rows and nodes.

    It holds the model weakly: traced graphs keep the weights' handles and no Python of the model's.
    """

    def __init__(self, model: Any, signature: Signature, layers: dict[str, Any]) -> None:
        self._model = ref(model)
        self._layers = {name: ref(layers[layer]) for name, layer in signature.layers}
        self._layer_names = dict(signature.layers)
        self.signature = signature
        arguments = (
            {name: tf.TensorSpec((None, *shape), dtype) for name, dtype, shape in signature.starts},
            {name: tf.TensorSpec((None, *shape), dtype) for name, dtype, shape in signature.ends},
            {name: tf.TensorSpec((None, *shape), dtype) for name, dtype, shape in signature.fixed},
            tf.TensorSpec((None,), tf.int64),
        )
        numbers, matrix = tf.TensorSpec((None,), tf.float64), tf.TensorSpec((None, None), tf.float64)
        starts = {name: tf.TensorSpec((1, *shape), dtype) for name, dtype, shape in signature.ends}
        self._specs = {
            "outputs": (self._outputs_at, (*arguments, tf.TensorSpec((), tf.bool))),
            "evaluate": (self._along, (*arguments, numbers, matrix)),
            "evaluate_shared": (self._integrate, (*arguments, numbers, matrix, starts, numbers)),
        }
        self._graphs: dict[str, Any] = {}

    def outputs(self, starts: Any, ends: Any, fixed: Any, columns: Any, at_start: bool) -> Any:
        return self._run("outputs", starts, ends, fixed, columns, at_start)

    def evaluate(self, starts: Any, ends: Any, fixed: Any, columns: Any, nodes: Any, weights: Any) -> Any:
        return self._run("evaluate", starts, ends, fixed, columns, nodes, weights)

    def evaluate_shared(
        self,
        starts: Any,
        ends: Any,
        fixed: Any,
        columns: Any,
        nodes: Any,
        weights: Any,
        gradient: Any,
        start_weights: Any,
    ) -> Any:
        return self._run("evaluate_shared", starts, ends, fixed, columns, nodes, weights, gradient, start_weights)

    def start_gradient(self, starts: Any, ends: Any, fixed: Any, columns: Any) -> dict[str, Any]:
        """Gradient at the (shared) start of the one row given. Eager: it is done once a call."""
        with _LOCK:
            starts, ends = self._points(
                tf.nest.map_structure(tf.constant, starts), tf.nest.map_structure(tf.constant, ends)
            )
            return self._gradients(starts, {}, self._constants(self._arrays(fixed)), tf.constant(columns), 1)[1]

    def check_layers(self, starts: Any, ends: Any, fixed: Any, columns: Any) -> None:  # noqa: ARG002
        """Run one row as the model itself would, and compare what named layers give with what the engine takes."""
        if not self._layers:
            return
        with _LOCK:
            ids = {name: tf.constant(ends[name]) for name in self._layers}
            points = {name: self._vectors(name, value) for name, value in ids.items()}
            plain = {name: tf.constant(value) for name, value in ends.items() if name not in self._layers}
            others = {name: tf.constant(value) for name, value in self._arrays(fixed).items()}
            self._call({**plain, **points}, ids, self._constants(others), compare=True)

    # -- inside graphs -----------------------------------------------------------------------------------

    def _outputs_at(self, starts: Any, ends: Any, fixed: Any, columns: Any, at_start: Any) -> Any:
        start_points, points = self._points(starts, ends)
        rows = tf.shape(columns)[0]
        chosen = {
            name: tf.where(
                at_start, tf.broadcast_to(start_points[name], tf.concat(([rows], tf.shape(point)[1:]), 0)), point
            )
            for name, point in points.items()
        }
        ids = {name: ends[name] for name in self._layers}
        return tf.cast(self._call(chosen, ids, self._constants(fixed)), tf.float64)

    def _along(self, starts: Any, ends: Any, fixed: Any, columns: Any, nodes: Any, weights: Any) -> Any:
        # A graph takes no optional arguments, so each form is a function of its own.
        return self._integrate(starts, ends, fixed, columns, nodes, weights, None, None)

    def _integrate(
        self,
        starts: Any,
        ends: Any,
        fixed: Any,
        columns: Any,
        nodes: Any,
        weights: Any,
        gradient: Any,
        start_weights: Any,
    ) -> Any:
        count, rows = tf.shape(nodes)[0], tf.shape(columns)[0]
        start_points, end_points = self._points(starts, ends)
        deltas = {name: end - start_points[name] for name, end in end_points.items()}
        points = {}
        for name, delta in deltas.items():
            along = tf.reshape(tf.cast(nodes, delta.dtype), (-1, *[1] * len(delta.shape)))
            path = start_points[name][None] + along * delta[None]
            points[name] = tf.ensure_shape(
                tf.reshape(path, tf.concat(([-1], tf.shape(delta)[1:]), 0)), (None, *delta.shape[1:])
            )
        ids = {name: _repeat(ends[name], count) for name in self._layers}
        others = {name: _repeat(value, count) for name, value in fixed.items()}
        values, gradients = self._gradients(points, ids, self._constants(others), columns, count)
        by_node = {
            name: tf.reshape(g, tf.concat(([count], tf.shape(deltas[name])), 0)) for name, g in gradients.items()
        }
        contributions = self._contributions(by_node, deltas, ends)
        width = tf.shape(contributions)[2]
        sums = tf.matmul(weights, tf.reshape(tf.cast(contributions, tf.float64), (count, -1)))
        if gradient is not None:
            first = self._contributions({name: g[None] for name, g in gradient.items()}, deltas, ends)
            sums += start_weights[:, None] * tf.reshape(tf.cast(first, tf.float64), (1, -1))
        return tf.reshape(tf.cast(values, tf.float64), (count, rows)), tf.reshape(sums, (-1, rows, width))

    def _alive(self, reference: Any) -> Any:
        """What a weak reference points to; the caller's model is alive while it is explained."""
        return reference()

    def _vectors(self, name: str, ids: Any) -> Any:
        return tf.convert_to_tensor(self._alive(self._layers[name])(ids, training=False))

    def _points(self, starts: Any, ends: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Starts and ends of the paths: layer outputs where a layer is named."""
        end_points = {name: self._vectors(name, end) if name in self._layers else end for name, end in ends.items()}
        start_points = {
            name: self._vectors(name, start)
            if name in self._layers and start.dtype.is_integer
            else tf.cast(start, end_points[name].dtype)
            for name, start in starts.items()
        }
        return start_points, end_points

    def _gradients(self, points: Any, ids: Any, fixed: Any, columns: Any, count: Any) -> tuple[Any, dict[str, Any]]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(points)
            outputs = self._call(points, ids, fixed)
            if outputs.shape[1] == 1:
                values = outputs[:, 0]
            else:
                values = tf.gather(outputs, tf.tile(columns, [count]), batch_dims=1)
        found = tape.gradient(values, points)
        if all(gradient is None for gradient in found.values()):
            raise ModelError(
                "model: its output does not depend on the inputs through differentiable operations (a cast inside?)"
            )
        return values, {
            name: tf.zeros_like(points[name]) if g is None else tf.convert_to_tensor(g) for name, g in found.items()
        }

    def _contributions(self, gradients: dict[str, Any], deltas: dict[str, Any], ends: dict[str, Any]) -> Any:
        """gradient x (end - start), (nodes, rows, features): an embedding's width is summed."""
        parts = []
        for name, gradient in gradients.items():
            product = gradient * deltas[name][None]
            surplus = list(range(len(ends[name].shape) + 1, len(product.shape)))
            if surplus:
                product = tf.reduce_sum(product, surplus)
            leading = tf.shape(product)[:2]
            parts.append(tf.reshape(product, tf.concat((leading, [int(np.prod(ends[name].shape[1:]))]), 0)))
        widest = max((part.dtype for part in parts), key=lambda dtype: dtype.size)
        return tf.concat([tf.cast(part, widest) for part in parts], axis=2)

    def _call(
        self, points: dict[str, Any], ids: dict[str, Any], fixed: dict[str, Any], *, compare: bool = False
    ) -> Any:
        """All outputs (points, outputs) at `points`; named layers give theirs, or are compared with them."""
        model = self._alive(self._model)
        given = {**points, **ids}
        with self._overridden(points, ids, compare=compare) as used:
            if self.signature.named:
                raw = model(arranged(model, {**given, **fixed}), training=False)
            else:
                raw = model(next(iter(given.values())), training=False)
        for name in self._layers:
            if ids and not used.get(name):
                raise LayerError(
                    f"layers: '{self._layer_names[name]}' did not run on input '{name}' when the model was called; "
                    "name the layer that embeds it"
                )
        outputs = pick_output(raw, self.signature.output, self.signature.names)
        outputs = tf.convert_to_tensor(outputs)
        if not outputs.dtype.is_floating:
            raise ModelError(
                f"model: its output is {outputs.dtype.name}, which has no gradient; explain the logits or probabilities"
            )
        return tf.reshape(outputs, (-1, output_count(outputs.shape)))

    @contextmanager
    def _overridden(self, points: dict[str, Any], ids: dict[str, Any], *, compare: bool) -> Iterator[dict[str, int]]:
        """Layers whose `call` gives path points, in this thread; masks are still made of the ids."""
        used: dict[str, int] = {}
        with ExitStack() as stack:
            for layer_name in dict.fromkeys(self._layer_names[name] for name in ids):
                inputs = [name for name in ids if self._layer_names[name] == layer_name]
                layer = self._alive(self._layers[inputs[0]])
                override = Override(
                    layer, layer_name, {name: (ids[name], points[name]) for name in inputs}, used, compare=compare
                )
                stack.enter_context(override)
            yield used

    def _arrays(self, fixed: dict[str, Any]) -> dict[str, Any]:
        return {name: fixed[name] for name, _, _ in self.signature.fixed}

    def _constants(self, fixed: dict[str, Any]) -> dict[str, Any]:
        # Keras takes no mixture of tensors and plain values in a dict of inputs.
        constants = {name: None if value is None else tf.constant(value) for name, value in self.signature.constants}
        return {**fixed, **constants}

    def _run(self, name: str, starts: Any, ends: Any, fixed: Any, *arguments: Any) -> Any:
        graph = self._graphs.get(name)
        if graph is None:
            function, specs = self._specs[name]
            with _LOCK:
                if name not in self._graphs:
                    traced = tf.function(function, input_signature=specs, autograph=False)
                    self._graphs[name] = traced.get_concrete_function()
                graph = self._graphs[name]
        return graph(*tf.nest.map_structure(tf.convert_to_tensor, (starts, ends, self._arrays(fixed), *arguments)))


def _repeat(value: Any, count: Any) -> Any:
    """(rows, ...) to (count x rows, ...), node by node."""
    return tf.tile(value, tf.concat(([count], tf.ones(len(value.shape) - 1, tf.int32)), 0))
