"""TensorFlow SavedModels: a signature as a functional Keras model, whose embeddings are layers again.

A signature takes ids and looks them up inside, where no path can run. So it is frozen into one flat graph, and cut
behind the lookups: what lies before is a layer of its own, by the name of the variable it reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ig_tasks.errors import ModelError, suggest
from ig_tasks.models.loaders.keras import KerasModel, finished

import keras  # isort: skip  # noqa: TID253 - this module is imported when a model is loaded; the loader chose the backend
import tensorflow as tf  # isort: skip  # noqa: TID253

from ig_tasks.models.loaders.lookups import Lookup, cut, frozen

if TYPE_CHECKING:
    from ig_tasks.models.contents import PackageContents

__all__ = ["load"]

_DEFAULTS = ("serving_default", "serve")


def load(package: PackageContents, device: str) -> KerasModel:
    """The signature "serving_default" ("serve", or the only one) on `device`.

    Raises:
        ModelError: for a folder that is no SavedModel, a signature that says nothing of its inputs' shapes, or a batch
            of a fixed size.
    """
    return finished(package, device, _read)


def _read(package: PackageContents) -> Any:
    path = package.weights
    try:
        saved = tf.saved_model.load(str(path))
        signatures = dict(saved.signatures)
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise ModelError(f"weights: '{path}' cannot be read as a SavedModel: {type(error).__name__}: {text}") from error
    name = next((name for name in _DEFAULTS if name in signatures), None)
    if name is None and len(signatures) != 1:
        hint = suggest("serving_default", signatures, noun="signatures")
        raise ModelError(f"weights: '{path}' has no signature 'serving_default'{hint}")
    function = signatures[name or next(iter(signatures))]
    inputs = {name: _input(name, spec) for name, spec in function.structured_input_signature[1].items()}
    outputs = list(function.structured_outputs)
    flat = frozen(function)
    tables, remainder = ([], None) if flat is None else cut(flat, function, list(inputs))
    body_inputs = dict(inputs)
    for table in tables:
        body_inputs[table.key] = Lookup(table)(inputs[table.input])
    body = Signature(function, remainder, outputs, saved)
    results = body(body_inputs)
    return keras.Model(inputs, results if len(outputs) > 1 else results[outputs[0]], name="saved_model")


def _input(name: str, spec: Any) -> Any:
    if spec.shape.rank is None or spec.shape.rank == 0 or any(size is None for size in spec.shape[2:]):
        raise ModelError(f"inputs.{name}: the signature does not say its shape; export it with (None, ...)")
    if spec.shape[0] is not None:
        raise ModelError(f"inputs.{name}: the signature takes exactly {spec.shape[0]} rows; export it with None rows")
    return keras.Input(batch_shape=tuple(spec.shape), dtype=spec.dtype.name, name=name)


class Signature(keras.layers.Layer):  # type: ignore[misc]  # keras is not followed by mypy
    """The signature as a layer: {input: array}, and vectors in place of what was looked up, to {output: array}."""

    def __init__(self, function: Any, remainder: Any, outputs: list[str], saved: Any) -> None:
        super().__init__(name="signature", trainable=False)
        self._function, self._remainder, self._outputs = function, remainder, outputs
        self._saved = saved  # its variables and tables live as long as it does

    def call(self, tensors: dict[str, Any]) -> dict[str, Any]:
        if self._remainder is None:
            results = self._function(**tensors)
            return {name: results[name] for name in self._outputs}
        return dict(self._remainder(tensors))

    def compute_output_spec(self, tensors: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        specs = self._function.structured_outputs
        return {name: keras.KerasTensor(tuple(specs[name].shape), specs[name].dtype.name) for name in self._outputs}
