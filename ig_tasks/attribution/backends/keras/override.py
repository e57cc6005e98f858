"""Path points in place of a Keras layer's output, or a note of what it is fed with, while a graph is traced."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.errors import LayerError

__all__ = ["Override", "Pass", "Seen"]


@dataclass(frozen=True)
class Seen:
    """A call of a layer: the input that it takes as it is, or what it is fed with; None inside a loop of the graph."""

    layer: str
    call: int
    same: str | None
    ids: Any = None


@dataclass
class Pass:
    """One pass through the model: `points` {(layer, call): points} take the place of what layers give.

    `axes` {(layer, call): axes of the ids that it is fed with}.
    """

    points: Mapping[tuple[str, int], Any] = field(default_factory=dict)
    axes: Mapping[tuple[str, int], int] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    seen: list[Seen] | None = None  # a list: what layers are fed with is noted in it
    calls: Counter[str] = field(default_factory=Counter)
    depth: int = 0
    graph: Any = None

    def check_used(self) -> None:
        for layer, call in self.points:
            if self.calls[layer] <= call:
                raise LayerError(
                    f"layers: '{layer}' was called {self.calls[layer]} times in a pass, and more often on the first "
                    "rows; cannot tell which call belongs to which input"
                )


class Override:
    """`layer.call` replaced on the instance while a graph is traced; other threads get the layer's own.

    Calls inside another layer that is replaced do not count.
    """

    def __init__(self, layer: Any, name: str, one: Pass) -> None:
        self._layer, self._name, self._pass = layer, name, one
        self._own = vars(layer).get("call")
        self._call = layer.call
        self._owner = threading.get_ident()

    def __enter__(self) -> None:
        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self._owner:
                return self._call(*args, **kwargs)
            return self._put(args, kwargs)

        object.__setattr__(self._layer, "call", call)

    def __exit__(self, *error: object) -> None:
        if self._own is None:
            object.__delattr__(self._layer, "call")
        else:
            object.__setattr__(self._layer, "call", self._own)

    def _put(self, args: Any, kwargs: Any) -> Any:
        one = self._pass
        if one.depth:
            return self._call(*args, **kwargs)
        number = one.calls[self._name]
        one.calls[self._name] += 1
        given: Any = args[0] if args else next(iter(kwargs.values()), None)
        if one.seen is not None:
            self._note(one, number, given)
            given = self._within(given)
            args, kwargs = ((given, *args[1:]), kwargs) if args else ((), {**kwargs, next(iter(kwargs)): given})
        points = one.points.get((self._name, number))
        if points is not None:
            return self._placed(points, given, one.axes[self._name, number])
        one.depth += 1
        try:
            return self._call(*args, **kwargs)
        finally:
            one.depth -= 1

    def _note(self, one: Pass, number: int, given: Any) -> None:
        same = next((name for name, tensor in one.given.items() if tensor is given), None)
        own = tf.is_tensor(given) and getattr(given, "graph", None) is one.graph
        if one.seen is not None:
            one.seen.append(Seen(self._name, number, same, given if own and same is None else None))

    def _within(self, given: Any) -> Any:
        """Ids that the table has: others are refused when they are read off."""
        size = getattr(self._layer, "input_dim", None)
        if not isinstance(size, int) or not tf.is_tensor(given):
            return given
        return tf.clip_by_value(given, tf.cast(0, given.dtype), tf.cast(size - 1, given.dtype))

    def _placed(self, points: Any, given: Any, axes: int) -> Any:
        """Points in the shape of what the layer was given."""
        if not tf.is_tensor(given) or len(given.shape) != axes:
            raise LayerError(f"layers: '{self._name}' is called with ids of another shape than on the first rows")
        vector = points.shape[axes:]
        points = tf.reshape(points, tf.concat((tf.shape(given), vector), 0))
        return tf.ensure_shape(points, (None, *given.shape[1:], *vector))
