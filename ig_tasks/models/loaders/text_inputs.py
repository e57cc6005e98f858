"""Keras models that look their ids up themselves: cut behind the lookups, where gradients begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras  # noqa: TID253 - this module is imported when a Keras model is loaded, never before

from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import ModelError
from ig_tasks.models.loaders.lookup_ids import check_same

__all__ = ["behind_lookups"]

_PREPARING = (
    keras.layers.StringLookup,
    keras.layers.IntegerLookup,
    keras.layers.TextVectorization,
    keras.layers.CategoryEncoding,
    keras.layers.Hashing,
    keras.layers.Discretization,
)
_BEHIND = "save the model that begins behind it"


def behind_lookups(inputs: Mapping[str, InputSpec], model: Any) -> Any:
    """The model that takes ids, or zeros and ones, where it took text or numbers to look up; else the model itself.

    What looks them up (StringLookup, IntegerLookup, TextVectorization, CategoryEncoding, one behind another) is left
    out, and model.yaml's vocabulary does its work: that both give the same is checked here for every category.

    Raises:
        ModelError: for text that goes elsewhere, for layers that no vocabulary can stand for (Hashing, Discretization),
            and for a vocabulary that gives something else.
    """
    model_inputs = getattr(model, "input", None) if isinstance(getattr(model, "inputs", None), list) else None
    if not isinstance(model_inputs, dict):
        return model
    cut = dict(model_inputs)
    for name, tensor in model_inputs.items():
        spec = inputs[name]
        layers, inner = _chain(tensor, model)
        if tensor.dtype == "string" and not layers:
            raise ModelError(
                f"inputs.{name}: the model takes text, which has no gradient, and {_use_words(tensor, model)}"
            )
        # Masks are passed on as they are.
        if not layers or (spec.kind == "mask" and tensor.dtype != "string"):
            continue
        _check_layers(name, layers)
        _check_described(name, spec, layers, text=tensor.dtype == "string")
        check_same(name, spec, layers, tensor)
        inner.name = name
        cut[name] = inner
    if all(cut[name] is model_inputs[name] for name in model_inputs):
        return model
    behind = keras.Model(cut, model.output, name=model.name)
    for name, tensor in behind.input.items():
        # Keras calls the new beginning of the graph after the old tensor, and warns of names that differ.
        tensor.name = name
    return behind


def _chain(tensor: Any, model: Any) -> tuple[list[Any], Any]:
    """The layers that look an input up, one behind another, and what the last of them gives."""
    layers: list[Any] = []
    while True:
        uses = _uses(tensor, model)
        if len(uses) != 1 or not isinstance(uses[0][0], _PREPARING) or len(uses[0][1]) != 1:
            return layers, tensor
        layers.append(uses[0][0])
        tensor = uses[0][1][0]


def _uses(tensor: Any, model: Any) -> list[tuple[Any, list[Any]]]:
    """The operations that a tensor goes into in this model, and what they make of it."""
    # A sequential model was put together several times while it was read, each time out of the same tensor.
    own = {id(node) for nodes in model._nodes_by_depth.values() for node in nodes}
    return [
        (operation, node.output_tensors)
        for operation in model.operations
        for node in operation._inbound_nodes
        if id(node) in own and any(tensor is used for used in node.input_tensors)
    ]


def _use_words(text: Any, model: Any) -> str:
    """Where a text goes that goes into no lookup alone, and what to do."""
    uses = [operation for operation, _ in _uses(text, model)]
    if len(uses) == 1 and type(uses[0]).__name__ == "Signature":
        return "a SavedModel keeps its lookup inside; save the model as .keras, or export the one that begins behind it"
    where = ", ".join(operation.name for operation in uses) or "no layer"
    return (
        f"it goes into {where}; one lookup alone can be left out (StringLookup, TextVectorization): save the model that"
        " begins behind it"
    )


def _check_layers(name: str, layers: list[Any]) -> None:
    for layer in layers:
        objection = None
        if isinstance(layer, keras.layers.Hashing):
            objection = "hashes it, and no vocabulary gives the same ids; hash in `preprocess`, and"
        elif isinstance(layer, keras.layers.Discretization):
            objection = "sorts its numbers into bins, which has no gradient; make the bins in `preprocess`, and"
        elif isinstance(layer, keras.layers.TextVectorization):
            config = layer.get_config()
            if config["output_mode"] != "int":
                objection = f"counts its words (output_mode '{config['output_mode']}'), and these have no ids;"
            elif config["split"] != "whitespace" or config["ngrams"] is not None:
                objection = "does not split it at blanks into single words; do so in `preprocess`, and"
            elif config["output_sequence_length"] is None or config["ragged"]:
                # Padding would be as long as the longest text beside it: a row's number would hang on its batch.
                objection = "gives as many ids as a text has words; give it an output_sequence_length, or"
        if objection is not None:
            raise ModelError(f"inputs.{name}: the model's layer '{layer.name}' {objection} {_BEHIND}")


def _check_described(name: str, spec: InputSpec, layers: list[Any], *, text: bool) -> None:
    """See that a vocabulary can do the layers' work."""
    last, splits = layers[-1], isinstance(layers[0], keras.layers.TextVectorization)
    need = "takes text" if text else f"looks its numbers up in layer '{layers[0].name}'"
    if splits and (spec.kind != "tokens" or spec.vocabulary is None):
        raise ModelError(
            f"inputs.{name}: the model {need}, which has no gradient; describe it as `kind: tokens` with the"
            f" `vocabulary` of its layer '{last.name}' (get_vocabulary()[2:], `offset: 2`, `unknown: 1`), its `length`"
            " and `standardize`, and the embedding `layer` behind it"
        )
    if spec.vocabulary is None or len(spec.columns) != 1:
        raise ModelError(
            f"inputs.{name}: the model {need}, which has no gradient; give the input the `vocabulary` of its layer"
            f" '{last.name}', with its `offset` and `unknown`, and the embedding `layer` behind it (`kind: one_hot`"
            " where it gives zeros and ones)"
        )
    if splits and spec.standardize != (wanted := layers[0].get_config()["standardize"] or "none"):
        shown = wanted if isinstance(wanted, str) else "its own function"
        raise ModelError(
            f"inputs.{name}.standardize: is {spec.standardize or 'not given'}, and the model's layer '{layers[0].name}'"
            f" has {shown}; {'take that' if isinstance(wanted, str) else f'do so in `preprocess`, and {_BEHIND}'}"
        )
