"""Ranks of features, and how far the rows at hand pin them down.

Klein, Wright & Wieczorek (2020), "A joint confidence region for an overall ranking of populations",
Journal of the Royal Statistical Society C 69(3), sections 2-3: with joint confidence intervals of all
values, an item can only be outranked by those whose interval lies clear of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ig_tasks.errors import InputError

Ints = NDArray[np.int64]


def ranks(abs_mean: ArrayLike) -> Ints:
    """Ranks 1..features of (features,) values, the greatest first; ties in their order, NaN last."""
    order = np.argsort(-np.asarray(abs_mean, dtype=np.float64), kind="stable")
    result = np.empty(order.size, dtype=np.int64)
    result[order] = np.arange(1, order.size + 1)
    return result


def bonferroni(level: float, features: int) -> float:
    """The level of each of `features` intervals at which all hold together with probability `level`."""
    return 1.0 - (1.0 - level) / max(features, 1)


def rank_intervals(low: ArrayLike, high: ArrayLike) -> tuple[Ints, Ints]:
    """(best, worst) rank of each feature, from joint intervals `low`, `high` of shape (features,).

    best = 1 + the number of features wholly above; worst = features - the number wholly below. Give
    intervals at the level `bonferroni(level, features)`; the region then holds with at least `level`.
    An interval of NaN is compared with nothing: that feature may have any rank.
    Raises InputError for shapes that differ.
    """
    lower, upper = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    if lower.ndim != 1 or lower.shape != upper.shape:
        raise InputError(f"intervals: low has shape {lower.shape} and high {upper.shape}; both are (features,)")
    # Sorted once instead of compared pairwise: thousands of features stay cheap. NaN sorts last.
    known = ~(np.isnan(lower) | np.isnan(upper))
    above = known.sum() - np.searchsorted(np.sort(lower[known]), upper, side="right")
    below = np.searchsorted(np.sort(upper[known]), lower, side="left")
    best = 1 + np.where(known, above, 0)
    worst = lower.size - np.where(known, below, 0)
    return best.astype(np.int64), worst.astype(np.int64)
