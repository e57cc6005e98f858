"""Verdicts that need outcomes, on models whose truth is known: a leak, noise, and a column that was permuted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, stdtrit
from sklearn.metrics import roc_auc_score
from support.inline import all_stages, inline
from support.labelled import EFFECTS, drawn_rows, logits, write_labelled

from ig_tasks import pipeline
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.spec import ComputeSpec, load_spec
from ig_tasks.store.report import Quality, Report, Verdict

pytestmark = pytest.mark.usefixtures("undrawn")

TRUTH = {"a": 1.2, "b": -0.5, "noise": 0.0, "permuted": 0.0}
WEIGHTS = {"a": 1.2, "b": -0.5, "noise": 0.01, "permuted": 1.0}


@pytest.fixture(scope="module")
def session():
    with inline() as opened:
        yield opened


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return drawn_rows(0, TRUTH, rows=2_000, days=40)


def report_of(spec: Path, session: Any, **settings: Any) -> Report:
    plain = {"partition": "2013-01", "compute.shard_rows": 2_000, "report.examples": 0}
    ref = all_stages(load_spec(spec, settings={**plain, **settings}), session)
    return Report.from_json(Path(ref["report_uri"]).read_bytes())


def named(report: Report, kind: str) -> dict[str, Verdict]:
    return {one.feature: one for one in report.verdicts if one.verdict == kind}


def cross_entropy(outcome: np.ndarray, logit: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, logit) - outcome * logit


def expected_gains(rows: pd.DataFrame, weights: dict[str, float]) -> dict[str, np.ndarray]:
    """{feature: what each row's loss grows by with the feature at its median, or at the mean effect}."""
    outcome, own = rows["late"].to_numpy(float), logits(rows, weights)
    effects = rows["kind"].map(EFFECTS).to_numpy(float)
    contributions = {
        name: weight * (rows[name] - rows[name].median()).to_numpy(float) for name, weight in weights.items()
    }
    contributions["kind"] = effects - effects.mean()
    return {
        name: cross_entropy(outcome, own - part) - cross_entropy(outcome, own) for name, part in contributions.items()
    }


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_gains_and_their_errors_are_closed_forms(
    rows: pd.DataFrame, session: Any, tmp_path: Path, framework: str
) -> None:
    spec = write_labelled(tmp_path, rows, WEIGHTS, framework=framework)
    (found,) = report_of(spec, session).quality
    assert found.ablation_rows == 2_000
    expected = expected_gains(rows, WEIGHTS)
    share = rows["late"].mean()
    whole = (
        -(share * np.log(share) + (1 - share) * np.log(1 - share))
        - cross_entropy(rows["late"].to_numpy(float), logits(rows, WEIGHTS)).mean()
    )
    assert {one.feature for one in found.gains} == {*WEIGHTS, "kind"}
    for one in found.gains:
        rise = expected[one.feature]
        by_day = pd.Series(rise - rise.mean()).groupby(rows["day"].to_numpy()).sum() / len(rows)
        error = np.sqrt(40 / 39 * (by_day**2).sum())
        assert one.gain == pytest.approx(rise.mean(), abs=2e-7)
        assert one.se == pytest.approx(error, rel=1e-3)
        assert one.share == pytest.approx(rise.mean() / whole, abs=2e-5)
        assert one.share_high == pytest.approx((rise.mean() + stdtrit(39, 0.95) * error) / whole, abs=5e-5)


def test_gains_are_computed_by_the_workers_that_explained_and_validate_needs_none(
    rows: pd.DataFrame, tmp_path: Path
) -> None:
    spec = load_spec(write_labelled(tmp_path, rows, WEIGHTS), settings={"partition": "2013-01"})
    with inline() as workers:
        ref = pipeline.load_model(spec, session=workers, log=lambda _: None)
        ref = pipeline.build_baseline(spec, ref, session=workers, log=lambda _: None)
        ref = pipeline.compute_attributions(spec, ref, session=workers, log=lambda _: None)
    nobody = ComputeSession(ComputeSpec(address="tcp://127.0.0.1:1"))
    ref = pipeline.validate(spec, ref, session=nobody, log=lambda _: None)
    ref = pipeline.publish_report(spec, ref, log=lambda _: None)
    (found,) = Report.from_json(Path(ref["report_uri"]).read_bytes()).quality
    expected = expected_gains(rows, WEIGHTS)
    assert {one.feature: one.gain for one in found.gains} == pytest.approx(
        {name: rise.mean() for name, rise in expected.items()}, abs=2e-7
    )


def test_noise_is_unused_though_its_share_is_no_trifle_and_a_permuted_column_harmful(
    rows: pd.DataFrame, session: Any, tmp_path: Path
) -> None:
    report = report_of(write_labelled(tmp_path, rows, WEIGHTS), session)
    sizes = {row.feature: row.abs_mean or 0.0 for row in report.importance}
    assert sizes["noise"] / sum(sizes.values()) > 0.001
    assert named(report, "ignored") == {}
    assert set(named(report, "unused")) == {"noise"}
    assert set(named(report, "harmful")) == {"permuted"}
    one = named(report, "harmful")["permuted"]
    assert (one.figure or 0.0) < 0
    assert one.why.startswith("The model predicts late better with permuted at the baseline")
    assert one.remedy


def test_a_leak_is_dominant_and_the_area_of_its_attribution_stands_beside_the_model_s(
    rows: pd.DataFrame, session: Any, tmp_path: Path
) -> None:
    random = np.random.default_rng(9)
    leaking = rows.assign(leak=rows["late"] + 0.3 * random.normal(size=len(rows)))
    weights = {"a": 0.6, "b": -0.3, "leak": 8.0}
    report = report_of(write_labelled(tmp_path, leaking, weights), session)
    one = named(report, "dominant")["leak"]
    outcome = rows["late"].to_numpy()
    assert one.auc == pytest.approx(roc_auc_score(outcome, leaking["leak"]), abs=1e-6)
    assert one.model_auc == pytest.approx(roc_auc_score(outcome, expit(logits(leaking, weights))), abs=1e-6)
    assert one.auc > 0.98
    assert f"AUC of {one.auc:.3f}; the whole model has {one.model_auc:.3f}" in one.why
    # An honest driver is dominant, too, and its area says less.
    honest = report_of(write_labelled(tmp_path / "honest", rows, {"a": 5.0, "b": -0.3}), session)
    assert (named(honest, "dominant")["a"].auc or 1.0) < 0.85


@pytest.mark.parametrize("space", ["logit", "calibrated"])
def test_a_leak_orders_outcomes_though_a_calibration_turns_the_output_round(
    rows: pd.DataFrame, session: Any, tmp_path: Path, space: str
) -> None:
    """The model scores being on time; its calibration says how probable being late is."""
    leaking = rows.assign(leak=rows["late"] + 0.3 * np.random.default_rng(9).normal(size=len(rows)))
    targets = {"late": {"space": "logit", "calibration": {"method": "platt", "slope": -1.0, "intercept": -4.0}}}
    weights, model = {"a": -0.6, "leak": -8.0}, {"uri": "../models/sum", "space": space}
    report = report_of(write_labelled(tmp_path, leaking, weights, targets=targets, model=model), session)
    area = {one.feature: one.auc for one in report.quality[0].gains}["leak"]
    assert (report.quality[0].auc or 0.0) > 0.97
    assert area == pytest.approx(roc_auc_score(rows["late"], leaking["leak"]), abs=1e-6 if space == "logit" else 0.01)


def test_a_declared_sign_that_is_violated_is_named(rows: pd.DataFrame, session: Any, tmp_path: Path) -> None:
    spec = write_labelled(tmp_path, rows, WEIGHTS, features={"b": {"expected_sign": "+"}, "a": {"expected_sign": "+"}})
    assert set(named(report_of(spec, session), "against_sign")) == {"b"}


def test_thresholds_and_severities_are_the_spec_s(rows: pd.DataFrame, session: Any, tmp_path: Path) -> None:
    settings = {
        "unused": {"below": 0.5, "severity": "warning"},
        "harmful": {"severity": "warning"},
        "labelled_rows": 500,
    }
    report = report_of(write_labelled(tmp_path, rows, WEIGHTS, verdicts=settings), session)
    assert report.quality[0].ablation_rows == 500
    assert {"b", "noise", "kind"} & set(named(report, "unused"))
    check = next(check for check in report.checks if check.name == "verdicts")
    assert (check.severity, check.success) == ("warning", False)


def test_ablations_are_computed_once_and_found_again(rows: pd.DataFrame, session: Any, tmp_path: Path) -> None:
    spec = write_labelled(tmp_path, rows, WEIGHTS)
    first = report_of(spec, session)
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "runs" / "sum" / "crossed").iterdir()}
    assert len(kept) == 2
    again = report_of(spec, session, **{"verdicts.unused.below": 0.01})
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "runs" / "sum" / "crossed").iterdir()} == kept
    assert again.quality == first.quality


def test_few_outcomes_are_looked_for_among_more_rows(rows: pd.DataFrame, session: Any, tmp_path: Path) -> None:
    few = rows.assign(late=rows["late"].where(np.arange(len(rows)) % 4 == 0))
    (found,) = report_of(write_labelled(tmp_path, few, WEIGHTS, verdicts={"labelled_rows": 400}), session).quality
    assert (found.rows, found.ablation_rows > 300) == (500, True)


def test_without_the_package_it_is_said_why_nothing_was_held_at_the_baseline(
    rows: pd.DataFrame, session: Any, tmp_path: Path
) -> None:
    spec = write_labelled(tmp_path, rows, WEIGHTS)
    report_of(spec, session)
    (tmp_path / "include" / "models" / "sum").rename(tmp_path / "gone")
    for file in (tmp_path / "runs" / "sum" / "crossed").iterdir():
        file.unlink()
    from ig_tasks import pipeline
    from ig_tasks.stages.run_reference import RunReference

    loaded = load_spec(spec, settings={"partition": "2013-01", "compute.shard_rows": 2_000, "report.examples": 2})
    (folder,) = (tmp_path / "runs" / "sum").glob("2013-01-*")
    document = _reference(loaded, folder)
    ref = pipeline.validate(loaded, RunReference.of(document), session=session, log=[].append)
    report = Report.from_json(Path(pipeline.publish_report(loaded, ref, log=[].append)["report_uri"]).read_bytes())
    (found,) = report.quality
    assert found.auc is not None
    # The package that was kept would do, once somebody has read it: its code runs for nobody before.
    assert "kept in" in found.ablation_why_not
    assert "read it, and give `trust: sha256:" in found.ablation_why_not
    assert all(one.gain is None and one.auc is not None for one in found.gains)
    assert named(report, "unused") == {}


def _reference(spec: Any, folder: Path) -> dict[str, Any]:
    return {
        "version": 1, "name": "sum", "partition": "2013-01", "store": spec.store_uri(), "run_id": folder.name,
        "run_uri": str(folder),
        "model": {"uri": spec.model.uri, "digest": "d", "target": "late", "space": "logit", "framework": "torch"},
        "data": {"uri": spec.data.uri, "digest": "d", "rows_available": 1, "rows_tried": 1, "rows_usable": 1},
    }  # fmt: skip


def test_quality_is_typed() -> None:
    assert Quality.model_validate(
        {"target": "t", "label": "l", "kind": "binary", "space": "s", "rows": 0, "rows_unknown": 1}
    )
