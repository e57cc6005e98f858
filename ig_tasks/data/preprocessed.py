"""Arrays that a package's own code makes of a table, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ig_tasks.data.inputs import InputSpec
from ig_tasks.data.numbers import as_dtype
from ig_tasks.data.reasons import mark
from ig_tasks.errors import IgTasksError, ModelError, suggest

__all__ = ["from_preprocess", "prepare", "take_prepared"]


def from_preprocess(spec: InputSpec) -> bool:
    """Whether the input's array comes from the package's `preprocess`."""
    return spec.kind == "array" or (spec.kind == "mask" and spec.of is None)


def prepare(
    frame: pd.DataFrame,
    inputs: Mapping[str, InputSpec],
    preprocess: Callable[[pd.DataFrame], Mapping[str, Any]] | None,
) -> dict[str, np.ndarray]:
    """{input name: array (rows, *shape)} of the inputs that come from `preprocess`; it sees the columns they read.

    Raises:
        ModelError: when it fails, or returns something else.
    """
    wanted = {name: spec for name, spec in inputs.items() if from_preprocess(spec)}
    if not wanted:
        return {}
    name, spec = next(iter(wanted.items()))
    if preprocess is None:
        raise ModelError(f"inputs.{name}: an input of kind '{spec.kind}' comes from code; name it in `preprocess`")
    columns = list(dict.fromkeys(column for spec in wanted.values() for column in spec.columns))
    absent = [column for column in columns if column not in frame.columns]
    if absent:
        return {}  # `encode` names it, as for any other input
    try:
        returned = preprocess(frame[columns].reset_index(drop=True))
        arrays = {str(name): np.asarray(array) for name, array in dict(returned).items()}
    except IgTasksError:
        raise
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ModelError(f"preprocess: it fails on rows of the data: {text}") from error
    for name, spec in wanted.items():
        if name not in arrays:
            raise ModelError(f"preprocess: it returned no '{name}'{suggest(name, arrays, noun='arrays')}")
        array, shape = arrays[name], (len(frame), *spec.row_shape)
        if array.shape != shape:
            raise ModelError(f"preprocess: '{name}' has shape {array.shape}, and model.yaml says {shape}")
        if array.dtype.kind not in "fiub":
            raise ModelError(f"preprocess: '{name}' is of dtype {array.dtype}, and a model takes numbers")
    return {name: arrays[name] for name in wanted}


def take_prepared(array: np.ndarray, name: str, spec: InputSpec, reasons: np.ndarray) -> np.ndarray:
    """The array in the input's dtype; a row that holds a number that is not finite is left out."""
    numbers = array.reshape(len(array), int(np.prod(array.shape[1:])))
    if array.dtype.kind == "f" and (spec.integer or spec.dtype == "bool"):
        is_whole = (np.isfinite(numbers) & (numbers == np.floor(numbers))).all(axis=1)
        mark(reasons, ~is_whole, f"not a whole number in {name}")
        array = np.where(np.isfinite(array), array, 0)
    typed = as_dtype(array, spec.dtype)
    if typed.dtype.kind == "f":
        mark(reasons, ~np.isfinite(typed.reshape(numbers.shape)).all(axis=1), f"value in {name} is not finite")
    return typed
