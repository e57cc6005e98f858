"""Differences between two explanations of the same rows, with errors of clustered rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ig_tasks.stages.crossed_runs import CrossedRows
from ig_tasks.statistics import MISSING
from ig_tasks.validation.drift.decomposition import variance_of_sums
from ig_tasks.validation.drift.indices import row_cosine

__all__ = ["Measured", "group_matrix", "paired_difference", "variance_of_mean"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A part of the change of each feature (features,), in the attributions' own units, with its standard error."""

    value: Floats
    error: Floats


def paired_difference(
    pairs: Sequence[tuple[CrossedRows, CrossedRows]], matrix: Floats | None
) -> tuple[Measured, Floats]:
    """Mean difference of sizes between both ends of each pair, averaged over pairs, and the cosine of all rows."""
    values, variances, first, second = [], [], [], []
    for start, end in pairs:
        a0, a1 = start.attributions, end.attributions
        if matrix is not None:
            a0, a1 = a0 @ matrix, a1 @ matrix
        difference = np.abs(a1) - np.abs(a0)
        values.append(difference.mean(axis=0) if len(difference) else np.full(a0.shape[1], np.nan))
        variances.append(variance_of_mean(difference, start.clusters))
        first.append(a0)
        second.append(a1)
    value = np.mean(values, axis=0)
    error = np.sqrt(np.sum(variances, axis=0)) / len(pairs)
    return Measured(value, error), row_cosine(np.concatenate(first), np.concatenate(second))


def variance_of_mean(values: Floats, clusters: Sequence[str] | None) -> Floats:
    """Variance (columns,) of the mean of (rows, columns), of clustered rows where clusters are given."""
    if clusters is not None and MISSING in clusters:  # of clusters that nobody knows: the others say how far off it is
        labelled = [at for at, label in enumerate(clusters) if label != MISSING]
        return variance_of_mean(values[labelled], [clusters[at] for at in labelled])
    rows = len(values)
    residuals = (values - values.mean(axis=0)) / rows if rows else values
    if clusters is not None:
        _, codes = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
        summed = np.zeros((int(codes.max()) + 1 if rows else 0, values.shape[1]))
        np.add.at(summed, codes, residuals)
        residuals = summed
    return variance_of_sums(residuals)


def group_matrix(names: Sequence[str], groups: Mapping[str, Sequence[str]]) -> Floats:
    """(features, groups): 1 where a feature is of a group."""
    place = {name: at for at, name in enumerate(names)}
    matrix = np.zeros((len(names), len(groups)))
    for column, members in enumerate(groups.values()):
        matrix[[place[name] for name in members if name in place], column] = 1.0
    return matrix
