"""Time series: a list of numbers in every cell, one column a variable."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ig_tasks.data.inputs import InputSpec
from ig_tasks.data.list_columns import cells_of, is_missing, numbers_of, stacked
from ig_tasks.data.numbers import as_dtype
from ig_tasks.data.reasons import mark

__all__ = ["encode_series"]


def encode_series(columns: list[pd.Series], spec: InputSpec, reasons: np.ndarray) -> np.ndarray:
    """(rows, length, columns), or (rows, columns, length) with channels first.

    A row is left out when a list is missing, has another length, or holds a number that is missing or not finite.
    """
    axis = 2 if spec.channels == "last" else 1
    return np.stack([_steps(column, spec, reasons) for column in columns], axis=axis)


def _steps(column: pd.Series, spec: InputSpec, reasons: np.ndarray) -> np.ndarray:
    length = spec.length or 1
    cells = cells_of(column)
    values = stacked(cells, length)
    if values is None:
        values = np.zeros((len(cells), length))
        why = np.full(len(cells), None, dtype=object)
        for row, cell in enumerate(cells):
            numbers = None if is_missing(cell) else numbers_of(cell)
            if numbers is not None and numbers.shape == (length,):
                values[row] = numbers
            elif is_missing(cell):
                why[row] = f"missing value in {column.name}"
            elif numbers is None or numbers.ndim != 1:
                why[row] = f"no list of numbers in {column.name}"
            else:
                why[row] = f"{len(numbers)} values in {column.name}, the model takes {length}"
        mark(reasons, ~np.asarray(pd.isna(why)), why)
    mark(reasons, np.asarray(np.isnan(values).any(axis=1)), f"missing value in {column.name}")
    narrow = as_dtype(values, spec.dtype)
    mark(reasons, np.asarray(~np.isfinite(narrow).all(axis=1)), f"value in {column.name} is not finite")
    return narrow
