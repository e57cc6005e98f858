"""Errors of figures of labelled rows, of clusters: also where some rows do not say which cluster they are of."""

from __future__ import annotations

import numpy as np
import pytest

from ig_tasks.statistics import MISSING
from ig_tasks.validation.quality.figures import ClusterResiduals


def errors(values: np.ndarray, clusters: np.ndarray) -> tuple[list[float | None], int]:
    residuals = ClusterResiduals()
    for some, labels in zip(np.array_split(values, 3), np.array_split(clusters, 3), strict=True):
        residuals.add((some - values.mean(axis=0)) / len(values), labels)
    return residuals.errors(), residuals.clusters


def test_rows_of_unknown_clusters_have_the_errors_of_the_others() -> None:
    draw = np.random.default_rng(0)
    days = np.repeat([f"{day:02d}" for day in range(20)], 30).astype(object)
    values = draw.normal(size=(600, 2)) + draw.normal(size=(20, 2))[days.astype(int)]
    lost = np.where(draw.random(600) < 0.3, MISSING, days)
    known = lost != MISSING
    found, clusters = errors(values, lost)
    means = np.array([values[known & (lost == day)].sum(axis=0) for day in dict.fromkeys(days)])
    counts = np.array([(known & (lost == day)).sum() for day in dict.fromkeys(days)])[:, None]
    residuals = (means - counts * values.mean(axis=0)) / known.sum()
    residuals -= residuals.mean(axis=0)
    assert clusters == 20
    np.testing.assert_allclose(found, np.sqrt(20 / 19 * (residuals**2).sum(axis=0)), rtol=1e-12)
    assert found == pytest.approx(errors(values, days)[0], rel=0.15)
