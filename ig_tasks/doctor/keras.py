"""A Keras model looked through: its graph, traced once, with the calls of its layers noted on the way."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf  # noqa: TID253

from ig_tasks.attribution.backends.keras.model import (
    arranged,
    as_tensors,
    embedding_layers,
    functional_inputs,
    keyword_names,
    layers_by_name,
)
from ig_tasks.attribution.backends.keras.state import remembered, require_stateless
from ig_tasks.doctor.keras_trace import Flow, Recorder
from ig_tasks.doctor.observation import Observation, Route

__all__ = ["KerasSide"]

Array = npt.NDArray[Any]


class KerasSide:
    """A keras.Model on TensorFlow."""

    framework = "tensorflow"

    def __init__(
        self, model: Any, placed: Sequence[str] = (), names: Sequence[str] = (), *, bare: str | None = None
    ) -> None:
        require_stateless(model)
        self.model, self._placed, self._names, self._bare = model, placed, names, bare

    def known_layers(self) -> list[str]:
        """Names of all layers, in the order of the model."""
        return list(layers_by_name(self.model))

    def embedding_layers(self) -> list[str]:
        """Names of the embedding layers."""
        return embedding_layers(self.model)

    def input_names(self) -> list[str] | None:
        """Names that the model takes; None where it does not say."""
        known = list(functional_inputs(self.model, self._names))
        return [*known, *keyword_names(self.model)] if known else None

    def observe(self, inputs: Mapping[str, Array], layers: Collection[str]) -> Observation:
        """Trace the model once; `layers` are named by the user, and noted whatever they are."""
        tensors = self._tensors(inputs)
        with self._as_found():
            return self._observed(tensors, layers)

    def _observed(self, tensors: dict[str, Any], layers: Collection[str]) -> Observation:
        self._run(tensors)  # a subclassed model makes its layers when it is called first
        traced_inputs = {name: tensor for name, tensor in tensors.items() if tf.is_tensor(tensor)}
        specs = {name: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype) for name, tensor in traced_inputs.items()}
        recorder = Recorder(self.model)
        with recorder.recording():
            traced = tf.function(
                lambda traced_inputs: tf.nest.flatten(self._run({**tensors, **traced_inputs})), autograph=False
            )
            graph = traced.get_concrete_function(specs).graph
        flow = Flow(graph, dict(zip(sorted(traced_inputs), graph.inputs, strict=False)), recorder.calls, self.model)
        flow.follow(frozenset(layers))
        routes = {label for output in graph.outputs for label in flow.labels(output) if isinstance(label, Route)}
        return Observation(tuple(flow.calls), frozenset(routes))

    def outputs(self, inputs: Mapping[str, Array]) -> npt.NDArray[np.float64]:
        """All outputs side by side, (rows, numbers)."""
        with self._as_found():
            outputs = [np.asarray(each, np.float64) for each in tf.nest.flatten(self._run(self._tensors(inputs)))]
        return np.concatenate([each.reshape(len(each), -1) for each in outputs], axis=1)

    @contextmanager
    def _as_found(self) -> Iterator[None]:
        """Counters and states as they were, whatever calls leave in them."""
        restore = remembered(self.model.non_trainable_variables)
        try:
            yield
        finally:
            restore()

    def _run(self, tensors: dict[str, Any]) -> Any:
        if self._bare is not None:
            arguments, keywords = [tensors[self._bare]], {name: tensors[name] for name in tensors if name != self._bare}
        else:
            arguments, keywords = arranged(self.model, tensors, self._placed)
        return self.model(*as_tensors(arguments), **keywords, training=False)

    def _tensors(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        known = functional_inputs(self.model, self._names)
        single = len(known) == 1 and list(inputs) == [self._bare]
        tensors = {}
        for name, array in inputs.items():
            if not isinstance(array, np.ndarray):
                tensors[name] = array
                continue
            if array.dtype.kind in "OUS":
                tensors[name] = tf.constant(array.astype(object))
                continue
            declared = next(iter(known.values())) if single else known.get(name)
            other = "float32" if array.dtype.kind == "f" else array.dtype.name
            tensors[name] = tf.constant(array.astype(declared if declared not in (None, "string") else other))
        return tensors
