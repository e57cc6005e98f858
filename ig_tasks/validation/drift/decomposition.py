"""Parts of a change that need no rows: totals, what the feature's own values explain, and the rest, with errors.

Importance is I = mean |attribution|. With p the shares of rows by bin of the feature's own values and m the mean
|attribution| in the bin, before (0) and after (1):

    I1 - I0 = sum (p1 - p0) (m0 + m1) / 2  +  sum (p0 + p1) / 2 (m1 - m0)
            =              own             +              rest

which is exact where a bin without rows on one side takes the mean of the other (Kitagawa 1955, "Components of a
difference between two rates", Journal of the American Statistical Association 50, with the symmetric weights).

Rows of one cluster are not independent, so errors are made of sums by cluster: s^2 = G / (G - 1) sum e_g^2, where e_g
is what cluster g contributes to the linearised figure (Taylor linearisation for cluster samples; Cochran 1977,
"Sampling Techniques", section 9A). Without clusters each row is one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ig_tasks.statistics import AttributionSums
from ig_tasks.validation.drift.common_bins import Bins, Table, coarse_sides, common_bins

__all__ = ["OwnPart", "Totals", "own_and_rest", "totals_of", "variance_of_sums"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Totals:
    """Importance of each feature of one period (features,), and its standard error.

    mean: the signed mean; freedom: clusters (or rows) minus one.
    """

    importance: Floats
    error: Floats
    mean: Floats
    rows: int
    freedom: int
    clusters: int


def totals_of(sums: AttributionSums, *, absolute: Floats, squares: Floats, signed: Floats, rows: int) -> Totals:
    """Importance with errors of clustered rows, or of independent ones where there are no clusters.

    Args:
        absolute, signed: sums of |attribution| and of it over all rows (features,).
        squares: sums of squared deviations of |attribution| from its mean (features,).
    """
    importance = absolute / rows if rows else np.full(len(absolute), np.nan)
    mean = signed / rows if rows else np.full(len(absolute), np.nan)
    clusters = sums.clusters
    if clusters is None:
        freedom = rows - 1
        variance = squares / max(freedom, 1) / max(rows, 1)
        return Totals(importance, np.sqrt(variance) if freedom > 0 else _unknown(mean), mean, rows, freedom, 0)
    # Rows without a label may be of any cluster: the error is that of the rows that have one.
    own_rows, own = clusters.rows[clusters.grid.labelled], clusters.absolute[clusters.grid.labelled]
    known, count = max(int(own_rows.sum()), 1), len(own_rows)
    residuals = (own - own_rows[:, None] * (own.sum(axis=0) / known)) / known
    error = np.sqrt(variance_of_sums(residuals)) if count > 1 else _unknown(mean)
    return Totals(importance, error, mean, rows, count - 1, count)


@dataclass(frozen=True)
class OwnPart:
    """Parts of a change in importance, in the attributions' own units, with standard errors.

    overlap: share of the distribution of the feature's values that both periods have in common.
    """

    own: float
    own_error: float
    rest: float
    rest_error: float
    overlap: float


def own_and_rest(before: AttributionSums, after: AttributionSums, feature: str) -> OwnPart | None:
    """What a feature's own values explain of its change; None where its values have no cells, or a side no rows."""
    if feature not in before.cells or feature not in after.cells:
        return None
    sides = common_bins(before.cells[feature], after.cells[feature])
    if not all(side.rows.sum() for side in sides):
        return None
    own, rest = _figures(*sides)
    shares = [side.rows / side.rows.sum() for side in sides]
    overlap = float(np.minimum(*shares).sum())
    variances = np.zeros(2)
    clusters = before.clusters, after.clusters
    if clusters[0] is None or clusters[1] is None:
        for side, influence in zip(sides, _influences(*sides), strict=True):
            variances += _variance_by_row(side, influence)
    else:
        labelled = clusters[0].grid.labelled, clusters[1].grid.labelled
        coarse = coarse_sides(before.cluster_cells[feature], after.cluster_cells[feature], labelled)
        tables = [side.table for side in coarse]
        for table, influence in zip(tables, _influences(*(side.bins for side in coarse)), strict=True):
            variances += _variance_by_cluster(table, influence)
    errors = np.sqrt(variances)
    return OwnPart(own, float(errors[0]), rest, float(errors[1]), overlap)


@dataclass(frozen=True)
class _Influence:
    """How a figure moves with a bin's share of the rows, and with its mean; (2 figures, bins): own and rest."""

    of_share: Floats
    of_mean: Floats


def _means(before: Bins, after: Bins) -> tuple[Floats, Floats]:
    """Mean |attribution| by bin of each side; the other side's where one has no rows."""
    with np.errstate(invalid="ignore", divide="ignore"):
        first, second = before.absolute / before.rows, after.absolute / after.rows
    return np.where(before.rows > 0, first, second), np.where(after.rows > 0, second, first)


def _figures(before: Bins, after: Bins) -> tuple[float, float]:
    """Own and rest."""
    p0, p1 = before.rows / before.rows.sum(), after.rows / after.rows.sum()
    m0, m1 = _means(before, after)
    return float(((p1 - p0) * (m0 + m1) / 2).sum()), float(((p0 + p1) / 2 * (m1 - m0)).sum())


def _influences(before: Bins, after: Bins) -> tuple[_Influence, _Influence]:
    """Derivatives of own and rest by the shares and means of each side.

    A bin without rows on one side has that side's mean from the other: the derivatives by both fall to the other.
    """
    p0, p1 = before.rows / before.rows.sum(), after.rows / after.rows.sum()
    m0, m1 = _means(before, after)
    level, step = (m0 + m1) / 2, (m1 - m0) / 2
    of_own, of_rest = (p1 - p0) / 2, (p0 + p1) / 2
    means = [np.stack([of_own, -of_rest]), np.stack([of_own, of_rest])]
    for own, other, side in ((0, 1, before), (1, 0, after)):
        empty = side.rows == 0
        means[other][:, empty] += means[own][:, empty]
        means[own][:, empty] = 0.0
    return (
        _Influence(np.stack([-level, step]), means[0]),
        _Influence(np.stack([level, step]), means[1]),
    )


def _variance_by_row(side: Bins, influence: _Influence) -> Floats:
    """Variance (2,) of a side's contribution to own and rest where each row stands for itself."""
    rows = side.rows.sum()
    occupied = side.rows > 0
    share = side.rows[occupied] / rows
    centred = influence.of_share[:, occupied] - (influence.of_share[:, occupied] * share).sum(axis=1, keepdims=True)
    mean = side.absolute[occupied] / side.rows[occupied]
    spread = np.maximum(side.squares[occupied] / side.rows[occupied] - mean**2, 0.0)
    each = centred**2 + (influence.of_mean[:, occupied] / share) ** 2 * spread
    return np.asarray((share * each).sum(axis=1) / max(rows - 1, 1), dtype=np.float64)


def _variance_by_cluster(table: Table, influence: _Influence) -> Floats:
    """Variance (2,) of a side's contribution to own and rest, of what each cluster contributes to it."""
    by_cluster, by_bin = table.rows.sum(axis=1), table.rows.sum(axis=0)
    rows, occupied = by_bin.sum(), by_bin > 0
    share = by_bin[occupied] / rows
    mean = table.absolute[:, occupied].sum(axis=0) / by_bin[occupied]
    of_share = (table.rows[:, occupied] - by_cluster[:, None] * share) / rows
    of_mean = (table.absolute[:, occupied] - table.rows[:, occupied] * mean) / by_bin[occupied]
    residuals = of_share @ influence.of_share[:, occupied].T + of_mean @ influence.of_mean[:, occupied].T
    return variance_of_sums(residuals)


def variance_of_sums(residuals: Floats) -> Floats:
    """Variance (figures,) of sums over clusters, from what each contributes: (clusters, figures), of mean 0."""
    count = len(residuals)
    if count < 2:
        return np.full(residuals.shape[1:], np.nan)
    centred = residuals - residuals.mean(axis=0)
    return np.asarray(count / (count - 1) * (centred**2).sum(axis=0), dtype=np.float64)


def _unknown(like: Floats) -> Floats:
    return np.full(len(like), np.nan)
