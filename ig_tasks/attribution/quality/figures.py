"""Means over rows with their standard errors, and measures that need the attributions alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Figure", "mean_figure", "ratio_figure", "sparseness", "spearman"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Figure:
    """A figure over rows, its standard error (NaN of fewer than two rows or clusters), and how many rows it is of."""

    value: float
    se: float
    rows: int


def mean_figure(values: Floats, clusters: Codes | None = None) -> Figure:
    """The mean of one number per row; rows without one (NaN) are left out.

    Args:
        clusters: (rows,) numbers of groups of rows that are not independent, -1 where that is not known; None: each
            row stands for itself.
    """
    return ratio_figure(values, np.ones(len(values)), clusters)


def ratio_figure(above: Floats, below: Floats, clusters: Codes | None = None) -> Figure:
    """The sum of one number per row over the sum of another, with the error of its linearisation."""
    kept = np.isfinite(above) & np.isfinite(below)
    rows, total = int(kept.sum()), float(below[kept].sum())
    if not rows or not total:
        return Figure(np.nan, np.nan, rows)
    value = float(above[kept].sum()) / total
    residuals = (above[kept] - value * below[kept]) / total
    return Figure(value, _error(residuals, None if clusters is None else clusters[kept]), rows)


def _error(residuals: Floats, clusters: Codes | None) -> float:
    """s^2 = G / (G - 1) sum e_g^2, where e_g is what a cluster contributes; rows of unknown clusters do not count."""
    share = 1.0
    if clusters is not None:
        known = clusters >= 0
        share = len(residuals) / max(int(known.sum()), 1)
        places = np.unique(clusters[known], return_inverse=True)[1]
        residuals = np.bincount(places, weights=residuals[known]).astype(np.float64)
    count = len(residuals)
    if count < 2:
        return float("nan")
    centred = residuals - residuals.mean()
    return share * float(np.sqrt(count / (count - 1) * (centred**2).sum()))


def sparseness(attributions: Floats) -> Floats:
    """Gini index (rows,) of the sizes of (rows, features): 0 where all are alike, 1 - 1/features where one has all.

    Chalasani et al. 2020, "Concise Explanations of Neural Networks using Adversarial Training", section 4. NaN where
    all are zero.
    """
    sizes = np.sort(np.abs(attributions), axis=1)
    features = sizes.shape[1]
    weights = (features - np.arange(1, features + 1) + 0.5) / features
    totals = sizes.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1.0 - 2.0 * (sizes @ weights) / totals, dtype=np.float64)


def spearman(first: Floats, second: Floats) -> Floats:
    """Spearman's rank correlation (rows,) between the features of both, (rows, features); ties have their mean rank.

    NaN where either has the same number everywhere, or there is one feature.
    """
    from scipy.stats import rankdata  # takes a second to import

    def centred(values: Floats) -> Any:
        ranks = rankdata(values, axis=1) if values.size else np.empty(values.shape)
        return ranks - (values.shape[1] + 1) / 2

    one, two = centred(first), centred(second)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (one * two).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1))
    found[~(np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1))] = np.nan
    return np.asarray(found, dtype=np.float64)
