"""Verdicts on features whose truth is known."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.planted import TARGET, Model, period_of, rows_of_days

from ig_tasks.spec import ExplanationSpec
from ig_tasks.store.report import Verdict
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.verdicts.pairs import shared_information
from ig_tasks.validation.verdicts.run_verdicts import judge_features, verdicts_check
from ig_tasks.validation.verdicts.single import value_association


def judged(
    rows: pd.DataFrame, model: Model, monkeypatch: pytest.MonkeyPatch, shards: int = 1, **settings: Any
) -> list[Verdict]:
    """Verdicts on a planted period, whose rows are read as a run's would be."""
    document = {"version": 1, "name": "planted", "model": "m", "data": "d", **settings}
    run = period_of(rows, model, "2013-05", shards=shards)
    values = model.attributions(rows)
    columns = {"target": [TARGET] * len(rows)}
    columns |= {f"attribution:{name}": values[:, place] for place, name in enumerate(model.features)}
    columns |= {f"input:{name}": rows[name].tolist() for name in model.features}
    table = pa.table(columns)

    def tables(self: Period, *_: Any) -> Any:
        bounds = np.linspace(0, len(rows), shards + 1).astype(int)
        return iter([table.slice(low, high - low) for low, high in itertools.pairwise(bounds)])

    monkeypatch.setattr(Period, "tables", tables)
    return judge_features(run, ExplanationSpec.model_validate(document))


def named(verdicts: list[Verdict], kind: str) -> list[tuple[str, str | None]]:
    return [(one.feature, one.other) for one in verdicts if one.verdict == kind]


ROWS = rows_of_days(0, ["a", "b", "c"])


def test_a_feature_without_weight_is_ignored_and_one_that_decides_alone_dominant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdicts = judged(ROWS, Model(linear={"a": 1.0, "b": 0.1, "c": 1e-5}), monkeypatch)
    assert named(verdicts, "ignored") == [("c", None)]
    assert named(verdicts, "dominant") == [("a", None)]
    dominant = next(one for one in verdicts if one.verdict == "dominant")
    sizes = np.abs(Model(linear={"a": 1.0, "b": 0.1, "c": 1e-5}).attributions(ROWS)).mean(axis=0)
    assert dominant.figure == pytest.approx(sizes[0] / sizes.sum())
    assert "does it tell the outcome?" in dominant.why


def test_equal_features_have_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(ROWS, Model(linear={"a": 1.0, "b": 1.0, "c": 1.0}), monkeypatch) == []


def test_a_value_that_stands_for_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = np.random.default_rng(0).random(len(ROWS)) < 0.3
    rows = ROWS.assign(b=np.where(chosen, -9.0, ROWS["b"]))
    verdicts = judged(rows, Model(linear={"a": 1.0, "b": 1.0, "c": 1.0}), monkeypatch)
    (one,) = [one for one in verdicts if one.verdict == "value_driven"]
    assert one.feature == "b"
    assert one.figure == pytest.approx(9.0 * chosen.sum() / rows["b"].abs().sum(), rel=1e-6)
    assert "near -9" in one.why or "the value -9" in one.why
    # Missing numbers themselves are a value, too.
    gone = ROWS.assign(b=np.where(chosen, np.nan, ROWS["b"]))
    verdicts = judged(gone, Model(linear={"a": 1.0, "b": 1.0, "c": 1.0}, offset=-9.0), monkeypatch)
    assert "rows with no value (" in next(one.why for one in verdicts if one.verdict == "value_driven")


@pytest.mark.parametrize(("weight", "sign", "against"), [(1, "+", False), (1, "-", True), (-1, "+", True)])
def test_a_feature_against_its_declared_sign_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, weight: float, sign: str, against: bool
) -> None:
    model = Model(linear={"a": weight, "b": 1.0, "c": 1.0})
    verdicts = judged(ROWS, model, monkeypatch, features={"a": {"expected_sign": sign}})
    found = [one for one in verdicts if one.verdict == "against_sign"]
    assert bool(found) == against
    check = verdicts_check(verdicts)
    assert (check is not None) == against
    if check is not None:
        assert (check.name, check.severity, check.success, check.observed) == ("verdicts", "warning", False, 1)
        assert found[0].figure == pytest.approx(np.sign(weight), abs=0.05)


def test_sentences_call_features_what_the_spec_calls_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ROWS.assign(c=np.exp(ROWS["a"]))
    model = Model(linear={"a": 1.0, "b": 0.1, "c": 1e-5})
    features = {"a": {"label": "Alpha", "expected_sign": "-"}, "c": {"label": "Gamma"}}
    verdicts = judged(rows, model, monkeypatch, features=features)
    said = {(one.verdict, one.feature): one.why for one in verdicts}
    assert said["dominant", "a"].startswith("Alpha has 9")
    assert said["against_sign", "a"].startswith("Higher values of Alpha raise")
    assert said["ignored", "c"].startswith("The model hardly uses Gamma: 0.00 % of")
    assert "Alpha and Gamma hold nearly the same" in said["redundant", "a"]


def test_copies_are_redundant_and_renamed_categories_are(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"UA": "united", "AA": "american", "B6": "jetblue"}
    carrier = np.random.default_rng(1).choice(list(names), len(ROWS))
    rows = ROWS.assign(c=np.exp(ROWS["a"]), carrier=carrier, airline=pd.Series(carrier).map(names))
    effects = {"carrier": dict.fromkeys(names, 1.0) | {"UA": 2.0}, "airline": dict.fromkeys(names.values(), 0.5)}
    model = Model(linear={"a": 1.0, "b": 1.0, "c": 1.0}, effects=effects)
    verdicts = judged(rows, model, monkeypatch)
    assert {frozenset(pair) for pair in named(verdicts, "redundant")} == {
        frozenset({"a", "c"}), frozenset({"carrier", "airline"}),
    }  # fmt: skip


def test_a_category_that_only_determines_another_is_not_redundant() -> None:
    fine = np.random.default_rng(0).integers(0, 60, 20_000)
    assert shared_information(fine, fine // 2 * 7) == pytest.approx(np.log2(30) / np.log2(60), abs=0.03)
    assert shared_information(fine, 59 - fine) == pytest.approx(1.0)
    assert shared_information(fine, np.zeros(len(fine), dtype=int)) == 0.0
    # Independent columns of many levels share nothing, though hardly a pair comes twice.
    for levels in (60, 5_000, 20_000):
        one, two = np.random.default_rng(1).integers(0, levels, (2, 20_000))
        assert shared_information(one, two) < 0.1
    assert shared_information(np.arange(50), np.arange(50)) == 0.0
    assert shared_information([], []) == 0.0


def test_features_that_cancel_each_other_are_opposing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ROWS.assign(b=ROWS["a"] + 0.3 * ROWS["c"])
    verdicts = judged(rows, Model(linear={"a": 1.0, "b": -1.0, "c": 1.0}), monkeypatch)
    assert {"a", "b"} in [{*pair} for pair in named(verdicts, "opposing")]
    a, b = (Model(linear={"a": 1.0, "b": -1.0, "c": 1.0}).attributions(rows)[:, place] for place in (0, 1))
    left = np.abs(a + b).mean() / (np.abs(a).mean() + np.abs(b).mean())
    figure = next(
        one.figure for one in verdicts if {one.feature, one.other} == {"a", "b"} and one.verdict == "opposing"
    )
    assert figure == pytest.approx(left)


@pytest.mark.parametrize("shards", [7, 64])
def test_no_sharding_changes_a_verdict(monkeypatch: pytest.MonkeyPatch, shards: int) -> None:
    rows = ROWS.assign(b=ROWS["a"] + 0.3 * ROWS["c"])
    model = Model(linear={"a": 1.0, "b": -1.0, "c": 1e-4})
    settings: dict[str, Any] = {"verdicts": {"rows": 500}, "features": {"a": {"expected_sign": "-"}}}
    whole = judged(rows, model, monkeypatch, **settings)
    cut = judged(rows, model, monkeypatch, shards=shards, **settings)
    assert [(one.feature, one.verdict, one.other) for one in whole] == [
        (one.feature, one.verdict, one.other) for one in cut
    ]
    assert [one.figure for one in whole] == pytest.approx([one.figure for one in cut], rel=1e-9)


def test_association_is_the_rank_correlation_of_values_and_attributions() -> None:
    rows = rows_of_days(3, ["a"])
    model = Model(linear={"a": -2.0})
    cells = period_of(rows, model, "1").sums.cells["a"]
    expected = np.corrcoef(rows["a"].rank(), model.attributions(rows)[:, 0])[0, 1]
    assert value_association(cells) == pytest.approx(expected, abs=0.01)


def test_independent_features_of_one_size_do_not_oppose_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    rows = pd.DataFrame({name: random.normal(size=4_000) for name in "ab"}).assign(day="1")
    model = Model(linear={"a": 1.0, "b": 1.0})
    a, b = model.attributions(rows).T
    assert np.abs(a + b).mean() / (np.abs(a).mean() + np.abs(b).mean()) == pytest.approx(0.71, abs=0.01)
    verdicts = judged(rows, model, monkeypatch, verdicts={"opposing": {"below": 0.75}})
    assert named(verdicts, "opposing") == []


def test_a_frequent_category_is_no_value_that_stands_for_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = np.random.default_rng(1).choice(["UA", "AA"], len(ROWS))
    rows = ROWS.assign(carrier=carrier)
    model = Model(linear={"a": 1.0}, effects={"carrier": {"UA": 3.0, "AA": 0.1}})
    assert named(judged(rows, model, monkeypatch), "value_driven") == []
