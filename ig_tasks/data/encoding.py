"""Columns of a table into the arrays that a model takes; rows that cannot be encoded are named, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ig_tasks.data.inputs import InputSpec, category_name
from ig_tasks.errors import DataError, suggest

__all__ = ["Encoded", "encode"]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Model inputs of the rows that can be explained, and why the others cannot."""

    inputs: dict[str, np.ndarray]
    """{input name: (kept rows, ...)}"""
    keep: np.ndarray
    """bool (rows,): the rows that `inputs` holds, in the frame's order"""
    reasons: np.ndarray
    """object (rows,): None for a kept row, else one sentence: the first thing found, in the inputs' order"""


def encode(frame: pd.DataFrame, inputs: Mapping[str, InputSpec]) -> Encoded:
    """Encode every row of `frame`.

    A row is left out, with its reason, when a number is missing or not finite in the input's dtype, or when
    a category is outside the vocabulary and the input has no unknown id.

    Raises DataError for a column that is absent or does not hold numbers where numbers are needed: that is
    a fault of the whole table.
    """
    reasons = np.full(len(frame), None, dtype=object)
    arrays: dict[str, np.ndarray] = {}
    for name, spec in inputs.items():
        columns = [_column(frame, column, name) for column in spec.columns]
        if spec.vocabulary is not None:
            arrays[name] = _ids(columns[0], spec, reasons)
        else:
            numbers = [_numbers(column, name, spec, reasons) for column in columns]
            flat = spec.integer and len(numbers) == 1
            arrays[name] = numbers[0] if flat else np.stack(numbers, axis=1)
    keep = np.asarray(pd.isna(reasons))
    if not keep.all():
        arrays = {name: array[keep] for name, array in arrays.items()}
    return Encoded(inputs=arrays, keep=keep, reasons=reasons)


def _column(frame: pd.DataFrame, column: str, name: str) -> pd.Series:
    if column not in frame.columns:
        hint = suggest(column, frame.columns, noun="columns")
        raise DataError(f"column '{column}' of the model's input '{name}' is not in the data{hint}")
    found: pd.Series = frame[column]
    return found


def _mark(reasons: np.ndarray, rows: np.ndarray, reason: str | np.ndarray) -> None:
    """Give these rows a reason unless they have one: the first thing found is what is reported."""
    if not rows.any():
        return
    rows = rows & np.asarray(pd.isna(reasons))
    reasons[rows] = reason[rows] if isinstance(reason, np.ndarray) else reason


def _numbers(column: pd.Series, name: str, spec: InputSpec, reasons: np.ndarray) -> np.ndarray:
    values = _as_float64(column, name)
    _mark(reasons, np.isnan(values), f"missing value in {column.name}")
    if spec.integer:
        limits = np.iinfo(spec.dtype)
        whole = (values == np.floor(values)) & (values >= limits.min) & (values <= limits.max)
        _mark(reasons, ~whole, f"not a whole number in {column.name}")
        return np.where(whole, values, 0).astype(spec.dtype)
    with np.errstate(over="ignore"):
        narrow = values.astype(spec.dtype)
    _mark(reasons, np.isinf(narrow), f"value in {column.name} is not finite")
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


def _ids(column: pd.Series, spec: InputSpec, reasons: np.ndarray) -> np.ndarray:
    # Categories are looked up once each, rows by position: strings of 300,000 rows are never compared in Python.
    codes, uniques = pd.factorize(column, use_na_sentinel=True)
    names = [category_name(value) for value in uniques]
    # The last entry is the null's: factorize gives nulls the code -1.
    known = np.array([name in spec.ids for name in names] + [False], dtype=bool)
    outside = 0 if spec.unknown is None else spec.unknown
    table = np.array([spec.ids.get(name, outside) for name in names] + [outside], dtype=spec.dtype)
    if spec.unknown is None and not known.all():
        why = [f"unknown category '{name}' in {column.name}" for name in names]
        messages = np.array([*why, f"missing value in {column.name}"], dtype=object)
        _mark(reasons, ~known[codes], messages[codes])
    return np.asarray(table[codes])
