"""Levels of a segment column, in the spelling that vocabularies have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.data.spellings import category_names
from ig_tasks.errors import DataError
from ig_tasks.statistics import MISSING, Levels

__all__ = ["SEGMENT_LEVELS", "level_names", "levels_of", "segment_levels"]

SEGMENT_LEVELS = 500
"""Each level of a segment column has statistics of its own in every shard: a column of ids would fill the store."""


def segment_levels(column: pd.Series[Any]) -> Levels:
    """The levels of a column of `data.segments`.

    Raises:
        DataError: if there are too many to tell apart.
    """
    codes, names = _factorized(column)
    levels = len(names) + int(bool((codes < 0).any()))
    if levels > SEGMENT_LEVELS:
        raise DataError(
            f"data.segments: {column.name!r} has {levels:,} levels in one shard, at most {SEGMENT_LEVELS} can be told "
            "apart in a report; choose a coarser column"
        )
    return Levels.of_codes(codes, names)


def levels_of(column: pd.Series[Any]) -> Levels:
    """Categories in the one spelling that vocabularies have; a null is the level `(missing)`."""
    return Levels.of_codes(*_factorized(column))


def level_names(column: pd.Series[Any]) -> NDArray[np.object_]:
    """The text of each row's category (rows,), as in `levels_of`."""
    codes, names = _factorized(column)
    return np.array([*names, MISSING], dtype=object)[codes]


def _factorized(column: pd.Series[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """Codes (rows,) and the text of each distinct value, looked up once; nulls have the code -1."""
    codes, distinct = pd.factorize(column, use_na_sentinel=True)
    return codes, category_names(distinct)
