"""Reason codes of whole runs: with the report, on the command line, for one row; held against the model itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from support import tiny
from support.inline import all_stages, inline

from ig_tasks import Strategy, cli, explain, load_model, open_run
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.errors import UserError, ValidationFailedError
from ig_tasks.spec import load_spec
from ig_tasks.stages.planning import plan_run
from ig_tasks.store.runs import locate_report

REASONS: dict[str, Any] = {
    "threshold": 0.5,
    "adverse": "above",
    "space": "probability",
    "top": 2,
    "texts": {"a": {"code": "R1", "text": "Amount of a"}},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A spec that asks for reasons, run by the command line, and the URI of its report."""
    root = tmp_path_factory.mktemp("project")
    path = tiny.write_project(
        root,
        rows=150,
        partition="2013-02",
        baseline={"strategy": "reference_population", "partition": "2013-01", "k": 12},
        features={"a": {"group": "numbers"}, "b": {"group": "numbers", "label": "Length of b"}},
        attribution={"tolerance": 1e-3},
        reasons=REASONS,
    )
    rows = tiny.table(75, 2)
    rows.loc[3, "a"] = np.nan  # in quarantine
    tiny.write_data(root / "data", {"2013-02": rows})
    assert cli._run(["run", str(path)]) == 0
    return path, str(root / "runs" / "tiny")


def test_a_run_writes_the_reasons_of_every_adverse_row_and_no_other(finished: tuple[Path, str]) -> None:
    path, store = finished
    report, uri = locate_report(store)
    table = pq.read_table(uri.replace("report.json", "reasons.parquet")).to_pandas()
    loaded = load_model(path.parents[1] / "models" / "tiny", trusted_root=path.parents[2])
    frame = tiny.table(75, 2).drop(index=3).reset_index(drop=True)
    chances = 1.0 / (1.0 + np.exp(-loaded.output(loaded.package.encode(frame).inputs)))
    adverse = frame["id"][chances > 0.5].tolist()
    assert sorted(set(table["row_id"])) == adverse
    info = report.reasons
    assert info is not None
    assert (info.rows_adverse, info.rows_quarantined) == (len(adverse), 1)
    assert info.rows_certified + info.rows_tied == table.loc[table["rank"].notna(), "row_id"].nunique()
    again = explain(
        loaded, frame, baseline=Strategy("reference_population", k=12), reference=tiny.table(150, 1), tolerance=1e-6
    )
    exact = pd.DataFrame(again.matrix, columns=["a", "b", "kind"], index=frame["id"])
    for row_id, lines in table.groupby("row_id"):
        truth = exact.loc[row_id]
        found = lines.set_index("feature")["attribution"]
        assert len(found) == min(2, int((truth > 0).sum()))
        assert found.index.tolist() == truth[truth > 0].sort_values(ascending=False).index[:2].tolist()
        assert (np.abs(found - truth[found.index]) <= lines.set_index("feature")["bound"]).all()
        assert (found > 0).all()
    texts = dict(zip(table["feature"], zip(table["code"], table["text"], strict=True), strict=True))
    assert texts["a"] == ("R1", "Amount of a")
    assert pd.isna(list(texts["b"])).all()
    written = Path(uri.replace("report.json", "reasons.csv")).read_text().splitlines()
    assert len(written) == 1 + len(table)
    manifest = json.loads(Path(uri.replace("report.json", "manifest.json")).read_text())
    assert {"reasons.parquet", "reasons.csv"} <= set(manifest["files"])
    assert sum(one.first for one in info.reasons) == len(adverse)


def test_the_command_line_says_the_same_of_all_rows_and_of_one(
    finished: tuple[Path, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, store = finished
    _, uri = locate_report(store)
    stored = Path(uri.replace("report.json", "reasons.csv")).read_text()
    for given in (str(path), store, f"{store}@2013-02", uri):
        assert cli._run(["reasons", given, "--format", "csv"]) == 0
        assert capfd.readouterr().out == stored
    assert cli._run(["reasons", store, "--format", "parquet", "--to", str(tmp_path / "r.parquet")]) == 0
    assert pq.read_table(tmp_path / "r.parquet").num_rows == len(stored.splitlines()) - 1
    assert cli._run(["reasons", store]) == 0
    said = capfd.readouterr().out
    assert "adverse decisions: late above 0.5 (probability)" in said
    assert "beside them 1 row in quarantine" in said
    line = next(line for line in stored.splitlines() if ",R1," in line)
    row_id = line.split(",")[0]
    assert cli._run(["reasons", store, "--row", row_id, "--format", "html", "--to", str(tmp_path / "r.html")]) == 0
    assert "Amount of a" in (tmp_path / "r.html").read_text()
    # Of groups, below: another question to the same run, nothing of which is computed again.
    assert cli._run(["reasons", str(path), "--by", "groups", "--adverse", "below", "--format", "csv"]) == 2
    assert "reasons.texts.a: there is no such group" in capfd.readouterr().err


def test_the_decision_without_a_reason_is_the_models_own_with_the_values_of_each_member(
    finished: tuple[Path, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, store = finished
    report, uri = locate_report(store)
    row_id = pq.read_table(uri.replace("report.json", "reasons.parquet"))["row_id"][0].as_py()
    loaded = load_model(path.parents[1] / "models" / "tiny", trusted_root=path.parents[2])
    frame = tiny.table(75, 2)
    own = loaded.package.encode(frame[frame["id"] == row_id]).inputs
    run = open_run(uri.removesuffix("/report.json"), trusted_root=path.parents[2])
    members = Baseline.of_run(run.folder, loaded.package.config.inputs).fitted
    assert len(members) == report.baseline.baselines == 12
    sets = [("a",), ("b",), ("kind",), ("a", "b"), ("a", "kind")]
    found = run.ablate(row_id, sets)
    for place, held in enumerate(sets):
        for column, member in enumerate(members):
            numeric, kind = own["numeric"].copy(), own["kind"].copy()
            for at, name in enumerate(("a", "b")):
                numeric[0, at] = member.numbers[name] if name in held else numeric[0, at]
            kind[:] = next(iter(member.weights["kind"])) if "kind" in held else kind
            expected = loaded.output({"numeric": numeric, "kind": kind})[0]
            assert found.outputs[place, column] == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(found.shares, 1 / 12)
    root = ["--trusted-root", str(path.parents[2])]
    assert cli._run(["reasons", store, "--row", row_id, "--ablation", "--top", "1", *root]) == 0
    said = " ".join(capfd.readouterr().out.split())
    assert "all else being equal, and whether the decision would then be another:" in said
    page = tmp_path / "page.html"
    # A spec says whose code may run by where it lies.
    asked = ["reasons", str(path), "--row", row_id, "--ablation", "--format", "html", "--to", str(page)]
    assert cli._run(asked) == 0
    assert "Another decision" in page.read_text()
    # Whoever can write to the store does not say whose code may run.
    assert cli._run(["reasons", store, "--row", row_id, "--ablation", "--trusted-root", str(tmp_path)]) == 2
    assert "runs code and lies outside" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--row", "2-000003"], "row '2-000003': it could not be explained, so that it has no reasons: missing value"),
        (["--row", "2-999999"], "row '2-999999': it is not a row of run"),
        (["--adverse", "over"], "reasons.adverse: input should be 'above' or 'below', not 'over'; did you mean"),
        (["--threshold", "30"], "reasons.threshold: 30 is not a probability between 0 and 1"),
        (["--format", "html"], "--format html: it is the page of one row; name it with --row"),
        (["--format", "csv", "--row", "x"], "--format csv: it holds all rows; leave --row out"),
        (["--ablation"], "--ablation: it is made of one row; name it with --row"),
        (["--format", "cvs"], "--format: 'cvs' is not a format; did you mean 'csv'?"),
        (["--to", "x"], "--to: write --format csv, parquet or html as well"),
        (["--format", "csv", "--to", "/nowhere/x"], "--to /nowhere/x: cannot be written"),
    ],
)
def test_what_is_wrong_is_one_line(
    finished: tuple[Path, str], capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert cli._run(["reasons", finished[1], *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_favourable_row_has_no_reasons(finished: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._run(["reasons", finished[1], "--row", "2-000001"]) == 2
    assert "the decision on it was not adverse; its result 0." in capsys.readouterr().err


def test_a_run_whose_spec_asks_for_none_is_asked_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny.write_project(tmp_path, rows=40, partition="2013-02")
    with inline() as session:
        ref = all_stages(load_spec(path), session)
    uri = str(ref["run_uri"])
    assert not (Path(uri) / "reasons.csv").exists()
    assert cli._run(["reasons", uri]) == 2
    assert "give --threshold and --adverse, or write the section reasons into the spec" in capsys.readouterr().err
    assert cli._run(["reasons", uri, "--threshold", "-1000", "--adverse", "below"]) == 0
    assert "0 adverse decisions: late below" in capsys.readouterr().out
    assert cli._run(["reasons", uri, "--threshold", "-1000", "--adverse", "above", "--top", "3"]) == 0
    assert "20 adverse decisions: late above" in capsys.readouterr().out


def test_no_reasons_go_with_a_withheld_report(tmp_path: Path) -> None:
    strict = {"quarantined": {"at_most": 0.0, "severity": "critical"}}
    path = tiny.write_project(tmp_path, rows=40, partition="2013-02", reasons=REASONS, validation=strict)
    rows = tiny.table(20, 2)
    rows.loc[3, "a"] = np.nan
    tiny.write_data(tmp_path / "data", {"2013-02": rows})
    with inline() as session, pytest.raises(ValidationFailedError, match="the report is withheld"):
        all_stages(load_spec(path), session)
    (folder,) = (path for path in (tmp_path / "runs" / "tiny").iterdir() if (path / "report.json").exists())
    assert not (folder / "reasons.csv").exists()
    report, _ = locate_report(str(folder))
    assert report.reasons is not None


def test_a_section_that_does_not_fit_the_model_is_found_before_anything_runs(tmp_path: Path) -> None:
    for change, message in (
        ({"texts": {"aa": "x"}}, r"reasons\.texts\.aa: there is no such feature"),
        ({"by": "groups"}, r"reasons\.by: there are no groups"),
        ({"space": "calibrated"}, r"reasons\.space: target 'late'"),
    ):
        path = tiny.write_project(tmp_path, rows=20, reasons={**REASONS, **change})
        with pytest.raises(UserError, match=message):
            plan_run(load_spec(path), "2013-02")
