"""Whole runs from other baselines than `auto`, and their rows computed anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import tiny

from ig_tasks import Strategy, cli, explain, load_model, open_run
from ig_tasks.baselines.doctor import judge_baselines
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import UserError
from ig_tasks.pipeline import run
from ig_tasks.reports.sentences import baseline_words
from ig_tasks.spec import load_spec
from ig_tasks.stages.baseline_doctor import judge_spec
from ig_tasks.stages.planning import plan_run
from ig_tasks.store.runs import locate_report

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]

STRATEGIES: list[dict[str, Any]] = [
    {"strategy": "samples", "k": 3, "seed": 1},
    {"strategy": "kmeans", "k": 2},
    {"strategy": "reference_population", "k": 3},
    {"strategy": "median", "segment": "origin"},
    {"strategy": "max_distance"},
    {"strategy": "noise", "k": 2},
    {"strategy": "constant", "value": {"a": 1.5, "kind": "blue"}},
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("baseline", STRATEGIES, ids=lambda asked: str(asked["strategy"]))
def test_a_run_and_one_of_its_rows_anew(project: Path, baseline: dict[str, Any]) -> None:
    path = tiny.write_project(project, rows=150, baseline={**baseline, "partition": "2013-01"})
    spec = load_spec(path)
    said: list[str] = []
    ref = run(spec, partition="2013-02", log=said.append)
    report, _ = locate_report(ref["report_uri"])
    assert report.published
    assert report.data.rows_explained == 75
    assert report.baseline.baselines == (baseline.get("k") or 1)
    by_row = baseline["strategy"] in ("max_distance", "noise") or "segment" in baseline
    assert (report.baseline.output is None) == by_row
    done = open_run(ref["run_uri"], trusted_root=project / "include")
    frame = tiny.table(75, 2)
    for row_id in (frame["id"][0], frame["id"][41]):
        stored, anew = done.row(row_id), done.explain(row_id)
        expected = [stored[f"attribution:{name}"] for name in ("a", "b", "kind")]
        np.testing.assert_allclose(anew.matrix[0], expected, atol=1e-5)
        assert anew.baseline_output[0] == pytest.approx(stored["baseline_output"], abs=1e-5)
    # The notebook's own way to the same numbers.
    options = {name: value for name, value in baseline.items() if name != "strategy"}
    loaded = load_model(project / "include" / "models" / "tiny", trusted_root=project)
    again = explain(
        loaded, frame.iloc[[41]], baseline=Strategy(baseline["strategy"], **options), reference=tiny.table(150, 1)
    )
    np.testing.assert_allclose(again.matrix[0], expected, atol=1e-5)
    # A second run finds baseline and rows.
    said.clear()
    assert run(spec, partition="2013-02", log=said.append)["run_id"] == ref["run_id"]
    assert any("build_baseline: nothing to do" in line for line in said)


def test_the_population_at_the_cutoff_is_who_the_model_says(project: Path) -> None:
    """Who passed by at most 0.1 in probability, against the outputs of the model as it is."""
    asked = {"strategy": "reference_population", "partition": "2013-01", "k": 1000, "space": "probability"}
    path = tiny.write_project(project, rows=150, baseline={**asked, "cutoff": 0.5, "within": 0.1})
    ref = run(load_spec(path), partition="2013-02")
    report, _ = locate_report(ref["report_uri"])
    loaded = load_model(project / "include" / "models" / "tiny", trusted_root=project)
    reference = tiny.table(150, 1)
    logits = loaded.output(loaded.package.encode(reference).inputs)
    chances = 1.0 / (1.0 + np.exp(-logits))
    passed = (chances >= 0.5) & (chances <= 0.6)
    assert 3 <= passed.sum() < 150
    assert (report.baseline.rows, report.baseline.baselines) == (passed.sum(), passed.sum())
    assert report.baseline.output == pytest.approx(logits[passed].mean(), abs=1e-5)
    definition = "rows whose output (probability) is from 0.5 to 0.6: at the cutoff 0.5, or slightly above it"
    assert report.baseline.definition == definition
    assert f"reference_population: {definition}; attributions are averaged over" in baseline_words(report.baseline)
    facts = json.loads(next((project / "runs").rglob("baseline.json")).read_text())
    assert (facts["definition"], facts["rows"], facts["digest"]) == (definition, passed.sum(), report.baseline.digest)
    frame = tiny.table(75, 2)
    again = explain(loaded, frame, baseline=Strategy("reference_population", k=1000), reference=reference[passed])
    done = open_run(ref["run_uri"], trusted_root=project / "include")
    stored = done.row(frame["id"][7])
    np.testing.assert_allclose(again.matrix[7], [stored[f"attribution:{n}"] for n in ("a", "b", "kind")], atol=1e-5)
    # Another cutoff is another baseline, and one that nobody passes is one line.
    other = load_spec(path, settings={"baseline.cutoff": 5.0})
    with pytest.raises(UserError, match=r"baseline\.within: the population is empty"):
        run(other, partition="2013-02")


def test_levels_that_the_baseline_has_not_seen_are_counted_and_said(project: Path) -> None:
    path = tiny.write_project(
        project, rows=60, baseline={"strategy": "median", "segment": "origin", "partition": "2013-01"}
    )
    new = tiny.table(10, 2).assign(origin=["LGA"] * 4 + ["EWR"] * 6)
    tiny.write_data(project / "data", {"2013-02": new})
    said: list[str] = []
    ref = run(load_spec(path), partition="2013-02", log=said.append)
    line = "4 rows are of levels of origin that the baseline was not fitted for, and have the overall one"
    assert any(line in text for text in said)
    report, _ = locate_report(ref["report_uri"])
    assert (report.baseline.segment, report.baseline.unseen_rows, report.baseline.output) == ("origin", 4, None)
    assert "for each level of origin its own, 4 rows of other levels have the overall one" in baseline_words(
        report.baseline
    )
    done = open_run(ref["run_uri"], trusted_root=project / "include")
    overall = explain(
        load_model(project / "include" / "models" / "tiny", trusted_root=project),
        new.iloc[[0]],
        baseline="median",
        reference=tiny.table(60, 1),
    )
    stored = done.row(new["id"][0])
    np.testing.assert_allclose(overall.matrix[0], [stored[f"attribution:{n}"] for n in ("a", "b", "kind")], atol=1e-5)


def test_check_prints_what_the_doctor_says(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiny.write_project(project, rows=100, baseline={"strategy": "quantile", "q": 1.0, "partition": "2013-01"})
    assert cli._run(["check", str(path)]) == 0
    judged = [line for line in capsys.readouterr().out.splitlines() if line.startswith("judged    ")]
    assert [line.split()[1] for line in judged] == [
        "quantile:",
        "auto:",
        "mean:",
        "mode:",
        "zero:",
        "rankings:",
        "take",
    ]


def test_what_the_inputs_do_not_go_with_is_said_before_anything_is_counted(project: Path) -> None:
    for baseline, message in (
        ("blur", "strategy 'blur' needs an input of kind 'image' or 'series'"),
        ("unknown", "input 'kind' has neither an unknown nor a padding id"),
        ({"strategy": "constant", "value": {"c": 1}}, "'c' is not a feature"),
        (
            {"strategy": "reference_population", "cutoff": 1, "within": 1, "space": "probabilty"},
            r"baseline\.space: target 'late' has no space 'probabilty'; did you mean",
        ),
        ({"strategy": "median", "segment": "orign"}, "'orign' is not a column"),
    ):
        spec = load_spec(tiny.write_project(project, rows=20, baseline=baseline))
        with pytest.raises(UserError, match=message):
            plan_run(spec)


def test_the_doctor_calls_out_the_most_common_row(project: Path) -> None:
    path = tiny.write_project(project, rows=100)
    plain = pd.DataFrame({"a": [0.25], "b": [2.0], "kind": ["red"]})
    rows = tiny.table(100, 1)
    rows.loc[:29, ["a", "b", "kind"]] = [0.25, 2.0, "red"]
    tiny.write_data(project / "data", {"2013-01": rows})
    plain.to_parquet(project / "plain.parquet")
    spec = load_spec(path, settings={"baseline": {"strategy": "table", "uri": str(project / "plain.parquet")}})
    with ComputeSession(spec.compute) as session:
        judged = judge_spec(plan_run(spec, "2013-01"), session, say=lambda _: None)
    assert judged.common_rows == 30
    assert judged.problems("table")["common"] == (
        "it is the data's most common row: 30 rows are identical to it and get all-zero attributions"
    )
    assert judged.recommendation[0] != "table"
    assert not judged.aside or set(judged.aside) == {"unknown"}
    loaded = load_model(project / "include" / "models" / "tiny", trusted_root=project)
    assert "common" in judge_baselines(loaded, rows, baselines={"row": plain, "auto": "auto"}).problems("row")
