"""What the Keras backend asks of a model."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253 - this module is the framework's own, loaded lazily
import numpy as np

from ig_tasks.errors import InputError

__all__ = [
    "arranged",
    "cast_copy",
    "declared_shapes",
    "embedding_layers",
    "fits",
    "float_dtype",
    "functional_inputs",
    "layers_by_name",
    "output_names",
    "point_bytes",
]

_UNKNOWN_POINT_BYTES = 32 << 10  # a guess for a model that does not tell its layers' sizes


def layers_by_name(model: Any) -> dict[str, Any]:
    """Every layer, those of nested models too; the outermost has the name where names repeat."""
    found: dict[str, Any] = {}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        found.setdefault(layer.name, layer)
    found.update({layer.name: layer for layer in model.layers})
    return found


def embedding_layers(model: Any) -> list[str]:
    return [name for name, layer in layers_by_name(model).items() if isinstance(layer, keras.layers.Embedding)]


def functional_inputs(model: Any) -> dict[str, str]:
    """{input name: dtype} of a functional or built sequential model; empty for a subclassed one.

    The names are the keys where the model was built from a dict, else the names of its Input tensors.
    """
    return {name: str(tensor.dtype) for name, tensor in _input_tensors(model).items()}


def declared_shapes(model: Any) -> dict[str, tuple[int | None, ...]]:
    """{input name: one row's shape} where `functional_inputs` has names; None is any size."""
    return {name: tuple(tensor.shape[1:]) for name, tensor in _input_tensors(model).items()}


def _input_tensors(model: Any) -> dict[str, Any]:
    structure = _structure(model)
    if isinstance(structure, dict):
        return {str(name): tensor for name, tensor in structure.items()}
    return {} if structure is None else {tensor.name: tensor for tensor in keras.tree.flatten(structure)}


def fits(shape: tuple[int, ...], declared: tuple[int | None, ...]) -> bool:
    """Whether Keras takes rows of this `shape` (rows, ...); it adds or drops a last axis of 1 by itself."""
    one = shape[1:]
    if len(one) == len(declared) + 1 and one[-1] == 1:
        one = one[:-1]
    elif len(one) == len(declared) - 1 and declared[-1] == 1:
        one = (*one, 1)
    return len(one) == len(declared) and all(size in (None, own) for own, size in zip(one, declared, strict=True))


def arranged(model: Any, given: dict[str, Any]) -> Any:
    """Inputs by name as the model was built to take them: a dict, a list in its order, or one tensor."""
    structure = _structure(model)
    if structure is None or isinstance(structure, dict):
        return given
    names = list(functional_inputs(model))
    return given[names[0]] if len(names) == 1 else [given[name] for name in names]


def _structure(model: Any) -> Any:
    """The Input tensors of a functional or built sequential model, in the structure it was built from."""
    inputs = getattr(model, "inputs", None)
    if not isinstance(inputs, list):
        return None
    # A sequential model that was built from an Input and never called has no `input`.
    return (inputs[0] if len(inputs) == 1 else inputs) if isinstance(model, keras.Sequential) else model.input


def output_names(model: Any) -> tuple[str, ...]:
    return tuple(getattr(model, "output_names", None) or ())


def float_dtype(model: Any) -> str:
    """The dtype in which the model takes numbers."""
    for variable in model.weights:
        if "float" in str(variable.dtype):
            return str(variable.dtype)
    return str(model.compute_dtype or keras.config.floatx())


def point_bytes(model: Any, width: int) -> int:
    """About what one point's activations and gradients take, from the output sizes of a functional model's layers."""
    elements = 0
    for layer in layers_by_name(model).values():
        try:
            shapes = [tensor.shape for node in layer._inbound_nodes for tensor in node.output_tensors]
        except AttributeError:
            return _UNKNOWN_POINT_BYTES + 24 * width
        elements += sum(int(np.prod([size or 1 for size in shape[1:]])) for shape in shapes)
    if elements == 0:
        return _UNKNOWN_POINT_BYTES + 24 * width
    return 4 * (3 * elements + 6 * width)


def cast_copy(model: Any) -> Any:
    """A functional model again in float64, weights cast. Raises InputError for one that Keras cannot clone."""

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        if "float" in str(getattr(layer, "dtype", "float32")) or isinstance(config.get("dtype"), dict):
            config["dtype"] = "float64"
        return layer.__class__.from_config(config)

    def widened(tensor: Any) -> Any:
        dtype = "float64" if "float" in str(tensor.dtype) else tensor.dtype
        return keras.Input(batch_shape=tensor.shape, dtype=dtype, name=tensor.name)

    try:
        inputs = None if _structure(model) is None else keras.tree.map_structure(widened, _structure(model))
        copy = keras.models.clone_model(model, input_tensors=inputs, clone_function=clone)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"precision: this model cannot be cloned in float64 ({str(error).splitlines()[0]}); "
            "build it with dtype='float64'"
        ) from error
    for new, old in zip(copy.weights, model.weights, strict=True):
        new.assign(np.asarray(old))
    return copy
