"""The values before and after beside an alarm are the rows' own, of whatever features moved."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.planted import Model, compare_planted, rows_of_days

from ig_tasks.statistics import AttributionSums
from ig_tasks.validation.drift.value_shares import value_shares


def sums_of(numbers: object = None, labels: object = None):
    values = numbers if labels is None else labels
    zeros = np.zeros((len(values), 1))
    given = {"numbers": {"x": numbers}} if labels is None else {"labels": {"x": labels}}
    return AttributionSums.of(zeros, ["x"], **given).cells["x"]


def test_shares_by_interval_are_those_of_the_rows() -> None:
    draw = np.random.default_rng(0)
    before, after = draw.normal(0, 1, 20_000), draw.normal(1.5, 0.5, 8_000)
    after[:2_000] = np.nan
    values = value_shares(sums_of(before), sums_of(after))
    assert values is not None
    edges = np.array(values.edges)
    assert len(edges) == 25
    for held, rows in ((values.before, before), (values.after, after)):
        known = np.clip(rows[~np.isnan(rows)], edges[0], np.nextafter(edges[-1], -np.inf))
        exact = np.histogram(known, edges)[0] / len(rows)
        np.testing.assert_allclose(held, exact, atol=0.004)
        assert sum(held) == pytest.approx(len(known) / len(rows), abs=1e-12)
    assert np.ptp(before) > edges[-1] - edges[0]  # no single row stretches the picture


def test_few_numbers_and_labels_have_a_share_each() -> None:
    few = value_shares(sums_of(np.array([0.0, 0.0, 1.0, 2.5])), sums_of(np.array([2.5, 2.5])))
    assert few is not None
    assert few.labels == ("0", "1", "2.5")
    assert (few.before, few.after) == ((0.5, 0.25, 0.25), (0.0, 0.0, 1.0))
    labels = [*(["UA"] * 6), *(["AA"] * 3), None]
    other = [*(["F9"] * 5), *(["UA"] * 5)]
    values = value_shares(sums_of(labels=labels), sums_of(labels=other))
    assert values is not None
    assert dict(zip(values.labels, zip(values.before, values.after, strict=True), strict=True)) == {
        "UA": (0.6, 0.5), "F9": (0.0, 0.5), "AA": (0.3, 0.0),
    }  # fmt: skip
    many = value_shares(sums_of(labels=[f"{n:02d}" for n in range(20)]), sums_of(labels=["00"] * 4))
    assert many is not None
    assert many.labels[-1] == "8 others"
    assert sum(many.before) == pytest.approx(1.0)


def test_an_alarm_has_its_own_values_or_those_of_what_moved_it_and_no_other_has_any() -> None:
    model = Model(linear={"a": 1.0, "b": 0.7}, products={("p", "q"): 0.8})
    first, second = (rows_of_days(seed, ["a", "b", "p", "q"]) for seed in (0, 1))
    drift = compare_planted((first, model), (second.assign(q=second["q"] * 2.2), model))
    with_values = {row.feature for row in drift.features if row.values is not None}
    assert {row.feature for row in drift.features if row.alarm} == {"p", "q"}
    assert with_values == {"p", "q"}
    moved = next(row for row in drift.features if row.feature == "q").values
    assert moved is not None
    middles = (np.array(moved.edges[:-1]) + np.array(moved.edges[1:])) / 2
    spreads = [np.sqrt(np.average(middles**2, weights=shares)) for shares in (moved.before, moved.after)]
    assert spreads[1] / spreads[0] == pytest.approx(2.2, rel=0.15)


def test_a_period_without_rows_has_no_values() -> None:
    assert value_shares(sums_of(np.empty(0)), sums_of(pd.Series([1.0]).to_numpy())) is None
