"""What the Keras backend asks of a model."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import keras  # noqa: TID253 - this module is the framework's own, loaded lazily
import numpy as np
import tensorflow as tf  # noqa: TID253

from ig_tasks.errors import InputError, brief

__all__ = [
    "arranged",
    "as_tensors",
    "call_names",
    "cast_copy",
    "copy_of",
    "declared_shapes",
    "embedding_layers",
    "fits",
    "float_dtype",
    "functional_inputs",
    "keyword_names",
    "layers_by_name",
    "output_names",
    "placed_names",
    "point_bytes",
]

_NAMES: WeakKeyDictionary[Any, list[tuple[str, str]]] = WeakKeyDictionary()
"""Names of the inputs of models that are copies, as those of the models they are copies of."""
_UNKNOWN_POINT_BYTES = 32 << 10  # a guess for a model that does not tell its layers' sizes


def layers_by_name(model: Any) -> dict[str, Any]:
    """Every layer, those of nested models too; the outermost has the name where names repeat."""
    found: dict[str, Any] = {}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        found.setdefault(layer.name, layer)
    found.update({layer.name: layer for layer in model.layers})
    return found


def embedding_layers(model: Any) -> list[str]:
    """Names of the Embedding layers, in the order of the model."""
    return [name for name, layer in layers_by_name(model).items() if isinstance(layer, keras.layers.Embedding)]


def functional_inputs(model: Any, given: Collection[str] = ()) -> dict[str, str]:
    """{input name: dtype} of a functional or built sequential model; empty for a subclassed one.

    The names are the keys where the model was built from a dict, else those that `summary` prints (of the input
    layers), or of the Input tensors where the caller's `given` names have those.
    """
    return {name: str(tensor.dtype) for name, tensor in _input_tensors(model, given).items()}


def declared_shapes(model: Any, given: Collection[str] = ()) -> dict[str, tuple[int | None, ...]]:
    """{input name: one row's shape} where `functional_inputs` has names; None is any size."""
    return {name: tuple(tensor.shape[1:]) for name, tensor in _input_tensors(model, given).items()}


def _input_tensors(model: Any, given: Collection[str]) -> dict[str, Any]:
    structure = _structure(model)
    if isinstance(structure, dict):
        return {str(name): tensor for name, tensor in structure.items()}
    tensors = [] if structure is None else keras.tree.flatten(structure)
    names = _NAMES.get(model) or [(tensor.name, _printed(tensor)) for tensor in tensors]
    return {
        own if own in given and printed not in given else printed: tensor
        for (own, printed), tensor in zip(names, tensors, strict=True)
    }


def _printed(tensor: Any) -> str:
    """The name of the input layer: that of the tensor, unless nobody gave it one."""
    history = getattr(tensor, "_keras_history", None)
    return str(tensor.name if history is None else history.operation.name)


def call_names(model: Any) -> tuple[list[str], str | None]:
    """Parameters of `call` that take data by position, and the one that takes any number of them."""
    try:
        parameters = list(inspect.signature(model.call).parameters.values())
    except (TypeError, ValueError):
        return ["inputs"], None
    placed = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return (
        [name for name in placed if name not in ("training", "mask")],
        next((p.name for p in parameters if p.kind == p.VAR_POSITIONAL), None),
    )


def keyword_names(model: Any) -> list[str]:
    """Names that `call` takes as keywords, beside the inputs that it takes first."""
    try:
        parameters = list(inspect.signature(model.call).parameters.values())
    except (TypeError, ValueError):
        return []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return named[1:] if named and parameters[0].name == named[0] else named


def placed_names(model: Any, count: int) -> tuple[str, ...]:
    """Names of the inputs in the order of the model's, `count` at most: "inputs[0]", ... of those that `call` unpacks.

    Raises:
        InputError: for a model that was built from a dict, whose inputs have no order.
    """
    structure = _structure(model)
    if isinstance(structure, dict) and len(structure) > 1:
        known = ", ".join(f"'{name}'" for name in structure)
        raise InputError(f"inputs: the model was built from a dict, so that its inputs go by name: {known}")
    if isinstance(structure, dict):
        return tuple(map(str, structure))
    if structure is not None:
        return tuple(_printed(tensor) for tensor in keras.tree.flatten(structure))[:count]
    names, rest = call_names(model)
    if rest is not None:
        names = [*names, *(f"{rest}[{place}]" for place in range(max(count - len(names), 0)))]
    elif len(names) == 1 and count > 1:
        names = [f"{names[0]}[{place}]" for place in range(count)]
    return tuple(names[:count])


def fits(shape: tuple[int, ...], declared: tuple[int | None, ...]) -> bool:
    """Whether Keras takes rows of this `shape` (rows, ...); it adds or drops a last axis of 1 by itself."""
    one = shape[1:]
    if len(one) == len(declared) + 1 and one[-1] == 1:
        one = one[:-1]
    elif len(one) == len(declared) - 1 and declared[-1] == 1:
        one = (*one, 1)
    return len(one) == len(declared) and all(size in (None, own) for own, size in zip(one, declared, strict=True))


def arranged(model: Any, given: dict[str, Any], placed: Sequence[str] = ()) -> tuple[list[Any], dict[str, Any]]:
    """Arguments and keywords with which the model takes inputs by name.

    A functional model takes a dict, a list in its order, or one tensor, as it was built. A subclassed one takes a dict,
    unless its `call` has parameters of these names; those that are `placed` go by position. What else `call` has a
    keyword for is passed as such.
    """
    structure = _structure(model)
    if structure is not None:
        names = list(functional_inputs(model, given))
        keywords = {name: value for name, value in given.items() if name not in names}
        if isinstance(structure, dict):
            return [{name: given[name] for name in names}], keywords
        return [given[names[0]] if len(names) == 1 else [given[name] for name in names]], keywords
    names, rest = call_names(model)
    if placed:
        members = [given[name] for name in placed]
        unpacked = rest is None and len(names) == 1 and len(placed) > 1
        return [members] if unpacked else members, {name: v for name, v in given.items() if name not in placed}
    # A dict of inputs may have a "mask" of its own, which no other name of Keras's can be.
    known = [name for name in keyword_names(model) if name != "mask"]
    if len(names) > 1 and names[0] in given:
        return [given[names[0]]], {name: value for name, value in given.items() if name != names[0]}
    data = {name: value for name, value in given.items() if name not in known}
    return [data], {name: value for name, value in given.items() if name in known}


def as_tensors(argument: Any) -> Any:
    """Keras takes no mixture of tensors and plain values in a dict or list of inputs."""
    if isinstance(argument, dict):
        return {name: as_tensors(value) for name, value in argument.items()}
    if isinstance(argument, list):
        return [as_tensors(value) for value in argument]
    return argument if argument is None or tf.is_tensor(argument) else tf.constant(argument)


def _structure(model: Any) -> Any:
    """The Input tensors of a functional or built sequential model, in the structure it was built from."""
    inputs = getattr(model, "inputs", None)
    if not isinstance(inputs, list):
        return None
    # A sequential model that was built from an Input and never called has no `input`.
    return (inputs[0] if len(inputs) == 1 else inputs) if isinstance(model, keras.Sequential) else model.input


def output_names(model: Any) -> tuple[str, ...]:
    """The outputs' names; empty where the model has none."""
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
    try:
        return copy_of(model, "float64")
    except (TypeError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"precision: this model cannot be cloned in float64 ({brief(error)}); build it with dtype='float64'"
        ) from error


def copy_of(model: Any, dtype: str | None = None) -> Any:
    """A functional model again, with weights of its own; `dtype`: of numbers, None: as they are.

    Raises:
        TypeError, ValueError, NotImplementedError: for a model that Keras cannot clone.
    """

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        numbers = "float" in str(getattr(layer, "dtype", "float32")) or isinstance(config.get("dtype"), dict)
        if dtype is not None and numbers:
            config["dtype"] = dtype
        return layer.__class__.from_config(config)

    def again(tensor: Any) -> Any:
        kept = dtype is None or "float" not in str(tensor.dtype)
        return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype if kept else dtype, name=tensor.name)

    structure = _structure(model)
    inputs = None if structure is None else keras.tree.map_structure(again, structure)
    copy = keras.models.clone_model(model, input_tensors=inputs, clone_function=clone)
    given = [] if structure is None else keras.tree.flatten(structure)  # a single tensor has no truth value
    _NAMES[copy] = [(tensor.name, _printed(tensor)) for tensor in given]
    for new, old in zip(copy.weights, model.weights, strict=True):
        new.assign(np.asarray(old))
    return copy
