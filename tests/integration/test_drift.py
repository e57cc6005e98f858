"""Reports of one spec compared from month to month: the model replaced, its package gone, the work done once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file
from support import programs
from support.inline import all_stages, inline
from support.patience import PATIENCE, until
from support.tiny import MODEL_CODE, table, write_data, write_package, write_project

import ig_tasks
from ig_tasks import cli, pipeline
from ig_tasks.spec import load_spec
from ig_tasks.store import RunFolder
from ig_tasks.store.report import Report
from ig_tasks.validation.drift import compare as comparing
from ig_tasks.validation.drift.period import Period

pytestmark = pytest.mark.usefixtures("undrawn")

FEATURES = ("a", "b", "kind")


@pytest.fixture(scope="module")
def session():
    with inline() as opened:
        yield opened


def second_model(project: Path) -> None:
    """A package beside the first: what it knows of b is gone, and what it knows of a is reversed."""
    folder = write_package(project / "include" / "models" / "second")
    weights = load_file(folder / "weights.safetensors")
    weights["hidden.weight"][:, 1] = 0.0
    weights["hidden.weight"][:, 0] *= -1.0
    save_file(weights, folder / "weights.safetensors")


def run(spec: Path, session: Any, partition: str, lines: list[str] | None = None, **settings: Any) -> Any:
    return all_stages(load_spec(spec, settings={"partition": partition, **settings}), session, lines)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, session: Any) -> Path:
    """Two months, the second by another model."""
    root = tmp_path_factory.mktemp("drift")
    spec = write_project(root)
    second_model(root)
    run(spec, session, "2013-01")
    run(spec, session, "2013-02", model="../models/second")
    return root


def importance(uri: str) -> dict[str, float]:
    table = pq.read_table(f"{uri}/importance.parquet").to_pylist()
    return {row["feature"]: row["abs_mean"] for row in table if row["segment"] is None}


def report_of(project: Path, month: str) -> Report:
    (path,) = sorted((project / "runs" / "tiny").glob(f"{month}-*/report.json"))
    return Report.from_json(path.read_bytes())


def files_of(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}


def test_the_first_report_is_compared_with_none(project: Path) -> None:
    report = report_of(project, "2013-01")
    assert report.drift is None
    assert "drift" not in [check.name for check in report.checks]


def test_a_replaced_model_is_told_apart_from_its_data(project: Path, session: Any, tmp_path: Path) -> None:
    drift = report_of(project, "2013-02").drift
    assert drift is not None
    assert (drift.model_changed, drift.baseline_changed) == (True, False)
    # Crossed by hand: each model runs on the other's month, in a store of its own.
    spec, elsewhere = project / "include" / "specs" / "tiny.yaml", {"store": str(tmp_path), "drift": "none"}
    i_00 = importance(run(spec, session, "2013-01", **elsewhere).run_uri)
    i_01 = importance(run(spec, session, "2013-02", **elsewhere).run_uri)
    i_10 = importance(run(spec, session, "2013-01", model="../models/second", **elsewhere).run_uri)
    i_11 = importance(run(spec, session, "2013-02", model="../models/second", **elsewhere).run_uri)
    for row in drift.features:
        name = row.feature
        middle = (i_00[name] + i_11[name]) / 2
        assert (row.before, row.after) == (pytest.approx(i_00[name]), pytest.approx(i_11[name]))
        by_model = ((i_10[name] - i_00[name]) + (i_11[name] - i_01[name])) / 2
        by_data = ((i_01[name] - i_00[name]) + (i_11[name] - i_10[name])) / 2
        assert row.parts["model"].value == pytest.approx(by_model / middle, rel=1e-6)
        own_and_others = (row.parts["own"].value or 0.0) + (row.parts["others"].value or 0.0)
        assert own_and_others == pytest.approx(by_data / middle, rel=1e-6, abs=1e-9)
    rows = {row.feature: row for row in drift.features}
    assert rows["b"].relative == pytest.approx(-2.0)
    assert rows["b"].cause == ("model",)
    assert rows["b"].row_cosine is None
    assert rows["a"].row_cosine is not None
    assert rows["a"].row_cosine < 0
    assert {row.feature for row in drift.alarms} == {"a", "b"}


def test_an_alarm_is_a_warning_unless_the_spec_says_critical(project: Path, session: Any) -> None:
    report = report_of(project, "2013-02")
    check = next(check for check in report.checks if check.name == "drift")
    assert (check.severity, check.success, check.observed) == ("warning", False, 2)
    assert report.published
    spec = project / "include" / "specs" / "tiny.yaml"
    with pytest.raises(ig_tasks.errors.ValidationFailedError, match="critical check failed: drift"):
        run(spec, session, "2013-02", model="../models/second", **{"drift.severity": "critical"})


def test_crossed_runs_are_computed_once_and_a_damaged_one_anew(project: Path, session: Any) -> None:
    crossed = project / "runs" / "tiny" / "crossed"
    before = files_of(crossed)
    assert len(before) == 4
    spec = project / "include" / "specs" / "tiny.yaml"
    run(spec, session, "2013-02", model="../models/second", **{"drift.practical": 0.2})
    assert files_of(crossed) == before
    damaged = crossed / min(before)
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-20])
    lines: list[str] = []
    ref = run(spec, session, "2013-02", lines, model="../models/second", **{"drift.practical": 0.3})
    assert any("is set aside" in line for line in lines)
    assert damaged.read_bytes() == content
    after = files_of(crossed)
    assert {name for name in after if after[name] != before[name]} == {damaged.name}
    again = Report.from_json(Path(ref["report_uri"]).read_bytes()).drift
    first = report_of(project, "2013-02").drift
    assert again is not None
    assert first is not None
    assert [row.parts for row in again.features] == [row.parts for row in first.features]


def test_without_the_old_package_model_and_data_are_not_told_apart(project: Path, session: Any) -> None:
    package, kept = project / "include" / "models" / "tiny", project / "runs" / "tiny" / "packages"
    for folder in (package, kept):
        folder.rename(folder.with_name("gone"))
    try:
        drift = ig_tasks.compare(
            f"{project}/runs/tiny@2013-01", f"{project}/runs/tiny", trusted_root=project, rows=50, cross=True
        )
    finally:
        for folder in (package, kept):
            folder.with_name("gone").rename(folder)
    rows = {row.feature: row for row in drift.features}
    assert rows["b"].cause == ("model or data",)
    assert not rows["b"].parts
    assert "not told apart" in drift.notes[0]
    assert "no model package" in drift.notes[0]


def test_a_model_replaced_in_place_is_told_apart_by_the_package_that_was_kept(tmp_path: Path, session: Any) -> None:
    """As after training again: other weights at the same place, under the same code."""
    spec = write_project(tmp_path)
    models = tmp_path / "include" / "models"
    second_model(tmp_path)
    run(spec, session, "2013-01")
    shutil.copy(models / "second" / "weights.safetensors", models / "tiny" / "weights.safetensors")
    drift = Report.from_json(Path(run(spec, session, "2013-02")["report_uri"]).read_bytes()).drift
    assert drift is not None
    assert drift.reference is not None
    assert drift.model_changed
    b = next(row for row in drift.features if row.feature == "b")
    assert (b.cause, b.growth) == (("model",), pytest.approx(-1.0))
    assert b.parts["model"].value is not None
    # A row of the first month is still explained by the model that explained it.
    earlier = ig_tasks.open_run(str(Path(drift.reference.uri)), trusted_root=tmp_path)
    row_id = str(table(300, 1)["id"][17])
    stored, anew = earlier.row(row_id), earlier.explain(row_id).to_frame().iloc[0]
    for feature in FEATURES:
        assert anew[f"attribution:{feature}"] == pytest.approx(stored[f"attribution:{feature}"], abs=1e-6)
    # Both are gone from their place by now.
    weights = load_file(models / "tiny" / "weights.safetensors")
    save_file({name: 2 * values for name, values in weights.items()}, models / "tiny" / "weights.safetensors")
    first, second = f"{tmp_path}/runs/tiny@2013-01", f"{tmp_path}/runs/tiny@2013-02"
    lines: list[str] = []
    again = ig_tasks.compare(first, second, rows=60, trusted_root=tmp_path, log=lines.append)
    assert {row.feature: row.cause for row in again.features}["b"] == ("model",)


def test_a_kept_package_of_other_code_does_not_run(tmp_path: Path, session: Any) -> None:
    spec = write_project(tmp_path)
    first = run(spec, session, "2013-01")
    planted = tmp_path / "ran"
    package = tmp_path / "include" / "models" / "tiny"
    code = (package / "model.py").read_text()
    (package / "model.py").write_text(code + "# other code\n")
    drift = Report.from_json(Path(run(spec, session, "2013-02")["report_uri"]).read_bytes()).drift
    assert drift is not None
    assert "runs code that differs" in drift.notes[0]
    digest = Report.from_json(Path(first["report_uri"]).read_bytes()).model.digest
    assert digest[:19] in drift.notes[0]
    # A store is no place to plant code in: what was kept under the digest is not what lies there.
    (kept,) = (tmp_path / "runs" / "tiny" / "packages").glob(f"{digest.removeprefix('sha256:')}/model.py")
    kept.write_text(f"open({str(planted)!r}, 'w')\n" + code)
    (package / "model.py").write_text(code + "# other code\n# and more\n")
    drift = Report.from_json(
        Path(run(spec, session, "2013-02", **{"drift.reference": "2013-01"})["report_uri"]).read_bytes()
    ).drift
    assert drift is not None
    assert "is damaged" in drift.notes[0]
    assert not planted.exists()


def test_packages_larger_than_the_spec_keeps_are_not_kept(tmp_path: Path, session: Any) -> None:
    spec = write_project(tmp_path, drift={"keep_model_mb": 0})
    run(spec, session, "2013-01")
    assert not (tmp_path / "runs" / "tiny" / "packages").exists()
    second_model(tmp_path)
    models = tmp_path / "include" / "models"
    shutil.copy(models / "second" / "weights.safetensors", models / "tiny" / "weights.safetensors")
    drift = Report.from_json(Path(run(spec, session, "2013-02")["report_uri"]).read_bytes()).drift
    assert drift is not None
    assert "was not kept" in drift.notes[0]
    assert {row.feature: row.cause for row in drift.features}["b"] == ("model or data",)


def test_code_outside_the_trusted_folder_is_not_run(project: Path, tmp_path: Path) -> None:
    drift = ig_tasks.compare(f"{project}/runs/tiny@2013-01", f"{project}/runs/tiny", trusted_root=tmp_path, rows=50)
    assert "trust" in drift.notes[0]
    assert {row.cause for row in drift.features if row.state == "changed"} == {("model or data",)}


def test_the_command_line_compares(project: Path, tmp_path: Path) -> None:
    written = tmp_path / "drift.json"
    options = ["--json", str(written), "--rows", "60", "--trusted-root", str(project)]
    done = programs.ig_tasks("diff", f"{project}/runs/tiny@2013-01", f"{project}/runs/tiny", *options)
    assert done.returncode == 0, done.stderr
    assert "b fell by 100 %" in done.stdout.replace("\n", " ")
    found = json.loads(written.read_text())
    assert set(found) >= {"schema_version", "reference", "current", "comparable", "features", "groups", "indices"}
    assert found["rows_crossed"] == 60
    cosine = next(row["row_cosine"] for row in found["features"] if row["feature"] == "kind")
    assert -1 <= cosine <= 1


def test_a_comparison_on_workers_killed_among_its_crossed_runs_goes_on_with_the_same_digits(
    session: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = write_project(tmp_path, rows=120, drift="none", compute={"workers": 1, "worker_timeout": PATIENCE})
    second_model(tmp_path)
    slow = tmp_path / "slow"
    wait = f"time.sleep(2.0 if os.path.exists({str(slow)!r}) else 0.0)"
    pause = f"        import os, time\n\n        {wait}\n        joined ="
    code = MODEL_CODE.replace("        joined =", pause)
    (tmp_path / "include" / "models" / "second" / "model.py").write_text(code)
    run(spec, session, "2013-01")
    run(spec, session, "2013-02", model="../models/second")
    store, trusted = tmp_path / "runs", str(tmp_path)
    shutil.copytree(store, tmp_path / "whole")
    whole = ig_tasks.compare(f"{tmp_path}/whole/tiny@2013-01", f"{tmp_path}/whole/tiny", rows=50, trusted_root=trusted)

    diff = ["diff", f"{store}/tiny@2013-01", f"{store}/tiny", "--rows", "50", "--trusted-root", trusted, "--json", "-"]
    slow.touch()
    process = subprocess.Popen([sys.executable, "-m", "ig_tasks.cli", *diff], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    crossed = store / "tiny" / "crossed"

    def one_is_finished() -> bool:
        assert process.poll() is None
        return crossed.exists() and any(file.suffix == ".json" for file in crossed.iterdir())

    until(one_is_finished, "a crossed run")
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    for worker in workers:  # as on a machine that is switched off: none finishes what it has begun
        with suppress(psutil.NoSuchProcess):
            worker.kill()
    psutil.wait_procs(workers)
    left = {name: changed for name, changed in files_of(crossed).items() if name.endswith(".json")}
    assert 1 <= len(left) < 4
    slow.unlink()

    exit_code, shown = cli._run(diff), capsys.readouterr()
    assert exit_code == 0, shown.err
    found = json.loads(shown.out)
    after = files_of(crossed)
    assert len([name for name in after if name.endswith(".json")]) == 4
    assert {name: after[name] for name in left} == left  # what was finished is not computed again
    assert found["features"] == json.loads(whole.model_dump_json())["features"]


def test_what_cannot_be_compared_is_said(project: Path) -> None:
    spec = load_spec(project / "include" / "specs" / "tiny.yaml")
    assert spec.drift.steps_back == 1
    with pytest.raises(ig_tasks.errors.ReportError, match="no report of partition '2019-01'"):
        ig_tasks.compare(f"{project}/runs/tiny@2019-01", f"{project}/runs/tiny")
    assert comparing.severity_of(ig_tasks.compare(f"{project}/runs/tiny@2013-01", f"{project}/runs/tiny", cross=False))


def test_a_reference_that_is_not_there_is_one_line(project: Path, session: Any) -> None:
    spec = project / "include" / "specs" / "tiny.yaml"
    with pytest.raises(ig_tasks.errors.SpecError, match=r"drift.reference: '2012-01' is neither a partition"):
        # Before the model is tried, even though everything is computed already.
        pipeline.load_model(load_spec(spec, settings={"drift": "2012-01", "partition": "2013-02"}), session=session)


def test_a_launch_is_registered_and_later_runs_are_compared_with_it(project: Path, session: Any) -> None:
    spec = project / "include" / "specs" / "tiny.yaml"
    settings = {"model": "../models/second", "drift": "launch"}
    early = Report.from_json(Path(run(spec, session, "2013-02", **settings)["report_uri"]).read_bytes())
    assert early.drift is None
    # That nothing was compared is said, and does not withhold what is to be registered.
    critical = {**settings, "drift": {"reference": "launch", "severity": "critical"}}
    lines: list[str] = []
    unregistered = Report.from_json(Path(run(spec, session, "2013-02", lines, **critical)["report_uri"]).read_bytes())
    for report in (early, unregistered):
        (check,) = [check for check in report.checks if check.name == "drift"]
        assert (report.state, check.success, check.severity) == ("published", False, "warning")
        assert check.description.endswith("no launch report is registered, so nothing was compared.")
        assert f"ig-tasks launch {project}/runs/tiny" in check.remedy
    assert [str(line) for line in lines if "drift FAILED" in line] == [
        "validate: drift FAILED (warning): none is registered, expected a registered launch report"
    ]
    done = programs.ig_tasks("launch", f"{project}/runs/tiny@2013-01")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{project}/runs/tiny/launch.json"
    later = Report.from_json(Path(run(spec, session, "2013-02", **settings)["report_uri"]).read_bytes())
    assert later.drift is not None
    assert later.drift.reference is not None
    assert later.drift.reference.partition == "2013-01"
    first = Report.from_json(Path(run(spec, session, "2013-01", drift="launch")["report_uri"]).read_bytes())
    assert first.drift is None
    assert "drift" not in [check.name for check in first.checks]  # it is the reference itself


def test_rows_of_one_model_and_data_have_no_part_of_the_model(project: Path, session: Any, tmp_path: Path) -> None:
    spec = project / "include" / "specs" / "tiny.yaml"
    for month in ("2013-01", "2013-02"):
        ref = run(spec, session, month, store=str(tmp_path))
    drift = Report.from_json(Path(ref["report_uri"]).read_bytes()).drift
    assert drift is not None
    assert not (tmp_path / "tiny" / "crossed").exists()
    for row in drift.features:
        assert set(row.parts) == {"own", "others"}
        total = sum(part.value or 0.0 for part in row.parts.values())
        assert total == pytest.approx(row.relative, abs=1e-9)
        assert np.isfinite([part.se for part in row.parts.values()]).all()


def test_segments_are_compared_level_by_level(project: Path, session: Any) -> None:
    spec = project / "include" / "specs" / "tiny.yaml"
    settings = {"model": "../models/second", "drift.segments": ["origin"]}
    ref = run(spec, session, "2013-02", **settings)
    drift = Report.from_json(Path(ref["report_uri"]).read_bytes()).drift
    assert drift is not None
    (reference,) = (project / "runs" / "tiny").glob("2013-01-*")
    means: dict[tuple[str, str, str], float] = {}
    for side, folder in (("before", str(reference)), ("after", ref["run_uri"])):
        rows = pd.concat([pq.read_table(file).to_pandas() for file in sorted(Path(folder).glob("**/shard-*.parquet"))])
        for level, part in rows.groupby("segment:origin"):
            means |= {(side, f"origin={level}", name): part[f"attribution:{name}"].abs().mean() for name in FEATURES}
    of_segments = [row for row in drift.features if row.segment is not None]
    assert {row.segment for row in of_segments} == {"origin=EWR", "origin=JFK"}
    assert len(of_segments) == 2 * len(FEATURES)
    for row in of_segments:
        assert row.before == pytest.approx(means["before", row.segment, row.feature], rel=1e-12)
        assert row.after == pytest.approx(means["after", row.segment, row.feature], rel=1e-12, abs=1e-12)
        # Crossed runs are of all rows: within a segment model and data are not told apart, nor is an alarm raised.
        assert row.cause == (("model or data",) if row.state in ("changed", "small") else ())
        assert not row.alarm
    assert {row.state for row in of_segments if row.feature == "b"} == {"changed"}


def test_sums_that_an_earlier_version_did_not_keep_are_made_of_the_rows(project: Path) -> None:
    (folder,) = (project / "runs" / "tiny").glob("2013-01-*")
    kept = Period.open(RunFolder(str(folder), "tiny", folder.name))
    summary = replace(kept.summary, merged=replace(kept.summary.merged, sums={}))
    made = replace(kept, summary=summary)
    for name in FEATURES:
        one, two = kept.sums.cells[name], made.sums.cells[name]
        assert list(one.grid.keys) == list(two.grid.keys)
        np.testing.assert_array_equal(one.rows, two.rows)
        np.testing.assert_allclose(one.absolute, two.absolute, rtol=1e-12)
    np.testing.assert_allclose(kept.totals.error, made.totals.error, rtol=1e-9)


def test_data_without_partitions_is_compared_with_the_run_before(tmp_path: Path, session: Any) -> None:
    spec = write_project(tmp_path, data={"uri": "../../data", "id": "id"}, baseline="auto")
    first = all_stages(load_spec(spec), session)
    more = table(120, 9)
    more["b"] += 6.0
    write_data(tmp_path / "data", {"2013-03": more})
    second = all_stages(load_spec(spec), session)
    drift = Report.from_json(Path(second["report_uri"]).read_bytes()).drift
    assert drift is not None
    assert drift.reference is not None
    assert drift.reference.run_id == first["run_id"]
    # Done again, each keeps its own: the first was never compared with the later one.
    again = all_stages(load_spec(spec), session)
    assert again["revision"] == second["revision"]


def test_rows_are_exported_as_vertex_writes_them(project: Path, tmp_path: Path) -> None:
    (folder,) = (project / "runs" / "tiny").glob("2013-01-*")
    cli._run(["export", str(folder), "--format", "vertex", "--to", str(tmp_path / "rows.jsonl")])
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert len(lines) == 300
    for line in lines[::50]:
        (attribution,) = line["explanation"]["attributions"]
        total = sum(attribution["featureAttributions"].values())
        difference = attribution["instanceOutputValue"] - attribution["baselineOutputValue"]
        assert total == pytest.approx(difference, rel=0.02, abs=1e-3)
        assert attribution["approximationError"] <= 0.01
        assert set(attribution["featureAttributions"]) == set(FEATURES)
