"""A Keras model in which a layer's tensor is the output, or an input, or the only way of gradients."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import keras  # noqa: TID253 - this module is the framework's own, loaded lazily
import numpy as np
import tensorflow as tf  # noqa: TID253

from ig_tasks.attribution.backends.keras.model import arranged, as_tensors, float_dtype, layers_by_name
from ig_tasks.attribution.layer_places import LayerPlace, Role, replaced
from ig_tasks.errors import LayerError, suggest

__all__ = ["LayerModel"]


class LayerModel(keras.Model):  # type: ignore[misc]  # keras is not followed by mypy
    """A model with another role for the tensors at some places.

    read: the tensor at the only place is the output (rows, ...). put, added: the model takes a tensor by each place's
    key, beside its own inputs. through: gradients flow through `units` of the only place alone; the output stays.
    Its layers keep their names. Inputs that are `placed` go by position.
    """

    def __init__(
        self,
        model: Any,
        places: Sequence[LayerPlace],
        role: Role,
        *,
        placed: Sequence[str] = (),
        bare: bool = False,
        units: Any = None,
    ) -> None:
        super().__init__(dtype=float_dtype(model))
        known = layers_by_name(model)
        for place in places:
            if place.name not in known:
                hint = suggest(place.name, known, noun="layers")
                raise LayerError(f"layer: the model has no layer '{place.name}'{hint}")
        self.inner = model
        self._own_layers = {place.name: known[place.name] for place in places}
        self._places, self._role = tuple(places), role
        self._units = None if units is None else np.asarray(units)
        self._placed, self._bare = tuple(placed), bare

    def call(self, inputs: Any) -> Any:
        """As the model's own, never in training."""
        tensors: dict[str, Any] = {}
        if isinstance(inputs, dict):
            inputs = dict(inputs)
            tensors = {place.key: inputs.pop(place.key) for place in self._places if place.key in inputs}
            if self._bare:
                arguments, keywords = list(inputs.values()), dict[str, Any]()
            else:
                arguments, keywords = arranged(self.inner, inputs, self._placed)
        else:
            arguments, keywords = [inputs], {}
        found = _Found()
        with ExitStack() as stack:
            for place in self._places:
                layer = self._own_layers[place.name]
                stack.enter_context(found.watch(layer, place, partial(self._new, tensors, place, found)))
            raw = self.inner(*as_tensors(arguments), **keywords, training=False)
        for place in self._places:
            if not found.calls.get(place.key):
                raise LayerError(f"layer: '{place.name}' did not run when the model was called; name one that does")
        return found.tensor if self._role == "read" else raw

    def _new(self, tensors: dict[str, Any], place: LayerPlace, found: _Found, own: Any) -> Any:
        if not own.shape.rank or not own.dtype.is_floating:
            raise LayerError(f"layer: '{place.key}' is no tensor of numbers (rows, ...); name one that is")
        if self._role == "read":
            found.tensor = own
            if self._units is not None:
                axes = list(range(1, own.shape.rank))
                found.tensor = tf.reduce_sum(own * tf.constant(self._units, own.dtype), axes)[:, None]
            return own
        if self._role == "through":
            mask = tf.constant(np.asarray(self._units), dtype=own.dtype)
            still = tf.stop_gradient(own)
            return still + mask * (own - still)
        tensor = tf.reshape(tf.cast(tensors[place.key], own.dtype), tf.shape(own))
        tensor = tf.ensure_shape(tensor, own.shape)
        return tensor if self._role == "put" else own + tensor


class _Found:
    """What is found in one pass, in the thread that makes it."""

    def __init__(self) -> None:
        self.tensor: Any = None
        self.calls: dict[str, int] = {}
        self._owner = threading.get_ident()

    @contextmanager
    def watch(self, layer: Any, place: LayerPlace, new: Any) -> Iterator[None]:
        """`layer.call` replaced on the instance."""
        before, own_call = vars(layer).get("call"), layer.call

        def put(value: Any) -> Any:
            self.calls[place.key] = self.calls.get(place.key, 0) + 1
            if self.calls[place.key] > 1:
                raise LayerError(f"layer: '{place.name}' runs more than once in a pass; name one that runs once")
            own = place.pick(value, tf.is_tensor)
            return replaced(value, own, new(own))

        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self._owner:
                return own_call(*args, **kwargs)
            if place.side == "input":
                args, kwargs = put((args, kwargs))
                return own_call(*args, **kwargs)
            return put(own_call(*args, **kwargs))

        object.__setattr__(layer, "call", call)
        try:
            yield
        finally:
            if before is None:
                object.__delattr__(layer, "call")
            else:
                object.__setattr__(layer, "call", before)
