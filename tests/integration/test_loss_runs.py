"""Runs that explain the loss of each row at its outcome: which features drive the error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from support.inline import all_stages, inline
from support.labelled import drawn_rows, logits, write_labelled
from support.tiny import write_data

from ig_tasks.errors import SpecError
from ig_tasks.explanations.finished_run import open_run
from ig_tasks.spec import load_spec
from ig_tasks.stages.planning import plan_run
from ig_tasks.store.report import Report

WEIGHTS = {"a": 1.5, "b": -0.5, "noise": 0.05}
TRUTH = {"a": 1.2, "b": -0.5, "noise": 0.0}
LOSS: dict[str, Any] = {"model": {"uri": "../models/sum", "space": "loss"}}


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    with inline() as opened:
        yield opened


def months() -> dict[str, pd.DataFrame]:
    """January with a row in ten whose outcome is not known; in February `a` moves."""
    first, second = drawn_rows(0, TRUTH, rows=400), drawn_rows(1, TRUTH, rows=400)
    first["late"] = first["late"].where(np.arange(len(first)) % 10 > 0).astype("Int64")
    second["a"] = second["a"] + np.float32(1.5)
    second["late"] = second["late"].astype("Int64")
    return {"2013-01": first, "2013-02": second}


@pytest.fixture(scope="module", params=["torch", "tensorflow"])
def reports(request: pytest.FixtureRequest, session: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("loss")
    spec = write_labelled(
        root, drawn_rows(0, TRUTH, rows=10), WEIGHTS, framework=request.param, **LOSS,
        validation={"quarantined": {"at_most": 0.2}}, attribution={"tolerance": 1e-3},
        baseline={"strategy": "median", "partition": "2013-01"}, verdicts={"unstable": {"rows": 60}},
    )  # fmt: skip
    write_data(root / "data", months())
    refs = {
        month: all_stages(load_spec(spec, settings={"partition": month}), session) for month in ("2013-01", "2013-02")
    }
    return {"root": root, "spec": spec, "refs": refs}


def report_of(reports: dict[str, Any], month: str = "2013-01") -> Report:
    return Report.from_json(Path(reports["refs"][month]["report_uri"]).read_bytes())


def test_rows_have_the_loss_at_their_outcome_and_parts_of_its_change(reports: dict[str, Any]) -> None:
    rows = pq.read_table(f"{reports['refs']['2013-01']['run_uri']}/attributions").to_pandas().set_index("row_id")
    frame = months()["2013-01"].set_index("id")
    known = frame[frame["late"].notna()]
    assert sorted(rows.index) == sorted(known.index)
    known = known.loc[rows.index]
    y, z = known["late"].to_numpy(float), logits(known, WEIGHTS)
    loss = np.logaddexp(0, z) - y * z
    np.testing.assert_allclose(rows["output"], loss, rtol=2e-6, atol=1e-7)
    assert rows["target"].unique().tolist() == ["late"]
    # The model is linear in what a path runs through: a feature has the same part of both changes.
    parts = {name: WEIGHTS[name] * (known[name] - frame[name].median()) for name in WEIGHTS}
    start = z - sum(parts.values()) - known["kind"].map({"red": 0.8, "green": 0.0, "blue": -0.8})
    start += np.mean([{"red": 0.8, "green": 0.0, "blue": -0.8}[kind] for kind in frame["kind"]])
    none = np.logaddexp(0, start) - y * start
    np.testing.assert_allclose(rows["baseline_output"], none, rtol=1e-5)
    slope = (loss - none) / (z - start)
    for name, part in parts.items():
        np.testing.assert_allclose(rows[f"attribution:{name}"], part * slope, rtol=2e-3, atol=1e-4)
    assert rows["relative_delta"].max() <= 1e-3
    quarantined = pq.read_table(f"{reports['refs']['2013-01']['run_uri']}/quarantine.parquet").to_pandas()
    assert len(quarantined) == 40
    assert set(quarantined["reason"]) == {"missing value in late: a row without an outcome has no loss"}


def test_the_report_says_what_was_explained_and_its_mean_is_the_models_loss(reports: dict[str, Any]) -> None:
    report = report_of(reports)
    assert report.state == "published"
    (target,) = report.targets
    assert target.space == "log_loss"
    assert "What raises it made the prediction worse" in target.explained
    assert report.baseline.output is None  # it differs with the outcome
    (quality,) = report.quality
    assert target.mean_output == pytest.approx(quality.loss, rel=1e-6)
    assert [one.auc for one in quality.gains] == [None] * 4
    assert {one.feature for one in quality.gains} == {"a", "b", "noise", "kind"}
    wrong, right = (
        {row.feature: row for row in report.segments if row.segment == f"correct={word}"} for word in ("wrong", "right")
    )
    assert wrong["a"].mean > 0 > right["a"].mean
    page = Path(f"{reports['refs']['2013-01']['run_uri']}/report.html").read_text()
    assert "in nats of log loss" in page


def test_two_months_of_losses_are_compared_and_the_driver_is_named(reports: dict[str, Any]) -> None:
    drift = report_of(reports, "2013-02").drift
    assert drift is not None
    assert drift.comparable, drift.why_not
    rows = {row.feature: row for row in drift.features}
    assert rows["a"].state == "changed"
    assert rows["a"].cause[0] in ("own_data", "own")


def test_a_stored_row_is_computed_anew(reports: dict[str, Any]) -> None:
    uri = reports["refs"]["2013-01"]["run_uri"]
    run = open_run(uri, trusted_root=reports["root"])
    row_id = pq.read_table(f"{uri}/attributions").to_pandas()["row_id"].iloc[3]
    again, stored = run.explain(row_id), run.row(row_id)
    assert again.output[0] == pytest.approx(stored["output"], rel=1e-6)
    for name in ("a", "b", "noise", "kind"):
        place = again.features.index(name)
        assert again.matrix[0, place] == pytest.approx(stored[f"attribution:{name}"], rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": {"label": None}}, "model.space: a loss is one at the row's outcome; name the column"),
        ({"data": {"prediction": "a"}}, "data.prediction: a loss is not compared with what is served"),
        ({"model": {"served": "../models/sum"}}, "model.served: a loss is not compared"),
        ({"reasons": {"threshold": 0.5, "adverse": "above"}}, "reasons: a loss says how wrong"),
        (
            {"baseline": {"strategy": "reference_population", "cutoff": 0.5, "within": 0.1}},
            "baseline.space: a cutoff lies in no loss",
        ),
        (
            {"baseline": {"strategy": "reference_population", "cutoff": 0.5, "within": 0.1, "space": "loss"}},
            "baseline.space: a cutoff lies in no loss",
        ),
    ],
)  # fmt: skip
def test_what_does_not_go_with_a_loss_is_refused_in_a_line(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    changes = {**changes, "model": {**LOSS["model"], **changes.get("model", {})}}
    spec = write_labelled(tmp_path, drawn_rows(0, TRUTH, rows=20), WEIGHTS, **changes)
    with pytest.raises(SpecError) as raised:
        plan_run(load_spec(spec))
    assert str(raised.value).startswith(said)
    assert "\n" not in str(raised.value)


def test_a_squared_error_of_a_number(tmp_path: Path, session: Any) -> None:
    frame = drawn_rows(3, TRUTH, rows=60)
    frame["late"] = logits(frame, TRUTH) + 0.1
    spec = write_labelled(tmp_path, frame, WEIGHTS, targets={"late": {"space": "value"}}, **LOSS)
    ref = all_stages(load_spec(spec, settings={"partition": "2013-01", "verdicts": {"unstable": {"rows": 0}}}), session)
    rows = pq.read_table(f"{ref['run_uri']}/attributions").to_pandas().set_index("row_id").loc[frame["id"]]
    np.testing.assert_allclose(rows["output"], (logits(frame, WEIGHTS) - frame["late"]) ** 2, rtol=1e-4, atol=1e-6)
    report = Report.from_json(Path(ref["report_uri"]).read_bytes())
    assert report.targets[0].space == "squared_error"
    assert report.targets[0].mean_output == pytest.approx(report.quality[0].loss, rel=1e-4)
