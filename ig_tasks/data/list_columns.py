"""Cells that hold lists: read without a Python step for each element where all are alike."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["cells_of", "is_missing", "numbers_of", "stacked"]


def cells_of(column: pd.Series) -> np.ndarray:
    """The cells of a column (rows,), as objects."""
    return column.to_numpy(dtype=object)


def is_missing(cell: Any) -> bool:
    """Whether there is nothing in the cell; an empty list is something."""
    if cell is None:
        return True
    if isinstance(cell, list | tuple | dict | bytes | np.ndarray):
        return False
    return bool(pd.isna(cell))


def numbers_of(cell: Any) -> np.ndarray | None:
    """The numbers of a list, nested or not, in float64; None where it holds anything else or is ragged.

    A null within is NaN.
    """
    try:
        if isinstance(cell, np.ndarray) and cell.dtype != object:
            return cell.astype(np.float64) if cell.dtype.kind in "fiub" else None
        if not isinstance(cell, list | tuple | np.ndarray):
            return None
        items, shape = list(cell), [len(cell)]
        while items and isinstance(items[0], list | tuple | np.ndarray):
            if isinstance(items[0], np.ndarray) and items[0].dtype != object:
                inner = np.stack(items)
                return (
                    inner.astype(np.float64).reshape(*shape, *inner.shape[1:]) if inner.dtype.kind in "fiub" else None
                )
            if len({len(item) for item in items}) != 1:
                return None
            shape.append(len(items[0]))
            items = list(chain.from_iterable(items))
        return _scalars(items).reshape(shape)
    except (TypeError, ValueError):
        return None


def _scalars(items: list[Any]) -> np.ndarray:
    """Plain numbers and nulls. Raises ValueError or TypeError for anything else."""
    array = np.array(items)
    if array.dtype.kind in "fiub":
        return array.astype(np.float64)
    if any(isinstance(item, str | bytes) for item in items):
        raise ValueError("text is not a number")
    return np.array([np.nan if is_missing(item) else item for item in items], dtype=np.float64)


def stacked(cells: np.ndarray, length: int) -> np.ndarray | None:
    """Flat lists of `length` numbers as (rows, length) float64, or None where one of them is something else."""
    alike = all(
        isinstance(cell, np.ndarray) and cell.dtype.kind in "fiub" and cell.shape == (length,) for cell in cells
    )
    if not alike or not len(cells):
        return None
    return np.concatenate(cells).astype(np.float64).reshape(len(cells), length)
