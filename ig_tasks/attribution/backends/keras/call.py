"""One Keras model, called on points along paths: named layers give points in place of their outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import ref

import numpy as np
import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras.model import arranged, as_tensors
from ig_tasks.attribution.backends.keras.override import Override, Pass, Seen
from ig_tasks.attribution.backends.keras.signature import Held, Signature
from ig_tasks.attribution.problem import copied
from ig_tasks.attribution.targets import number_count, pick_output
from ig_tasks.errors import ModelError

__all__ = ["Caller", "ShapeUnknown", "by_node", "explained", "repeated"]


class ShapeUnknown(Exception):  # noqa: N818 - a signal: the shape is asked of a call instead
    """A graph for any number of rows does not tell the shape of its output."""


class Caller:
    """The model and its layers that embed, held weakly: traced graphs keep weights' handles and no Python of theirs.

    Ids that the model is given beside the points come with its fixed inputs.
    """

    def __init__(self, model: Any, signature: Signature, layers: dict[str, Any]) -> None:
        self._model = ref(model)
        self._layers = {name: ref(layer) for name, layer in layers.items()}
        self._feeds = {feed.key: feed for feed in signature.feeds}
        self.signature = signature
        self.tail: tuple[int, ...] | None = None  # the output's axes behind the rows, once they are known

    def _alive(self, reference: Any) -> Any:
        """What a weak reference points to; the caller's model is alive while it is explained."""
        return reference()

    def _vectors(self, key: str, ids: Any) -> Any:
        return tf.convert_to_tensor(self._alive(self._layers[self._feeds[key].layer])(ids, training=False))

    def points(self, starts: Any, endpoints: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Starts and ends of the paths: layer outputs where a layer is fed with ids."""
        end_points = {name: self._vectors(name, end) if name in self._feeds else end for name, end in endpoints.items()}
        start_points = {
            name: self._vectors(name, start)
            if name in self._feeds and start.dtype.is_integer
            else tf.cast(start, end_points[name].dtype)
            for name, start in starts.items()
        }
        return start_points, end_points

    def call(self, points: dict[str, Any], fixed: dict[str, Any]) -> Any:
        """All outputs (points, outputs) at `points`; layers that are on paths give theirs."""
        feeds = self.signature.feeds
        one = Pass(
            points={(feed.layer, feed.call): points[feed.key] for feed in feeds},
            axes={(feed.layer, feed.call): feed.axes for feed in feeds},
        )
        given = {name: point for name, point in points.items() if name not in self._feeds}
        with self._overridden(one):
            raw = self._raw(given, fixed, training=False)
        one.check_used()
        return self._outputs(raw, points, fixed)

    def watch(self, endpoints: dict[str, Any], fixed: dict[str, Any]) -> tuple[Any, list[Seen]]:
        """The model itself: all outputs, and what its layers that embed are fed with."""
        seen: list[Seen] = []
        given = {name: value for name, value in {**endpoints, **fixed}.items() if tf.is_tensor(value)}
        with self._overridden(Pass(given=given, seen=seen, graph=tf.compat.v1.get_default_graph())):
            raw = self._raw(endpoints, fixed, training=False)
        return self._outputs(raw, endpoints, fixed), seen

    def _outputs(self, raw: Any, points: dict[str, Any], fixed: dict[str, Any]) -> Any:
        given = [value for value in (*points.values(), *fixed.values()) if tf.is_tensor(value)]
        outputs = self._picked(raw)
        if not outputs.dtype.is_floating:
            raise ModelError(
                f"model: its output is {outputs.dtype.name}, which has no gradient; explain the logits or probabilities"
            )
        return self._in_line(outputs, given[0].shape[0])

    def _in_line(self, outputs: Any, rows: int | None) -> Any:
        """Outputs (points, numbers). Raises ShapeUnknown where a graph cannot say how many numbers a point has."""
        shape = outputs.shape
        if rows is None and self.tail is None:
            if shape.rank is None or None in shape[1:]:
                raise ShapeUnknown
            if shape.rank == 0:
                raise ModelError("model: rows went in, a single number came out; it mixes rows")
            if shape[0] is not None:
                raise ModelError(f"model: {shape[0]} came out, however many rows went in; it mixes rows")
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

    def as_called(self, endpoints: Any, fixed: Any) -> Any:
        """The output of `model(x)`, which nothing tells that it is not trained."""
        given = {name: tf.constant(end) for name, end in endpoints.items()}
        others = {name: tf.constant(value) for name, value in self.arrays(fixed).items()}
        return self._picked(self._raw(given, self.constants(others)))

    def _raw(self, points: dict[str, Any], fixed: dict[str, Any], **how: Any) -> Any:
        model = self._alive(self._model)
        if self.signature.named:
            arguments, keywords = arranged(model, {**points, **fixed}, self.signature.placed)
        else:
            arguments, keywords = list(points.values()), fixed
        return model(*as_tensors(arguments), **keywords, **how)

    def _picked(self, raw: Any) -> Any:
        return tf.convert_to_tensor(pick_output(raw, self.signature.output, self.signature.names))

    @contextmanager
    def _overridden(self, one: Pass) -> Iterator[None]:
        """Layers whose `call` is replaced, in this thread; masks are still made of the ids."""
        with ExitStack() as stack:
            for name, reference in self._layers.items():
                stack.enter_context(Override(self._alive(reference), name, one))
            yield

    def arrays(self, fixed: dict[str, Any]) -> dict[str, Any]:
        return {name: fixed[name] for name, _, _ in self.signature.fixed}

    def constants(self, fixed: dict[str, Any]) -> dict[str, Any]:
        constants = {name: one.value if isinstance(one, Held) else one for name, one in self.signature.constants}
        return {**fixed, **copied(constants)}

    def contributions(self, gradients: dict[str, Any], deltas: dict[str, Any]) -> Any:
        """gradient x (end - start), (nodes, rows, features).

        An embedding's width is summed, and what the vectors of one id have in several layers.
        """
        axes = {name: len(shape) + 1 for name, _, shape in self.signature.endpoints}
        parts = {}
        for name, gradient in gradients.items():
            product = gradient * deltas[name][None]
            surplus = list(range(axes[name] + 1, len(product.shape)))
            if surplus:
                product = tf.reduce_sum(product, surplus)
            size = int(np.prod(product.shape[2:], dtype=np.int64))
            parts[name] = tf.reshape(product, tf.concat((tf.shape(product)[:2], [size]), 0))
        widest = max((part.dtype for part in parts.values()), key=lambda dtype: dtype.size)
        return self._by_feature({name: tf.cast(part, widest) for name, part in parts.items()})

    def _by_feature(self, parts: dict[str, Any]) -> Any:
        """Contributions (nodes, rows, features) of those of each path, one a number or an id of a layer."""
        first, found = 0, []
        for name, shape in self.signature.explained:
            size = int(np.prod(shape, dtype=np.int64))
            if name in parts:
                found.append(parts[name])
            else:
                found.append(self._of_ids(name, parts, first, size))
            first += size
        return tf.concat(found, axis=2)

    def _of_ids(self, name: str, parts: dict[str, Any], first: int, size: int) -> Any:
        """Contributions (nodes, rows, ids) of an input that layers embed."""
        total = None
        for feed in self.signature.feeds:
            if feed.whole == name:
                own = parts[feed.key]
            else:
                places = np.array(feed.places, dtype=np.int64)
                here = np.flatnonzero((places >= first) & (places < first + size))
                if not here.size:
                    continue
                at = np.zeros((len(places), size))
                at[here, places[here] - first] = 1.0
                own = tf.matmul(parts[feed.key], tf.constant(at, parts[feed.key].dtype)[None])
            total = own if total is None else total + own
        return total


def repeated(value: Any, count: Any) -> Any:
    """(rows, ...) to (count x rows, ...), node by node."""
    return tf.tile(value, tf.concat(([count], tf.ones(len(value.shape) - 1, tf.int32)), 0))


def by_node(values: Sequence[Any], count: Any) -> Any:
    """(nodes, targets, rows) in double precision, of one (nodes x rows,) per target."""
    return tf.stack([tf.reshape(tf.cast(each, tf.float64), (count, -1)) for each in values], 1)


def explained(outputs: Any, targets: Any, count: Any) -> list[Any]:
    """The outputs that each row explains, one (count x rows,) per target, out of (count x rows, outputs)."""
    if outputs.shape[1] == 1:
        return [outputs[:, 0]] * targets.shape[0]
    # `gather_nd`, whose gradient is one scatter: that of `gather` with batch_dims is some hundred operations a target.
    rows = tf.range(tf.shape(outputs, tf.int64)[0])
    return [tf.gather_nd(outputs, tf.stack([rows, tf.tile(columns, [count])], 1)) for columns in tf.unstack(targets)]
