"""Levels of segment columns, as baselines by segment know them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.data.levels import level_names

__all__ = ["segments_of"]


def segments_of(frame: pd.DataFrame, columns: Sequence[str | None]) -> dict[str, NDArray[np.object_]]:
    """{column: (rows,) levels}; columns that are None are left out."""
    return {column: level_names(frame[column]) for column in columns if column is not None}
