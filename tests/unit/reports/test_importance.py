"""Importance is read off merged statistics: ranked by abs_mean within each segment, with joint rank intervals."""

import numpy as np
import pytest

from ig_tasks.reports.importance import distributions, importance_rows
from ig_tasks.spec import FeatureSpec
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.statistics import FeatureStatistics, GroupedStatistics

FEATURES = ("small", "large", "mixed")


@pytest.fixture
def values():
    draw = np.random.default_rng(3)
    return np.stack([draw.normal(0, 0.1, 400), draw.normal(2, 0.5, 400), draw.normal(0, 1.0, 400)], axis=1)


@pytest.fixture
def summary(values):
    kinds = np.array(["x", "y"], dtype=object)[np.arange(400) % 2]
    nothing = FeatureStatistics.of(np.empty((0, 0)), [])
    return ShardSummary(
        shard="s", rows_read=400, rows_explained=400, rows_unconverged=0, reasons={}, evaluations=2000,
        baseline_output={"late": 0.0}, attributions={"late": GroupedStatistics.of(values, FEATURES, {"kind": kinds})},
        outputs={"late": FeatureStatistics.of(values.sum(axis=1, keepdims=True), ["output"])},
        relative_delta=FeatureStatistics.of(np.zeros((400, 1)), ["relative_delta"]), numbers=nothing, categories={},
        details={}, files={}, seconds=1.0,
    )  # fmt: skip


def test_rows_are_ranked_by_abs_mean_overall_and_within_each_segment(summary, values):
    rows = importance_rows(summary, {"large": FeatureSpec(group="big")})
    overall = [row for row in rows if row.segment is None]
    assert [(row.feature, row.rank) for row in overall] == [("large", 1), ("mixed", 2), ("small", 3)]
    assert [row.group for row in overall] == ["big", None, None]
    assert overall[0].abs_mean == pytest.approx(np.abs(values[:, 1]).mean(), rel=1e-12)
    assert {row.segment for row in rows} == {None, "kind=x", "kind=y"}
    y = [row for row in rows if row.segment == "kind=y" and row.feature == "mixed"]
    assert (y[0].segment_column, y[0].segment_level, y[0].rows) == ("kind", "y", 200)
    assert y[0].mean == pytest.approx(values[1::2, 2].mean(), rel=1e-9)


def test_features_that_lie_apart_have_their_rank_for_certain(summary):
    overall = [row for row in importance_rows(summary, {}) if row.segment is None]
    assert [row.rank_ci for row in overall] == [(1, 1), (2, 2), (3, 3)]
    assert all(row.abs_mean_ci[0] < row.abs_mean < row.abs_mean_ci[1] for row in overall)


def test_distributions_hold_the_extremes_and_the_median(summary, values):
    by_feature = {item.feature: {q.q: q.value for q in item.quantiles} for item in distributions(summary)}
    assert by_feature["mixed"][0.0] == values[:, 2].min()
    assert by_feature["mixed"][1.0] == values[:, 2].max()
    assert by_feature["mixed"][0.5] == pytest.approx(np.median(values[:, 2]), abs=0.02)
