"""What moved between two periods is named, and nothing else: cases whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.planted import Model, compare_planted, period_of, rows_of_days

from ig_tasks.statistics import AttributionSums
from ig_tasks.store.drift_parts import Drift, FeatureDrift, PartOfChange
from ig_tasks.validation.drift.alarms import raises_alarm
from ig_tasks.validation.drift.decomposition import OwnPart, Totals
from ig_tasks.validation.drift.input_drift import input_drift
from ig_tasks.validation.drift.paired import Measured
from ig_tasks.validation.drift.sides import Side, parts_of
from ig_tasks.validation.drift.states import Limits
from ig_tasks.validation.drift.surroundings import never_alike

NUMBERS = ("a", "b", "c", "d", "p", "q")
CARRIERS = {"UA": 1.0, "AA": -0.4, "B6": 0.3, "F9": -2.0}
MODEL = Model(
    linear={"a": 1.0, "b": 0.7, "c": 0.5, "d": 0.4},
    products={("p", "q"): 0.8},
    effects={"carrier": CARRIERS},
)


def rows(seed: int) -> pd.DataFrame:
    frame = rows_of_days(seed, NUMBERS)
    shares = [0.4, 0.3, 0.25, 0.05]
    frame["carrier"] = np.random.default_rng(seed + 1_000).choice(list(CARRIERS), len(frame), p=shares)
    return frame


def with_category(frame: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    chosen = np.random.default_rng(seed).random(len(frame)) < share
    return frame.assign(carrier=np.where(chosen, "F9", frame["carrier"]))


def imputed(frame: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    chosen = np.random.default_rng(seed).random(len(frame)) < share
    return frame.assign(b=np.where(chosen, 0.0, frame["b"]))


def linear(**changes: float) -> Model:
    return MODEL.changed(linear={**MODEL.linear, **changes})


@dataclass(frozen=True)
class Planted:
    """What is done to the second period, and the first cause of each feature that it must change."""

    causes: dict[str, str]
    data: Any = None
    model: Model = MODEL
    states: dict[str, str] = field(default_factory=dict)
    movers: dict[str, str] = field(default_factory=dict)
    """{feature: whose values moved it}"""


CASES = {
    "one input shifted": Planted({"a": "own"}, lambda f: f.assign(a=f["a"] + 1.5)),
    "category mix": Planted({"carrier": "own"}, lambda f: with_category(f, 0.4, 3)),
    "weights zeroed": Planted({"b": "model"}, model=linear(b=0.0)),
    "weights halved": Planted({"a": "model"}, model=linear(a=0.5)),
    "weights negated": Planted({}, model=linear(b=-0.7)),
    "top two swapped": Planted({"a": "model", "c": "model"}, model=linear(a=0.5, c=1.0)),
    "a data move and a model move": Planted(
        {"a": "own", "c": "model"}, lambda f: f.assign(a=f["a"] + 1.5), linear(c=1.0)
    ),
    "both in one": Planted({"a": "own"}, lambda f: f.assign(a=f["a"] + 2.0), linear(a=1.5)),
    "missing values imputed": Planted({"b": "own"}, lambda f: imputed(f, 0.6, 5)),
    "an interaction": Planted(
        {"p": "others", "q": "own"}, lambda f: f.assign(q=f["q"] * 2.2), movers={"p": "q"}
    ),
    "cancelled": Planted(
        {}, lambda f: f.assign(a=f["a"] * 2.0), linear(a=0.5), states={"a": "cancelled"}
    ),
    "logits times ten": Planted(dict.fromkeys(MODEL.features, "model"), model=MODEL.changed(scale=10.0)),
    "another baseline": Planted(
        {"a": "baseline"}, model=MODEL.changed(baseline={"a": -2.0}),
    ),
    "nothing": Planted({}),
}  # fmt: skip
SEEDS = (0, 1, 2)


def compared(case: Planted, seed: int) -> Drift:
    first, second = rows(2 * seed), rows(2 * seed + 1)
    return compare_planted((first, MODEL), (second if case.data is None else case.data(second), case.model))


def changed(drift: Drift) -> dict[str, FeatureDrift]:
    return {row.feature: row for row in drift.features if row.state in ("changed", "cancelled")}


@pytest.mark.parametrize("name", CASES)
def test_what_was_planted_is_found_with_its_first_cause(name: str) -> None:
    case = CASES[name]
    for seed in SEEDS:
        drift = compared(case, seed)
        found = changed(drift)
        for feature, cause in case.causes.items():
            assert feature in found, (seed, feature)
            assert found[feature].cause[0] == cause, (seed, found[feature])
        for feature, state in case.states.items():
            assert found[feature].state == state, (seed, found[feature])
        for feature, mover in case.movers.items():
            assert [other.feature for other in found[feature].others] == [mover]
            assert mover in found[feature].sentence
        # Nothing that stood still is named: not as changed, and not as what moved something else.
        for feature in set(found) - set(case.causes) - set(case.states):
            assert found[feature].cause == (), (seed, feature, found[feature])
        assert {other.feature for row in found.values() for other in row.others} <= set(case.movers.values())


def test_a_reversed_feature_raises_an_alarm_though_its_size_is_the_same() -> None:
    drift = compared(CASES["weights negated"], 0)
    row = next(row for row in drift.features if row.feature == "b")
    assert row.row_cosine == pytest.approx(-1.0)
    assert [one.feature for one in drift.alarms] == ["b"]
    assert row.sentence == "The new model reversed b: on the same rows it points the other way (cosine -1.00)."
    assert all(one.row_cosine == pytest.approx(1.0) for one in drift.features if one.feature != "b")


def test_a_dead_feature_raises_an_alarm_and_a_scaled_model_none() -> None:
    assert [row.feature for row in compared(CASES["weights zeroed"], 0).alarms] == ["b"]
    assert not compared(CASES["logits times ten"], 0).alarms


def test_moved_data_raises_an_alarm_for_what_it_moved() -> None:
    drift = compared(CASES["one input shifted"], 0)
    assert [row.feature for row in drift.alarms] == ["a"]
    assert drift.alarms[0].input_drift is not None
    assert drift.alarms[0].input_drift.wasserstein == pytest.approx(1.5 / 1.3, rel=0.25)


def row_of(**changes: Any) -> FeatureDrift:
    values = {
        "target": "score", "feature": "a", "before": 1.0, "after": 1.3, "change": 0.3, "change_ci": (0.1, 0.5),
        "relative": 0.26, "q_value": 0.001, "state": "changed", "cause": ("own",),
        "parts": {"own": PartOfChange(value=0.26, se=0.01)},
    }  # fmt: skip
    return FeatureDrift(**{**values, **changes})


def alarm_of(row: FeatureDrift, *, model_changed: bool = False, clusters: int = 30, earlier: Any = ()) -> bool:
    totals = Totals(np.array([1.0]), np.array([0.05]), np.array([1.0]), 1_000, clusters - 1, clusters)
    side = Side(("a",), totals, totals, model_changed=model_changed)
    settings = {"limits": Limits(), "of_groups": False, "scaled": False, "heavy": True}
    return raises_alarm(row, 0.05, side, earlier=earlier, **settings)


def test_a_model_replaced_in_place_raises_no_alarm_by_size_alone() -> None:
    unknown = row_of(cause=("model or data",), parts={})
    assert not alarm_of(unknown, model_changed=True)
    assert alarm_of(row_of(cause=("model or data",), parts={}, relative=-2.0, after=0.0), model_changed=True)
    assert alarm_of(row_of())


def test_data_that_moves_beside_a_model_raises_an_alarm_whichever_part_is_larger() -> None:
    for model, own in ((0.55, 0.5), (0.5, 0.55)):
        parts = {"model": PartOfChange(value=model, se=0.01), "own": PartOfChange(value=own, se=0.01)}
        assert alarm_of(row_of(cause=("model", "own"), parts=parts), model_changed=True)
    small = {"model": PartOfChange(value=0.2, se=0.01), "own": PartOfChange(value=0.08, se=0.01)}
    assert not alarm_of(row_of(cause=("model", "own"), parts=small), model_changed=True)


def test_the_band_of_earlier_reports_decides_where_there_are_six() -> None:
    assert not alarm_of(row_of(), earlier=[0.8, 1.0, 1.2, 1.4, 0.9, 1.1])
    assert alarm_of(row_of(after=3.0), earlier=[0.99, 1.0, 1.01, 1.0, 0.98, 1.02])
    # Few clusters: only the band, and a dead feature lies outside it.
    assert not alarm_of(row_of(), clusters=5)
    assert alarm_of(row_of(after=0.0, relative=-1.5), clusters=5, earlier=[1.0] * 6)


def test_a_part_that_is_not_known_leaves_no_other_for_the_cause() -> None:
    totals = Totals(np.array([1.0]), np.array([0.05]), np.array([1.0]), 1_000, 29, 30)
    model = Measured(np.array([np.nan]), np.array([np.nan]))
    own = {"a": OwnPart(0.16, 0.01, 0.0, 0.01, 0.9)}
    assert parts_of(Side(("a",), totals, totals, model, own=own, model_changed=True), 0) == {}


def test_values_of_a_small_continuous_column_do_not_follow_the_partition() -> None:
    model = Model(linear={"a": 1.0})
    draws = [period_of(rows_of_days(seed, ["a"], days=20, per_day=20), model, f"2013-0{seed + 1}") for seed in range(3)]
    assert not never_alike("a", draws)
    months = [
        period_of(rows_of_days(seed, ["a"], days=20, per_day=20).assign(a=float(seed)), model, "2013-01")
        for seed in range(3)
    ]
    assert never_alike("a", months)
    one, two = (period.sums.cells["a"] for period in draws[:2])
    drift = input_drift(one, two)
    assert (drift.overlap or 0.0) > 0.7
    assert (drift.jensen_shannon or 0.0) < 0.1


def test_missing_categories_are_counted_among_thousands() -> None:
    random = np.random.default_rng(0)
    labels = np.array([f"N{number}" for number in random.integers(0, 3_000, 4_000)], dtype=object)
    gone = np.where(random.random(4_000) < 0.4, None, labels)
    before, after = (
        AttributionSums.of(np.ones((4_000, 1)), ["tail"], labels={"tail": column}).cells["tail"]
        for column in (labels, gone)
    )
    drift = input_drift(before, after)
    share = float(np.mean([value is None for value in gone]))
    assert (drift.missing_before, drift.missing_after) == (0.0, pytest.approx(share))
    assert (drift.gained, drift.gained_share) == ("(missing)", pytest.approx(share))
