"""Columns of numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ig_tasks.data.inputs import InputSpec
from ig_tasks.data.reasons import mark
from ig_tasks.errors import DataError

__all__ = ["as_dtype", "encode_numbers"]


def encode_numbers(columns: list[pd.Series], name: str, spec: InputSpec, reasons: np.ndarray) -> np.ndarray:
    """(rows, columns) of the input's dtype; (rows,) of one column of ids.

    Raises:
        DataError: for a column that does not hold numbers.
    """
    numbers = [_numbers(column, name, spec, reasons) for column in columns]
    flat = spec.integer and len(numbers) == 1
    return numbers[0] if flat else np.stack(numbers, axis=1)


def as_dtype(values: np.ndarray, dtype: str) -> np.ndarray:
    """Floats in the input's dtype: a number too great for it becomes infinite, and is named as such."""
    with np.errstate(over="ignore"):
        return values.astype(dtype)


def _numbers(column: pd.Series, name: str, spec: InputSpec, reasons: np.ndarray) -> np.ndarray:
    values = _as_float64(column, name)
    filled = spec.in_place_of_gaps(str(column.name))
    if filled is not None:
        values = np.where(np.isnan(values), filled, values)
    mark(reasons, np.isnan(values), f"missing value in {column.name}")
    if spec.integer:
        limits = np.iinfo(spec.dtype)
        is_whole = (values == np.floor(values)) & (values >= limits.min) & (values <= limits.max)
        mark(reasons, ~is_whole, f"not a whole number in {column.name}")
        return np.where(is_whole, values, 0).astype(spec.dtype)
    narrow = as_dtype(values, spec.dtype)
    mark(reasons, np.isinf(narrow), f"value in {column.name} is not finite")
    return narrow


def _as_float64(column: pd.Series, name: str) -> np.ndarray:
    kind = pd.api.types.infer_dtype(column, skipna=True) if column.dtype == object else None
    number = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype)
    objects = kind in {"integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty"}
    if not number and not objects:
        present = column.dropna()
        shown = f" (such as {present.iloc[0]!r})" if len(present) else ""
        raise DataError(
            f"column '{column.name}' holds {column.dtype} values{shown}, and the model's input '{name}' needs"
            " numbers; convert the column, or give the input a vocabulary"
        )
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
