"""Levels of segment columns, as baselines by segment know them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.data.spellings import category_name
from ig_tasks.statistics import MISSING

__all__ = ["levels_of", "segments_of"]


def levels_of(column: pd.Series) -> NDArray[np.object_]:
    """Categories as text (rows,), in the one spelling that vocabularies have; nulls are the level `(missing)`."""
    codes, uniques = pd.factorize(column, use_na_sentinel=True)
    names = np.array([*(category_name(value) for value in uniques), MISSING], dtype=object)
    return np.asarray(names[codes])


def segments_of(frame: pd.DataFrame, columns: Sequence[str | None]) -> dict[str, NDArray[np.object_]]:
    """{column: (rows,) levels}; columns that are None are left out."""
    return {column: levels_of(frame[column]) for column in columns if column is not None}
