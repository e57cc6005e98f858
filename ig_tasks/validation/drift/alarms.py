"""Which changes ask for a person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ig_tasks.store.drift_parts import FeatureDrift
from ig_tasks.validation.drift.sides import Side
from ig_tasks.validation.drift.states import FEWEST_REPORTS, Limits, band

__all__ = ["FEWEST_CLUSTERS", "raises_alarm"]

FEWEST_CLUSTERS = 10
"""With fewer clusters in a period its errors are not known well enough to raise an alarm."""

_TURNED = 0.0
"""A changed model raises an alarm where its attributions of a feature point the other way than before."""
_DIED = -1.9
"""Or where hardly anything is left of it: the change over the mean is -2 for a feature without any."""
_GROUP_FACTOR = 2.0
"""Trainings of one model on the same data differ in groups of features by less than this many practical changes."""


def raises_alarm(
    row: FeatureDrift,
    error: float,
    side: Side,
    *,
    limits: Limits,
    earlier: Sequence[float],
    of_groups: bool,
    scaled: bool,
    heavy: bool,
) -> bool:
    """Whether a change asks for a person.

    By its model, where the attributions turned, or died, or those of a group changed more than trainings do: the
    size alone differs between two trainings on the same data. By its data, where it changed, lies outside the band
    of earlier reports, and the column does not follow the partition.

    Args:
        error: the standard error of its change.
        earlier: its importances in earlier reports of the same model and baseline.
        of_groups: whether the row is a group's.
        scaled: whether the changed model multiplies all importances alike.
        heavy: whether the feature has its least share of all importance.
    """
    if row.segment is not None:
        return False
    if heavy and row.row_cosine is not None and row.row_cosine < _TURNED:
        return True
    if row.state != "changed" or row.follows_partition:
        return False
    if side.model_changed:
        if (row.relative or 0.0) <= _DIED:
            return True
        if of_groups and abs(row.relative or 0.0) >= _GROUP_FACTOR * limits.practical and not scaled:
            return True
        if not _moved_by_data(row, limits):
            return False
    clusters = [total.clusters for total in (side.before, side.after) if total.clusters]
    importance = float(row.after or 0.0)
    logs = [float(np.log(value)) for value in earlier if value > 0]
    outside = None
    if not importance and len(logs) >= FEWEST_REPORTS:
        outside = True
    elif importance > 0:
        outside = band(float(np.log(importance)), error / importance, logs)
    if clusters and min(clusters) < FEWEST_CLUSTERS:
        return bool(outside)
    return True if outside is None else outside


def _moved_by_data(row: FeatureDrift, limits: Limits) -> bool:
    """Whether data is shown to be a cause, of a size that counts: not beside a model that is not told apart."""
    named = [row.parts[cause].value or 0.0 for cause in row.cause if cause in ("own", "others", "data")]
    return any(abs(value) >= limits.practical for value in named)
