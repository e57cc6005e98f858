"""Periods that a comparison must not trip over: features that do nothing, constants, renames, few rows, other units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.planted import Model, compare_planted, rows_of_days

from ig_tasks.reports.drift_view import relative
from ig_tasks.store.drift_parts import Drift, FeatureDrift

NAMES = ("a", "b", "c")
MODEL = Model(linear={"a": 1.0, "b": 0.7, "c": 0.5})


def rows(seed: int, **options: Any) -> pd.DataFrame:
    return rows_of_days(seed, NAMES, **options)


def found(drift: Drift, feature: str) -> FeatureDrift:
    return next(row for row in drift.features if row.feature == feature)


def named(drift: Drift) -> set[str]:
    """Features of which anything is said to have changed."""
    return {row.feature for row in drift.features if row.state in ("changed", "small", "cancelled")}


def test_a_feature_that_does_nothing_in_either_period_is_unchanged() -> None:
    model = MODEL.changed(linear={**MODEL.linear, "b": 0.0})
    drift = compare_planted((rows(0), model), (rows(1), model))
    row = found(drift, "b")
    assert (row.state, row.change, row.growth, row.parts) == ("unchanged", 0.0, 0.0, {})
    assert row.sentence == "b is unchanged within 10 %."
    assert relative(row.growth) == "0 %"
    assert not drift.alarms


def test_a_constant_column_is_unchanged_and_one_that_begins_to_vary_is_its_own_cause() -> None:
    constant = [frame.assign(b=3.0) for frame in (rows(0), rows(1))]
    row = found(compare_planted((constant[0], MODEL), (constant[1], MODEL)), "b")
    assert (row.state, row.before, row.after) == ("unchanged", pytest.approx(2.1), pytest.approx(2.1))
    assert row.input_drift is not None
    assert (row.input_drift.overlap, row.input_drift.wasserstein) == (1.0, 0.0)
    varying = constant[1].assign(b=3.0 * rows(2)["b"].to_numpy() ** 2)
    drift = compare_planted((constant[0], MODEL), (varying, MODEL))
    assert named(drift) == {"b"}
    assert found(drift, "b").cause == ("own",)


def test_a_renamed_feature_is_not_compared_and_both_names_are_told() -> None:
    renamed = Model(linear={"a": 1.0, "bb": 0.7, "c": 0.5})
    drift = compare_planted((rows(0), MODEL), (rows(1).rename(columns={"b": "bb"}), renamed))
    assert not drift.comparable
    assert drift.why_not == "the features differ: the current run is without b and with bb"
    assert drift.features == ()


def test_a_vocabulary_that_grew_is_the_categories_own_change() -> None:
    effects = {"UA": 1.0, "AA": -0.4, "B6": 0.3, "F9": -0.9}
    model = Model(linear={"a": 1.0}, effects={"carrier": effects})
    grown = model.changed(effects={"carrier": {**effects, "ZZ": 4.0}})

    def frame(seed: int, new: float) -> pd.DataFrame:
        shares = [(1 - new) / 4] * 4 + [new]
        drawn = np.random.default_rng(seed + 50).choice([*effects, "ZZ"], 6_000, p=shares)
        return rows_of_days(seed, ["a"]).assign(carrier=drawn)

    before, after = (frame(0, 0.0), model), (frame(1, 0.3), grown)
    first, second = (np.abs(side[1].attributions(side[0])[:, 1]).mean() for side in (before, after))
    drift = compare_planted(before, after)
    row = found(drift, "carrier")
    assert (row.before, row.after) == (pytest.approx(first), pytest.approx(second))
    assert row.state == "changed"
    assert row.input_drift is not None
    assert row.input_drift.overlap == pytest.approx(0.7, abs=0.02)
    assert (row.input_drift.gained, row.input_drift.gained_share) == ("ZZ", pytest.approx(0.3, abs=0.02))
    assert named(drift) == {"carrier"}


def test_one_row_per_cluster_is_what_no_clusters_are() -> None:
    frames = [rows(seed, days=15, per_day=20) for seed in (0, 1)]
    alone = [frame.assign(day=[f"{seed}-{row}" for row in range(len(frame))]) for seed, frame in enumerate(frames)]
    without = compare_planted(*((frame, MODEL) for frame in frames), clusters=False)
    single = compare_planted(*((frame, MODEL) for frame in alone))
    for one, two in zip(without.features, single.features, strict=True):
        assert one.change_ci == pytest.approx(two.change_ci, rel=1e-9)
        assert (one.state, one.q_value) == (two.state, pytest.approx(two.q_value, rel=1e-9))


def test_a_sample_of_another_size_is_no_change() -> None:
    for seed in range(6):
        drift = compare_planted((rows(seed), MODEL), (rows(seed + 100, days=30, per_day=10), MODEL))
        assert named(drift) == set(), (seed, drift.summary)
        assert not drift.alarms


def test_a_period_of_one_cluster_shows_nothing_and_raises_nothing() -> None:
    drift = compare_planted((rows(0), MODEL), (rows(1, days=1).assign(a=9.0), MODEL))
    assert {row.state for row in drift.features} == {"undetermined"}
    assert {row.change_ci for row in drift.features} == {(None, None)}
    assert not drift.alarms
    assert "A period has 1 cluster of rows." in " ".join(drift.notes)


def test_a_column_that_is_missing_altogether_is_its_own_cause() -> None:
    filled = MODEL.changed(offset=5.0)
    drift = compare_planted((rows(0), filled), (rows(1).assign(b=np.nan), filled))
    row = found(drift, "b")
    assert (row.state, row.cause[0], row.after) == ("changed", "own", pytest.approx(3.5))
    assert row.input_drift is not None
    assert (row.input_drift.missing_before, row.input_drift.missing_after) == (0.0, 1.0)
    assert named(drift) == {"b"}


def test_another_baseline_alone_names_those_whose_baseline_moved() -> None:
    moved = MODEL.changed(baseline={"a": -2.0, "c": -3.0})
    frame = rows(0)
    drift = compare_planted((frame, MODEL), (frame, moved))
    assert named(drift) == {"a", "c"}
    assert {found(drift, name).cause for name in ("a", "c")} == {("baseline",)}
    assert (drift.model_changed, drift.baseline_changed) == (False, True)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_units_of_the_output_decide_nothing(scale: float) -> None:
    sides = [rows(0), rows(1).assign(a=rows(1)["a"] + 1.5)]
    plain = compare_planted(*((frame, MODEL) for frame in sides))
    scaled = compare_planted(*((frame, MODEL.changed(scale=scale)) for frame in sides))
    for one, two in zip(plain.features, scaled.features, strict=True):
        assert (one.feature, one.state, one.cause, one.alarm) == (two.feature, two.state, two.cause, two.alarm)
        assert one.relative == pytest.approx(two.relative, rel=1e-9)
        for name, part in one.parts.items():
            assert part.value == pytest.approx(two.parts[name].value, rel=1e-6, abs=1e-9)
