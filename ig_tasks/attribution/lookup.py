"""Looks up vectors of a model's embedding layers; the model is opened once for many lookups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends import open_backend
from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.feeds import Layers, named_layers
from ig_tasks.errors import InputError

__all__ = ["Lookup", "embed"]


class Lookup:
    """`lookup(layer, ids)` gives the vectors (*ids.shape, width) of an embedding layer, in float64.

    Opening a model walks through all its layers. Within `opened` that happens once for all lookups, so a model with a
    thousand tables is not walked through a thousand times.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._layers: frozenset[str] = frozenset()
        self._opened: Backend | None = None
        self._until: ExitStack | None = None

    def __call__(self, layer: str, ids: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The vectors of `ids`. Raises LayerError or InputError."""
        if self._until is None or layer not in self._layers:
            with Lookup(self._model).opened({"ids": layer}) as alone:
                return alone(layer, ids)
        if self._opened is None:
            backend = open_backend(
                self._model, named_layers({name: name for name in sorted(self._layers)}), "model", None
            )
            self._until.enter_context(backend.session())
            self._opened = backend
        array = np.asarray(ids)
        if array.dtype.kind not in "iu":
            raise InputError(f"ids: dtype {array.dtype} is not an integer type")
        return self._opened.embed(layer, self._opened.check_ids(layer, array.astype(np.int64)))

    @contextmanager
    def opened(self, layers: Layers) -> Iterator[Self]:
        """Look up the inputs' `layers` in one model within the block; the first lookup opens it."""
        with ExitStack() as until:
            names = (each for tables in named_layers(layers).values() for each in tables.names)
            self._layers, self._until = frozenset(names), until
            try:
                yield self
            finally:
                self._opened = self._until = None


def embed(model: Any, layer: str, ids: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The embedding vectors (*ids.shape, width) of `ids`, in float64. Raises LayerError or InputError."""
    return Lookup(model)(layer, ids)
