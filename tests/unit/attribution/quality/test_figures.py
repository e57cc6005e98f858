"""Means over rows, and their errors of rows that are independent, or only between clusters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ig_tasks.attribution.quality.figures import mean_figure, ratio_figure, spearman


def test_the_error_of_a_mean_is_its_deviation_over_the_root_of_the_rows() -> None:
    values = np.random.default_rng(0).normal(2.0, 3.0, 50)
    found = mean_figure(np.append(values, np.nan))
    assert (found.value, found.rows) == (pytest.approx(values.mean()), 50)
    assert found.se == pytest.approx(values.std(ddof=1) / np.sqrt(50), rel=1e-12)
    assert np.isnan(mean_figure(values[:1]).se)
    assert np.isnan(mean_figure(np.array([np.nan])).value)


def test_rows_of_a_cluster_count_together_and_those_of_none_not_at_all() -> None:
    random = np.random.default_rng(1)
    clusters = random.integers(0, 8, 60)
    values = random.normal(size=8)[clusters] + random.normal(size=60)
    sums = np.array([(values[clusters == number] - values.mean()).sum() for number in range(8)])
    expected = np.sqrt(8 / 7 * (sums**2).sum()) / 60
    assert mean_figure(values, clusters).se == pytest.approx(expected, rel=1e-9)
    unknown = np.where(np.arange(60) < 20, -1, clusters)
    rest = values[20:] - values.mean()
    sums = np.array([rest[clusters[20:] == number].sum() for number in range(8)])
    expected = np.sqrt(8 / 7 * ((sums - sums.mean()) ** 2).sum()) / 60 * 60 / 40
    assert mean_figure(values, unknown).se == pytest.approx(expected, rel=1e-9)


def test_errors_are_those_of_repeated_draws() -> None:
    random = np.random.default_rng(2)
    ratios, errors = [], []
    for _ in range(2_000):
        below = random.gamma(4.0, size=60)
        above = below * random.uniform(0.2, 0.6, size=60)
        found = ratio_figure(above, below)
        ratios.append(found.value)
        errors.append(found.se)
    assert np.mean(ratios) == pytest.approx(0.4, abs=0.002)
    assert np.mean(errors) == pytest.approx(np.std(ratios), rel=0.05)


def test_rank_correlations_are_scipys_with_ties_and_none_of_constants() -> None:
    random = np.random.default_rng(3)
    first, second = random.integers(0, 4, (20, 9)).astype(float), random.normal(size=(20, 9))
    expected = [stats.spearmanr(one, two).statistic for one, two in zip(first, second, strict=True)]
    assert spearman(first, second) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(spearman(np.ones((1, 4)), second[:1, :4])).all()
    assert np.isnan(spearman(np.full((1, 9), np.nan), second[:1])).all()
