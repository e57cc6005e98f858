"""Single figures of change that other products give. They name no feature, and no rule here is made of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ig_tasks.statistics import ranks
from ig_tasks.store.drift_parts import DriftIndices

__all__ = ["cosine", "indices_of", "jensen_shannon", "kendall_tau", "ndcg", "population_stability", "row_cosine"]

Floats = NDArray[np.float64]

_LEAST_SHARE = 1e-4
"""The share that a bin without rows has in the population stability index, which would be infinite."""


def indices_of(target: str, before: Floats, after: Floats) -> DriftIndices:
    """All of them, of the importances (features,) of one target."""
    return DriftIndices(
        target=target,
        ndcg=ndcg(before, after),
        kendall_tau=kendall_tau(before, after) if len(before) > 1 else None,
        jensen_shannon=jensen_shannon(before, after),
        cosine=cosine(before, after),
    )


def ndcg(before: ArrayLike, after: ArrayLike) -> float:
    """Normalised discounted cumulative gain: old importances as gains, in the new order.

    Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques"; the index of Amazon SageMaker
    Clarify's drift monitor.
    """
    gains = np.asarray(before, dtype=np.float64)
    ideal = _discounted(gains, gains)
    return _discounted(gains, np.asarray(after, dtype=np.float64)) / ideal if ideal else float("nan")


def kendall_tau(before: ArrayLike, after: ArrayLike) -> float:
    """Kendall's tau-b of both rankings; NaN for fewer than two features."""
    from scipy.stats import kendalltau  # takes a second to import

    return float(kendalltau(before, after).statistic)


def jensen_shannon(before: ArrayLike, after: ArrayLike) -> float:
    """Jensen-Shannon divergence, in bits, of two lists of weights, each taken as shares; NaN where one is all zeros."""
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if not first.sum() or not second.sum():
        return float("nan")
    from scipy.spatial.distance import jensenshannon  # likewise

    return float(np.nan_to_num(jensenshannon(first, second, base=2)) ** 2)


def cosine(before: ArrayLike, after: ArrayLike) -> float:
    """Cosine of two lists of importances."""
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length else float("nan")


def row_cosine(before: Floats, after: Floats) -> Floats:
    """Cosine (features,) of two models' attributions of the same rows, (rows, features); NaN where one is all zeros."""
    length = np.sqrt((before**2).sum(axis=0) * (after**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((before * after).sum(axis=0) / length, dtype=np.float64)


def population_stability(before: ArrayLike, after: ArrayLike) -> float:
    """Population stability index of rows by bin: sum (p1 - p0) ln(p1 / p0)."""
    first, second = (np.asarray(rows, dtype=np.float64) for rows in (before, after))
    if not first.sum() or not second.sum():
        return float("nan")
    p0, p1 = (np.maximum(rows / rows.sum(), _LEAST_SHARE) for rows in (first, second))
    return float(((p1 - p0) * np.log(p1 / p0)).sum())


def _discounted(gains: Floats, order: Floats) -> float:
    return float((gains / np.log2(ranks(order) + 1)).sum())
