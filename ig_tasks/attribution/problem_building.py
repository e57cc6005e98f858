"""The caller's arrays, checked against the model and against one another: the problem that a call states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.mixture import Mixture
from ig_tasks.attribution.named_inputs import NamedInputs, as_array, is_number
from ig_tasks.attribution.problem import Problem
from ig_tasks.errors import BaselineError, InputError, LayerError, suggest

__all__ = ["build_problem"]

Array = npt.NDArray[Any]


def build_problem(
    backend: Backend, inputs: NamedInputs, baseline: Any, fixed: Mapping[str, Any] | None
) -> tuple[Problem, dict[str, Any]]:
    """The problem of all rows (the first output explained), its arrays checked against the model and one another.

    Beside it what is given as the baselines of embedded inputs instead of ids: whether it fits the layers' outputs is
    seen where those are known.

    Raises:
        InputError, BaselineError, LayerError: each naming the input.
    """
    arrays, named = inputs.arrays, not inputs.bare
    baseline = inputs.in_order("baseline", baseline)
    by_name = isinstance(baseline, Mapping)
    if (by_name and not named) or (not by_name and len(arrays) > 1 and not is_number(baseline)):
        raise BaselineError("baseline: give it as the inputs are given: an array, or a dict by input name")
    starts_given = dict(baseline) if isinstance(baseline, Mapping) else dict.fromkeys(arrays, baseline)
    for name in starts_given:
        if name not in arrays:
            raise BaselineError(f"baseline: '{name}' is not an input{suggest(name, arrays, noun='inputs')}")
    others = {**inputs.absent, **(fixed or {})}
    if "training" in others and backend.framework == "tensorflow":
        if others["training"]:
            raise InputError("fixed: 'training' is False wherever a model is explained; leave it out")
        del others["training"]
    for name in others:
        if name in arrays:
            raise InputError(f"fixed: '{name}' is among the inputs already; an input is explained or fixed")
    backend.check_names(list(arrays) if named else [], list(others), inputs.positional)
    for name in backend.layers:
        if name not in arrays:
            raise LayerError(f"layers: '{name}' is not an input{suggest(name, arrays, noun='inputs')}")

    endpoints = {name: _endpoint_array(backend, name, value) for name, value in arrays.items()}
    sizes = {name: end.shape[0] for name, end in endpoints.items()}
    rows = next(iter(sizes.values()))
    for name, size in sizes.items():
        if size != rows:
            raise InputError(f"inputs: '{name}' has {size} rows, '{next(iter(sizes))}' has {rows}")
    starts: dict[str, Array] = {}
    vectors: dict[str, Any] = {}
    for name, end in endpoints.items():
        if name not in starts_given:
            raise BaselineError(f"baseline: no baseline for input '{name}'")
        start = 0.0 if starts_given[name] is None else starts_given[name]
        if name not in backend.layers:
            starts[name] = _start_array(name, _numbers(f"baseline['{name}']", start), end)
        elif isinstance(start, Mapping | Mixture) or _numbers(f"baseline['{name}']", start).dtype.kind not in "iub":
            vectors[name] = start
        else:
            starts[name] = _start_array(name, np.asarray(start).astype(np.int64), end)
    fixed_values = {name: _fixed(name, value, rows) for name, value in others.items()}
    return Problem(endpoints, starts, fixed_values, rows, np.zeros((1, rows), dtype=np.int64)), vectors


def _numbers(field: str, value: Any) -> Array:
    array = as_array(value, field)
    if _is_text(array):
        raise InputError(
            f"{field}: text is not numeric; encode it first: give the ids that the model looks up, and name the layer "
            "that embeds them, or load the model as a package, which begins behind its lookup"
        )
    if array.dtype.kind not in "fiub":
        raise InputError(f"{field}: dtype {array.dtype} is not numeric; encode it first")
    # torch takes no array that runs backwards.
    return array.copy() if any(stride < 0 for stride in array.strides) else array


def _is_text(array: Array) -> bool:
    first = next(iter(array.flat), None) if array.dtype.kind == "O" else None
    return array.dtype.kind in "SUT" or isinstance(first, str | bytes)


def _endpoint_array(backend: Backend, name: str, value: Any) -> Array:
    array = _numbers(f"inputs['{name}']", value)
    if array.ndim == 0:
        raise InputError(f"inputs['{name}']: a single number; the first axis is the rows")
    if name in backend.layers:
        return _ids(f"inputs['{name}']", array)
    if array.dtype.kind in "iub" and not backend.takes_floats(name):
        raise LayerError(
            f"inputs['{name}']: integers have no gradient; name every layer that embeds them, "
            f"layers={{'{name}': [...]}}"
            f"{suggest('', backend.embedding_layers(), noun='embedding layers')} (or give floats)"
        )
    return array


def _ids(field: str, array: Array) -> Array:
    if array.dtype.kind == "f":
        if array.size and not (np.isfinite(array).all() and (array == np.trunc(array)).all()):
            raise InputError(f"{field}: not all of these are whole numbers, and a layer is named that is to embed ids")
        return array.astype(np.int64)
    return array.astype(np.int64, copy=False)


def _start_array(name: str, array: Array, end: Array) -> Array:
    """The baseline of one input with a leading axis of 1 or rows."""
    shape = end.shape[1:]
    if array.ndim == 0:
        return np.full((1, *shape), array)
    if array.shape == shape:
        return array[None]
    if array.shape in ((1, *shape), (end.shape[0], *shape)):
        return array
    raise BaselineError(
        f"baseline: that of input '{name}' has shape {array.shape}; give one row's {shape} (shared) or one per row, "
        f"{(end.shape[0], *shape)}"
    )


def _fixed(name: str, value: Any, rows: int) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if not (isinstance(value, list | tuple) or hasattr(value, "shape") or hasattr(value, "__array__")):
        return value  # a constant of any kind
    array = as_array(value, f"fixed['{name}']")
    if array.ndim == 0:
        return array.item()  # a number, or an object that no array holds
    if _is_text(array):
        raise InputError(
            f"fixed: '{name}' holds text, and the engine passes numbers on; give the ids it is looked up as"
        )
    if array.shape[0] != rows:
        raise InputError(
            f"fixed: '{name}' has shape {array.shape}; its first axis is the {rows} rows (what all rows share goes "
            f"into the model, functools.partial(model, {name}=...))"
        )
    return array
