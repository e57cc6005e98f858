"""Sums of columns by group of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["group_sums"]

Floats = NDArray[np.float64]


def group_sums(columns: Floats, codes: NDArray[np.integer], groups: int) -> Floats:
    """Sums (groups, columns) of columns (columns, rows), added in the order of the rows, whose groups are `codes`."""
    if not len(columns):
        return np.zeros((groups, 0))
    sums = [np.bincount(codes, weights=column, minlength=groups) for column in columns]
    return np.stack(sums, axis=1).astype(np.float64, copy=False)
