"""Why a row cannot be explained: the first thing found is what is reported."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["mark"]


def mark(reasons: np.ndarray, rows: np.ndarray, reason: str | np.ndarray) -> None:
    """Give these rows (rows,) bool a reason, in place, unless they have one; `reason` is one, or one a row."""
    if not rows.any():
        return
    rows = rows & np.asarray(pd.isna(reasons))
    reasons[rows] = reason[rows] if isinstance(reason, np.ndarray) else reason
