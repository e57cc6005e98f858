"""The arrays of one call, checked: where each path starts and ends, and what is passed on as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.targets import Columns
from ig_tasks.errors import BaselineError, InputError, LayerError, suggest

__all__ = ["UNNAMED", "Places", "Problem", "state"]

UNNAMED = "inputs"  # the name of the only input where the model is called as model(x)

Array = npt.NDArray[Any]
Places = npt.NDArray[np.intp]
"""Positions of rows."""


@dataclass(frozen=True)
class Problem:
    """Rows to explain. Arrays are numpy's, in the caller's dtype: a backend casts a batch at a time."""

    ends: dict[str, Array]  # (rows, ...) inputs; integer ids where a layer is named
    starts: dict[str, Array]  # baselines: leading axis 1 (shared) or rows; ids or layer outputs where a layer is named
    fixed: dict[str, Any]  # (rows, ...) arrays, or constants, passed on as they are
    rows: int
    targets: Columns  # (targets, rows) the outputs explained

    @property
    def shared(self) -> bool:
        """Whether all rows start from one baseline."""
        return all(start.shape[0] == 1 for start in self.starts.values())

    @property
    def features(self) -> int:
        """Attributions of a row, all inputs together."""
        return sum(int(np.prod(end.shape[1:])) for end in self.ends.values())

    def take(self, rows: slice | npt.NDArray[np.intp]) -> Problem:
        """The problem of some rows; `rows` is a slice or an array of positions."""
        if isinstance(rows, slice) and rows == slice(0, self.rows):
            return self
        return Problem(
            ends={name: end[rows] for name, end in self.ends.items()},
            starts={name: start if start.shape[0] == 1 else start[rows] for name, start in self.starts.items()},
            fixed={name: value[rows] if isinstance(value, np.ndarray) else value for name, value in self.fixed.items()},
            rows=self.targets[:, rows].shape[1],
            targets=self.targets[:, rows],
        )

    def explaining(self, targets: Columns) -> Problem:
        """The problem of these outputs (targets, rows)."""
        return replace(self, targets=targets)

    def split(self, flat: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
        """(..., features) into {input name: (..., the input's own shape)}."""
        parts, position = {}, 0
        for name, end in self.ends.items():
            size = int(np.prod(end.shape[1:]))
            parts[name] = flat[..., position : position + size].reshape(*flat.shape[:-1], *end.shape[1:])
            position += size
        return parts


def state(backend: Backend, inputs: Any, baseline: Any, fixed: Mapping[str, Any] | None) -> Problem:
    """Check the arrays against the model and against one another.

    Raises InputError, BaselineError or LayerError, each naming the input.
    """
    named = isinstance(inputs, Mapping)
    given = {str(name): value for name, value in inputs.items()} if named else {UNNAMED: inputs}
    if not given:
        raise InputError("inputs: there are none")
    if named != isinstance(baseline, Mapping) and (isinstance(baseline, Mapping) or len(given) > 1):
        raise BaselineError("baseline: give it as the inputs are given: an array, or a dict by input name")
    starts_given = dict(baseline) if isinstance(baseline, Mapping) else dict.fromkeys(given, baseline)
    for name in starts_given:
        if name not in given:
            raise BaselineError(f"baseline: '{name}' is not an input{suggest(name, given, noun='inputs')}")
    others = dict(fixed or {})
    for name in others:
        if name in given:
            raise InputError(f"fixed: '{name}' is among the inputs already; an input is explained or fixed")
    backend.check_names(list(given) if named else [], list(others))
    for name in backend.layers:
        if name not in given:
            raise LayerError(f"layers: '{name}' is not an input{suggest(name, given, noun='inputs')}")

    ends = {name: _end(backend, name, value) for name, value in given.items()}
    sizes = {name: end.shape[0] for name, end in ends.items()}
    rows = next(iter(sizes.values()))
    for name, size in sizes.items():
        if size != rows:
            raise InputError(f"inputs: '{name}' has {size} rows, '{next(iter(sizes))}' has {rows}")
    starts = {}
    for name, end in ends.items():
        if name not in starts_given:
            raise BaselineError(f"baseline: there is none for input '{name}'")
        starts[name] = _start(backend, name, starts_given[name], end)
    kept = {name: _fixed(name, value, rows) for name, value in others.items()}
    return Problem(ends, starts, kept, rows, np.zeros((1, rows), dtype=np.int64))


def _numbers(field: str, value: Any) -> Array:
    array = np.asarray(value)
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


def _end(backend: Backend, name: str, value: Any) -> Array:
    array = _numbers(f"inputs['{name}']", value)
    if array.ndim == 0:
        raise InputError(f"inputs['{name}']: a single number; the first axis is the rows")
    if name in backend.layers:
        return backend.check_ids(backend.layers[name], _ids(f"inputs['{name}']", array))
    if array.dtype.kind in "iub" and not backend.takes_floats(name):
        raise LayerError(
            f"inputs['{name}']: integers have no gradient; name the layer that embeds them, layers={{'{name}': ...}}"
            f"{suggest('', backend.embedding_layers(), noun='embedding layers')} (or give floats)"
        )
    return array


def _ids(field: str, array: Array) -> Array:
    if array.dtype.kind == "f":
        if array.size and not (np.isfinite(array).all() and (array == np.trunc(array)).all()):
            raise InputError(f"{field}: the layer takes integer ids, and not all of these are")
        return array.astype(np.int64)
    return array.astype(np.int64, copy=False)


def _start(backend: Backend, name: str, value: Any, end: Array) -> Array:
    """The baseline of one input with a leading axis of 1 or rows."""
    array = _numbers(f"baseline['{name}']", value)
    shape = end.shape[1:]
    if name in backend.layers:
        layer = backend.layers[name]
        if array.dtype.kind in "iub":
            array = backend.check_ids(layer, array.astype(np.int64))
        else:
            shape = backend.embed(layer, np.zeros((1, *shape), dtype=np.int64)).shape[1:]
    if array.ndim == 0:
        return np.full((1, *shape), array)
    if array.shape == shape:
        return array[None]
    if array.shape in ((1, *shape), (end.shape[0], *shape)):
        return array
    raise BaselineError(
        f"baseline: that of input '{name}' has shape {array.shape}; give one row's {shape} (shared) or one a row, "
        f"{(end.shape[0], *shape)}"
    )


def _fixed(name: str, value: Any, rows: int) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    array = np.asarray(value)
    if _is_text(array):
        raise InputError(
            f"fixed: '{name}' holds text, and the engine passes numbers on; give the ids it is looked up as"
        )
    if array.ndim == 0 or array.shape[0] != rows:
        raise InputError(f"fixed: '{name}' has shape {array.shape}; its first axis is the {rows} rows")
    return array
