"""Path points in place of a Keras layer's output, while a graph is traced."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.errors import LayerError

__all__ = ["Override"]


class Override:
    """`layer.call` replaced on the instance while a graph is traced; other threads get the layer's own."""

    def __init__(
        self, layer: Any, name: str, points: dict[str, tuple[Any, Any]], used: dict[str, int], *, compare: bool
    ) -> None:
        self._layer, self._name, self._points, self._used, self._compare = layer, name, points, used, compare
        self._call = layer.call
        self._owner = threading.get_ident()

    def __enter__(self) -> None:
        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self._owner:
                return self._call(*args, **kwargs)
            return self._put(args, kwargs)

        object.__setattr__(self._layer, "call", call)

    def __exit__(self, *error: object) -> None:
        object.__delattr__(self._layer, "call")

    def _put(self, args: Any, kwargs: Any) -> Any:
        given: Any = args[0] if args else next(iter(kwargs.values()), None)
        same = [name for name, (ids, _) in self._points.items() if ids is given]
        fresh = [name for name in self._points if not self._used.get(name)]
        if not same and not (len(self._points) == 1 and fresh):
            raise LayerError(
                f"layers: '{self._name}' runs several times in one pass, and which is which input's cannot be told; "
                "give each input a layer of its own"
            )
        name = (same or fresh)[0]
        self._used[name] = self._used.get(name, 0) + 1
        ids, points = self._points[name]
        # Keras may add an axis of one to ids (rows,) for an Input of shape (1,).
        vector = points.shape[len(ids.shape) :]
        points = tf.reshape(points, tf.concat((tf.shape(given), vector), 0))
        points = tf.ensure_shape(points, (None, *given.shape[1:], *vector))
        if self._compare:
            own = tf.convert_to_tensor(self._call(*args, **kwargs))
            if own.shape != points.shape or not np.allclose(own, points, rtol=1e-4, atol=1e-6, equal_nan=True):
                raise LayerError(f"layers: '{self._name}' is fed with something else than input '{name}'")
            return own
        return points
