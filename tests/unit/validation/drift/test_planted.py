"""What moved between two periods is named, and nothing else: cases whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.planted import Model, compare_planted, rows_of_days

from ig_tasks.store.drift_parts import Drift, FeatureDrift

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
