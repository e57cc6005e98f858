"""Why a row cannot be explained: the first thing found is what is reported."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pandas as pd

__all__ = ["by_kind", "mark"]

_KINDS = (
    (re.compile(r"^(unknown category) '.*' (in .*?)(?: \(the model knows '.*'\))?$", re.DOTALL), r"\1 \2"),
    (re.compile(r"^\d+ values in (.*), the model takes (\d+)$", re.DOTALL), r"more or fewer than \2 values in \1"),
)
"""Patterns of reasons that quote a row's value, and what a summary over many rows says instead."""


def by_kind(reasons: Iterable[object]) -> dict[str, int]:
    """{reason: rows} of the rows (rows,) that have one, the most frequent first; what each row held is left out."""
    counts = Counter(_kind(str(reason)) for reason in reasons if reason is not None)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _kind(reason: str) -> str:
    for pattern, kind in _KINDS:
        reason = pattern.sub(kind, reason)
    return reason


def mark(reasons: np.ndarray, rows: np.ndarray, reason: str | np.ndarray) -> None:
    """Give these rows (rows,) bool a reason, in place, unless they have one; `reason` is one, or one per row."""
    if not rows.any():
        return
    rows = rows & np.asarray(pd.isna(reasons))
    reasons[rows] = reason[rows] if isinstance(reason, np.ndarray) else reason
