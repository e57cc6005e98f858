"""Levels of a segment column, in the spelling that vocabularies have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.data.spellings import category_name
from ig_tasks.errors import DataError
from ig_tasks.statistics import MISSING

__all__ = ["SEGMENT_LEVELS", "level_names", "segment_levels"]

SEGMENT_LEVELS = 500
"""Each level of a segment column has statistics of its own in every shard: a column of ids would fill the store."""


def segment_levels(column: pd.Series[Any]) -> NDArray[np.object_]:
    """The levels (rows,) of a column of `data.segments`, as text.

    Raises:
        DataError: if there are too many to tell apart.
    """
    levels = column.nunique(dropna=False)
    if levels > SEGMENT_LEVELS:
        raise DataError(
            f"data.segments: {column.name!r} has {levels:,} levels in one shard, at most {SEGMENT_LEVELS} can be told "
            "apart in a report; choose a coarser column"
        )
    return level_names(column)


def level_names(column: pd.Series[Any]) -> NDArray[np.object_]:
    """Categories as text, in the one spelling that vocabularies have; looked up once for each distinct value."""
    codes, uniques = pd.factorize(column, use_na_sentinel=True)
    names = np.array([*(category_name(value) for value in uniques), MISSING], dtype=object)
    return names[codes]
