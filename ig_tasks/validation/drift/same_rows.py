"""Two explanations of the very same rows, such as a model's and its candidate's: how sure the change is, row by row."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from ig_tasks.validation.drift.paired import variance_of_mean
from ig_tasks.validation.drift.period import Period

__all__ = ["paired_errors"]

Floats = NDArray[np.float64]


def paired_errors(before: Period, after: Period, matrix: Floats | None = None) -> Floats | None:
    """Standard errors (features,) of the changes in importance; None where the rows are not the same ones.

    Each row is compared with itself, so that what rows differ in from one another is no part of the error.

    Args:
        matrix: (features, groups) what each group sums; None: each feature by itself.
    """
    if not _may_be_same(before, after):
        return None
    changes: list[Floats] = []
    clusters: list[str] = []
    for first, second in zip_longest(before.explained_rows(), after.explained_rows()):
        if first is None or second is None or first.ids != second.ids:
            return None
        sizes = [
            np.abs(side.attributions if matrix is None else side.attributions @ matrix) for side in (first, second)
        ]
        changes.append(sizes[1] - sizes[0])
        clusters += first.clusters or []
    if not changes:
        return None
    together = np.concatenate(changes)
    return np.asarray(np.sqrt(variance_of_mean(together, clusters or None)), dtype=np.float64)


def _may_be_same(before: Period, after: Period) -> bool:
    """Whether both runs read the same files in the same way, and explained as many rows."""
    read = [dict(period.key_parts["data"]) for period in (before, after)]
    return read[0] == read[1] and before.summary.merged.rows_explained == after.summary.merged.rows_explained
