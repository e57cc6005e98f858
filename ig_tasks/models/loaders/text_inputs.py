"""Keras models that take text and look its ids up themselves: cut behind the lookup, where gradients begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras  # noqa: TID253 - this module is imported when a Keras model is loaded, never before
import numpy as np

from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import ModelError

__all__ = ["behind_lookups"]

_NO_WORD = "\x00 no category"


def behind_lookups(inputs: Mapping[str, InputSpec], model: Any) -> Any:
    """The model that takes ids where it took text; the model itself where it takes none.

    Its StringLookup layers are left out, and ids come from model.yaml's vocabulary: that both give the same ids is
    checked here for every category.

    Raises ModelError for text that goes elsewhere than into one lookup, or a vocabulary that gives other ids.
    """
    given = getattr(model, "input", None) if isinstance(getattr(model, "inputs", None), list) else None
    if not isinstance(given, dict):
        return model
    texts = {name: tensor for name, tensor in given.items() if tensor.dtype == "string"}
    if not texts:
        return model
    cut = dict(given)
    for name, tensor in texts.items():
        lookup, found = _lookup(name, tensor, model)
        _check_ids(name, inputs[name], lookup)
        found.name = name
        cut[name] = found
    behind = keras.Model(cut, model.output, name=model.name)
    for name, tensor in behind.input.items():
        # Keras calls the new beginning of the graph after the old tensor, and warns of names that differ.
        tensor.name = name
    return behind


def _lookup(name: str, text: Any, model: Any) -> tuple[Any, Any]:
    """The layer that a text goes into, and the ids that it gives."""
    found = []
    for operation in model.operations:
        nodes = [node for node in operation._inbound_nodes if any(text is tensor for tensor in node.input_tensors)]
        found += [(operation, node.output_tensors) for node in nodes]
    if len(found) == 1:
        operation, outputs = found[0]
        if len(outputs) == 1 and "int" in str(outputs[0].dtype) and outputs[0].shape == text.shape:
            return operation, outputs[0]
    layers = ", ".join(operation.name for operation, _ in found) or "no layer"
    raise ModelError(
        f"inputs.{name}: the model takes text, which has no gradient, and it goes into {layers}; only a StringLookup"
        " that gives one id a row can be left out: save the model that begins behind it"
    )


def _check_ids(name: str, spec: InputSpec, lookup: Any) -> None:
    if spec.vocabulary is None or len(spec.columns) != 1:
        raise ModelError(
            f"inputs.{name}: the model takes text, which has no gradient; give the input the `vocabulary` of its layer"
            f" '{lookup.name}', with its `offset` and `unknown`, and the embedding `layer` behind it"
        )
    words = [*spec.vocabulary, *([_NO_WORD] if spec.unknown is not None else [])]
    wanted = [*spec.ids.values(), *([spec.unknown] if spec.unknown is not None else [])]
    with keras.device("cpu:0"):
        ids = np.asarray(keras.ops.convert_to_numpy(lookup(keras.ops.convert_to_tensor(words, dtype="string"))))
    for word, mine, own in zip(words, wanted, ids.tolist(), strict=True):
        if mine != own:
            what = "an unknown category" if word == _NO_WORD else f"category '{word}'"
            raise ModelError(
                f"inputs.{name}.vocabulary: {what} has id {mine} here and {own} in the model's layer '{lookup.name}';"
                " take the layer's vocabulary in its order, with its `offset` and `unknown`"
            )
