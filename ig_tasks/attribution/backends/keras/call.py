"""One Keras model, called on points along paths: named layers give points in place of their outputs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import ref

import numpy as np
import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras.model import arranged, as_tensors
from ig_tasks.attribution.backends.keras.override import Override
from ig_tasks.attribution.backends.keras.signature import Signature
from ig_tasks.attribution.problem import copied
from ig_tasks.attribution.targets import number_count, pick_output
from ig_tasks.errors import LayerError, ModelError

__all__ = ["Caller", "ShapeUnknown", "contributions", "explained", "repeated"]


class ShapeUnknown(Exception):  # noqa: N818 - a signal: the shape is asked of a call instead
    """A graph for any number of rows does not tell the shape of its output."""


class Caller:
    """The model and its named layers, held weakly: traced graphs keep the weights' handles and no Python of theirs."""

    def __init__(self, model: Any, signature: Signature, layers: dict[str, Any]) -> None:
        self._model = ref(model)
        self._layers = {name: ref(layers[layer]) for name, layer in signature.layers}
        self._layer_names = dict(signature.layers)
        self.signature = signature
        self.tail: tuple[int, ...] | None = None  # the output's axes behind the rows, once they are known

    @property
    def embedded(self) -> tuple[str, ...]:
        """Inputs whose paths run in a layer's output."""
        return tuple(self._layers)

    def check_layers(self, ends: Any, fixed: Any) -> None:
        """Run one row as the model itself would, and compare what named layers give with what the engine takes."""
        if not self._layers:
            return
        ids = {name: tf.constant(ends[name]) for name in self._layers}
        points = {name: self._vectors(name, value) for name, value in ids.items()}
        plain = {name: tf.constant(value) for name, value in ends.items() if name not in self._layers}
        others = {name: tf.constant(value) for name, value in self.arrays(fixed).items()}
        self.call({**plain, **points}, ids, self.constants(others), compare=True)

    def _alive(self, reference: Any) -> Any:
        """What a weak reference points to; the caller's model is alive while it is explained."""
        return reference()

    def _vectors(self, name: str, ids: Any) -> Any:
        return tf.convert_to_tensor(self._alive(self._layers[name])(ids, training=False))

    def points(self, starts: Any, ends: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Starts and ends of the paths: layer outputs where a layer is named."""
        end_points = {name: self._vectors(name, end) if name in self._layers else end for name, end in ends.items()}
        start_points = {
            name: self._vectors(name, start)
            if name in self._layers and start.dtype.is_integer
            else tf.cast(start, end_points[name].dtype)
            for name, start in starts.items()
        }
        return start_points, end_points

    def call(self, points: dict[str, Any], ids: dict[str, Any], fixed: dict[str, Any], *, compare: bool = False) -> Any:
        """All outputs (points, outputs) at `points`; named layers give theirs, or are compared with them."""
        given = {**points, **ids}
        with self._overridden(points, ids, compare=compare) as used:
            raw = self._raw(given, fixed, training=False)
        for name in self._layers:
            if ids and not used.get(name):
                raise LayerError(
                    f"layers: '{self._layer_names[name]}' did not run on input '{name}' when the model was called; "
                    "name the layer that embeds it"
                )
        outputs = self._picked(raw)
        if not outputs.dtype.is_floating:
            raise ModelError(
                f"model: its output is {outputs.dtype.name}, which has no gradient; explain the logits or probabilities"
            )
        return self._in_line(outputs, next(iter(given.values())).shape[0])

    def _in_line(self, outputs: Any, rows: int | None) -> Any:
        """Outputs (points, numbers). Raises ShapeUnknown where a graph cannot say how many numbers a point has."""
        shape = outputs.shape
        if rows is None and self.tail is None:
            if shape.rank is None or None in shape[1:]:
                raise ShapeUnknown
            if shape.rank == 0:
                raise ModelError("model: rows went in, a single number came out; it mixes rows")
            self.tail = tuple(shape[1:])
        tail = self.tail
        if tail is None and rows == 1 and tuple(shape[:1]) != (1,):
            tail = tuple(shape)  # the model squeezed the axis of its only row, too
        elif tail is None:
            if tuple(shape[:1]) != (rows,):
                came = shape[0] if shape.rank else "a single number"
                raise ModelError(f"model: {rows} rows went in, {came} came out; it mixes rows")
            tail = tuple(shape[1:])
            self.tail = tail if rows and rows > 1 else None
        return tf.reshape(outputs, (-1, number_count(tail)))

    def as_called(self, ends: Any, fixed: Any) -> Any:
        """The output of `model(x)`, which nothing tells that it is not trained."""
        given = {name: tf.constant(end) for name, end in ends.items()}
        others = {name: tf.constant(value) for name, value in self.arrays(fixed).items()}
        return self._picked(self._raw(given, self.constants(others)))

    def _raw(self, given: dict[str, Any], fixed: dict[str, Any], **how: Any) -> Any:
        model = self._alive(self._model)
        if self.signature.named:
            arguments, keywords = arranged(model, {**given, **fixed}, self.signature.placed)
        else:
            arguments, keywords = [next(iter(given.values()))], fixed
        return model(*as_tensors(arguments), **keywords, **how)

    def _picked(self, raw: Any) -> Any:
        return tf.convert_to_tensor(pick_output(raw, self.signature.output, self.signature.names))

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

    def arrays(self, fixed: dict[str, Any]) -> dict[str, Any]:
        return {name: fixed[name] for name, _, _ in self.signature.fixed}

    def constants(self, fixed: dict[str, Any]) -> dict[str, Any]:
        return {**fixed, **copied(dict(self.signature.constants))}


def contributions(gradients: dict[str, Any], deltas: dict[str, Any], ends: dict[str, Any]) -> Any:
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


def repeated(value: Any, count: Any) -> Any:
    """(rows, ...) to (count x rows, ...), node by node."""
    return tf.tile(value, tf.concat(([count], tf.ones(len(value.shape) - 1, tf.int32)), 0))


def explained(outputs: Any, targets: Any, count: Any) -> list[Any]:
    """Of all outputs (count x rows, outputs) those that each row explains, one (count x rows,) a target."""
    if outputs.shape[1] == 1:
        return [outputs[:, 0]] * targets.shape[0]
    return [tf.gather(outputs, tf.tile(columns, [count]), batch_dims=1) for columns in tf.unstack(targets)]
