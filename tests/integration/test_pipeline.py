"""The whole run on real workers: idempotent, resumable, withheld when it must be, and exact to the last digit."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from support.patience import PATIENCE, until
from support.tiny import MODEL_CODE, table, write_data, write_package, write_project

import ig_tasks
from ig_tasks import cli, pipeline
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import (
    BaselineError,
    DataError,
    InputError,
    LayerError,
    ModelError,
    ReportError,
    ResourceError,
    RunError,
    TrustError,
    UserError,
    ValidationFailedError,
)
from ig_tasks.spec import ComputeSpec, load_spec
from ig_tasks.stages.run_activity import computing
from ig_tasks.store import Store
from ig_tasks.store.index import Index

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def session():
    """One worker for all tests of this file: starting one takes seconds."""
    with ComputeSession(ComputeSpec(workers=1, worker_timeout=PATIENCE)) as opened:
        yield opened


def stages(spec, session, *, partition=None):
    """All stages; returns the reference and the lines they wrote."""
    lines: list[str] = []
    ref = pipeline.load_model(spec, partition=partition, session=session, log=lines.append)
    ref = pipeline.build_baseline(spec, ref, session=session, log=lines.append)
    ref = pipeline.compute_attributions(spec, ref, session=session, log=lines.append)
    ref = pipeline.validate(spec, ref, log=lines.append)
    return pipeline.publish_report(spec, ref, log=lines.append), lines


def run_folder(ref) -> Path:
    return Path(ref["run_uri"])


def importance(ref) -> bytes:
    return (run_folder(ref) / "importance.parquet").read_bytes()


def test_a_run_leaves_the_documented_files_and_a_report_that_adds_up(tmp_path, session):
    spec = load_spec(write_project(tmp_path))
    ref, _ = stages(spec, session)
    folder = run_folder(ref)
    for name in (
        "spec.yaml", "manifest.json", "baseline.parquet", "importance.parquet", "quarantine.parquet", "validation.json",
        "report.json", "report.html", "attributions/shard-000004.parquet", "statistics/shard-000004.stats",
    ):  # fmt: skip
        assert (folder / name).is_file(), name
    report = json.loads((folder / "report.json").read_text())
    data = report["data"]
    assert (data["rows_read"], data["rows_explained"], data["rows_quarantined"]) == (450, 450, 0)
    assert report["state"] == "published"
    assert report["model"]["owner"] == "testers"
    rows = pq.read_table(folder / "attributions").to_pandas()
    sums = rows[["attribution:a", "attribution:b", "attribution:kind"]].to_numpy()
    np.testing.assert_allclose(sums.sum(axis=1) - (rows["output"] - rows["baseline_output"]), rows["convergence_delta"],
                               atol=1e-6)  # fmt: skip
    for place, feature in enumerate(("a", "b", "kind")):
        (row,) = [item for item in report["importance"] if item["feature"] == feature]
        assert row["abs_mean"] == pytest.approx(np.abs(sums[:, place]).mean(), rel=1e-12)
        assert row["mean"] == pytest.approx(sums[:, place].mean(), rel=1e-9)
        assert row["std_dev"] == pytest.approx(sums[:, place].std(), rel=1e-12)
        assert row["mean_square"] == pytest.approx((sums[:, place] ** 2).mean(), rel=1e-12)
        low, high = row["abs_mean_ci"]
        assert low < row["abs_mean"] < high
        (jfk,) = [s for s in report["segments"] if s["segment"] == "origin=JFK" and s["feature"] == feature]
        chosen = rows["segment:origin"] == "JFK"
        assert jfk["rows"] == chosen.sum()
        assert jfk["abs_mean"] == pytest.approx(np.abs(sums[chosen, place]).mean(), rel=1e-12)
    latest = Store(spec.store_uri()).latest("tiny")
    assert latest["run_id"] == ref["run_id"]


def test_a_run_that_is_being_computed_elsewhere_says_so_and_goes_on(tmp_path, session):
    spec = load_spec(write_project(tmp_path, rows=60))
    lines = []
    ref = pipeline.build_baseline(spec, pipeline.load_model(spec, session=session, log=lines.append), session=session)
    with computing(Store(ref["store"]).run("tiny", ref["run_id"]), "this", {"by": "a test"}):
        ref = pipeline.compute_attributions(spec, ref, session=session, log=lines.append)
    (line,) = [line for line in lines if "beside it" in line]
    assert line.startswith(
        f"compute_attributions: process {os.getpid()} (a test) has been computing run {ref['run_id']}"
    )
    assert ref["rows"]["explained"] == 90
    assert list((run_folder(ref) / "running").iterdir()) == []


def test_groups_that_are_named_later_are_summed_without_computing_again(tmp_path, session):
    path = write_project(tmp_path)
    first, _ = stages(load_spec(path), session)
    path.write_text(path.read_text() + "features: {a: {group: both}, kind: {group: both}, b: {group: alone}}\n")
    with ComputeSession(ComputeSpec(address="tcp://127.0.0.1:1")) as nobody:
        second, lines = stages(load_spec(path), nobody)
    assert second["run_id"] == first["run_id"]
    assert any("compute_attributions: nothing to do" in line for line in lines)
    assert "groups" in json.loads((run_folder(first) / "report.json").read_text())
    report = json.loads((run_folder(second) / "report.r2.json").read_text())
    rows = pq.read_table(run_folder(second) / "attributions").to_pandas()
    sums = {"both": rows["attribution:a"] + rows["attribution:kind"], "alone": rows["attribution:b"]}
    assert {row["group"]: row["features"] for row in report["groups"]} == {"both": ["a", "kind"], "alone": ["b"]}
    assert [row["rank"] for row in report["groups"]] == [1, 2]
    for row in report["groups"]:
        assert row["rows"] == 450
        assert row["abs_mean"] == pytest.approx(np.abs(sums[row["group"]]).mean(), rel=1e-12)
        assert row["mean"] == pytest.approx(sums[row["group"]].mean(), rel=1e-9)
    (alone,) = [row for row in report["groups"] if row["group"] == "alone"]
    (feature,) = [row for row in report["importance"] if row["feature"] == "b"]
    assert {key: alone[key] for key in ("abs_mean", "abs_mean_ci", "std_dev", "median", "mean_square", "mean")} == {
        key: feature[key] for key in ("abs_mean", "abs_mean_ci", "std_dev", "median", "mean_square", "mean")
    }


def test_a_second_run_finds_everything_done_and_says_so(tmp_path, session):
    spec = load_spec(write_project(tmp_path))
    first, _ = stages(spec, session)
    before = {path: path.stat().st_mtime_ns for path in run_folder(first).rglob("*") if path.is_file()}
    with ComputeSession(ComputeSpec(address="tcp://127.0.0.1:1")) as nobody:
        second, lines = stages(spec, nobody)
    assert second["report_uri"] == first["report_uri"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    said = [line.split(":")[0] for line in lines if "nothing to do" in line]
    assert said == ["load_model", "build_baseline", "compute_attributions", "validate", "publish_report"]


@pytest.mark.parametrize(
    "removed", ["attributions/shard-000001.parquet", "statistics/shard-000003.stats", "summary.json"]
)
def test_a_file_that_was_removed_is_made_again_and_nothing_else(tmp_path, session, removed):
    spec = load_spec(write_project(tmp_path))
    first, _ = stages(spec, session)
    folder, numbers = run_folder(first), importance(first)
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("attributions/*.parquet")}
    content = (folder / removed).read_bytes()
    (folder / removed).unlink()
    second, lines = stages(spec, session)
    assert (folder / removed).is_file()
    assert importance(second) == numbers
    if removed.startswith("attributions"):
        assert (folder / removed).read_bytes() == content
    shard = removed.split("/")[-1].split(".")[0]
    again = {path.stem for path, time_ns in kept.items() if path.stat().st_mtime_ns != time_ns}
    assert again == ({shard} if shard.startswith("shard") else set())
    assert any("shards were finished by an earlier attempt" in line for line in lines)


def test_a_partition_without_a_usable_row_is_refused_even_when_the_model_was_tried_before(tmp_path, session):
    spec = load_spec(write_project(tmp_path, rows=60))
    pipeline.load_model(spec, session=session, log=lambda _: None)
    write_data(tmp_path / "data", {"2013-03": table(20, 3).assign(a=np.nan)})
    with pytest.raises(DataError, match=r"none of 20 rows of month=2013-03/part-0\.parquet .*missing value in a"):
        pipeline.load_model(spec, partition="2013-03", session=session, log=lambda _: None)


def test_a_file_without_rows_and_one_without_usable_rows_do_not_hide_the_others(tmp_path, session):
    months = {"2013-01": table(0, 1), "2013-02": table(5, 2).assign(kind="mauve"), "2013-03": table(60, 3)}
    spec = load_spec(
        write_project(tmp_path, rows=40), settings={"baseline": "auto", "validation.quarantined.at_most": 1}
    )
    write_data(tmp_path / "data", months)
    ref, _ = stages(spec, session)
    assert ref["rows"] == {"read": 65, "explained": 60, "unconverged": 0, "unverified": 0, "quarantined": 5}


def test_partitions_have_runs_of_their_own_and_share_one_baseline(tmp_path, session):
    spec = load_spec(write_project(tmp_path))
    january, _ = stages(spec, session, partition="2013-01")
    february, _ = stages(spec, session, partition="2013-02")
    assert january["run_id"].startswith("2013-01-")
    assert february["run_id"].startswith("2013-02-")
    assert january["baseline"] == february["baseline"]
    assert (january["rows"]["read"], february["rows"]["read"]) == (300, 150)
    stages(spec, session, partition="2013-01..2013-01")
    assert Store(spec.store_uri()).latest("tiny")["partition"] == "2013-02"


def test_thresholds_and_labels_render_again_without_computing(tmp_path, session):
    path = write_project(tmp_path)
    first, _ = stages(load_spec(path), session)
    changed = load_spec(path, settings={"features": {"a": {"label": "Alpha"}}, "validation.converged.at_least": 0.5})
    with ComputeSession(ComputeSpec(address="tcp://127.0.0.1:1")) as nobody:
        second, _ = stages(changed, nobody)
    assert second["run_id"] == first["run_id"]
    assert second["report_uri"].endswith("/report.r2.json")
    report = json.loads(Path(second["report_uri"]).read_text())
    assert report["revision"] == 2
    assert [item["label"] for item in report["features"]] == ["Alpha", "", ""]
    assert json.loads(Path(first["report_uri"]).read_text())["revision"] == 1


@pytest.mark.parametrize(
    "settings",
    [{"attribution.tolerance": 0.02}, {"baseline.strategy": "zero"}, {"data.sample": 50}, {"attribution.seed": 1}],
)
def test_what_decides_the_numbers_makes_another_run(tmp_path, session, settings):
    path = write_project(tmp_path, rows=60)
    first, _ = stages(load_spec(path), session)
    second, _ = stages(load_spec(path, settings=settings), session)
    assert first["run_id"] != second["run_id"]


def test_rows_that_cannot_be_explained_are_quarantined_with_the_reason(tmp_path, session):
    path = write_project(tmp_path, validation={"quarantined": {"at_most": 0.05}})
    frame = table(300, 1)
    frame.loc[[3, 150], "a"] = np.nan
    frame.loc[7, "kind"] = "purple"
    frame.loc[8, "b"] = np.inf
    write_data(tmp_path / "data", {"2013-01": frame})
    ref, _ = stages(load_spec(path), session, partition="2013-01")
    assert ref["rows"] == {"read": 300, "explained": 296, "unconverged": 0, "unverified": 0, "quarantined": 4}
    report = json.loads(Path(ref["report_uri"]).read_text())
    assert report["data"]["quarantine_reasons"] == {
        "missing value in a": 2,
        "unknown category 'purple' in kind": 1,
        "value in b is not finite": 1,
    }
    left = pq.read_table(run_folder(ref) / "quarantine.parquet").to_pylist()
    assert [row["row_id"] for row in left] == ["1-000003", "1-000007", "1-000008", "1-000150"]


def test_a_critical_failure_withholds_the_report_and_leaves_latest(tmp_path, session):
    path = write_project(tmp_path, rows=100)
    good, _ = stages(load_spec(path), session, partition="2013-01")
    strict = load_spec(path, settings={"attribution.steps": 1, "attribution.integrator": "left"})
    with pytest.raises(ValidationFailedError, match="critical check failed: completeness") as caught:
        stages(strict, session, partition="2013-02")
    report = json.loads(Path(caught.value.report_uri).read_text())
    assert report["state"] == "withheld"
    (failed,) = [check for check in report["checks"] if not check["success"] and check["severity"] == "critical"]
    assert failed["name"] == "completeness"
    assert (Path(caught.value.report_uri).parent / "report.html").is_file()
    assert Store(strict.store_uri()).latest("tiny")["run_id"] == good["run_id"]
    with pytest.raises(ValidationFailedError):
        stages(strict, session, partition="2013-02")
    table = Index(strict.store_uri()).table("tiny")
    assert [(entry.partition, entry.state) for entry in table.entries] == [
        ("2013-01", "published"), ("2013-02", "withheld"),
    ]  # fmt: skip
    first, second = table.entries
    assert (first.rows_explained, first.owner, first.schedule) == (100, "testers", None)
    assert [row.feature for row in first.leading] == [row.feature for row in Store(strict.store_uri()).run(
        "tiny", first.run_id).read_report().ranking()]  # fmt: skip
    assert [check.name for check in second.failed if check.severity == "critical"] == ["completeness"]
    outputs = pq.read_table(Path(good["run_uri"]) / "attributions")["output"].to_numpy()
    assert first.targets[0].output == pytest.approx(outputs.mean(), rel=1e-5)
    assert first.model_digest == second.model_digest
    assert first.settings_digest != second.settings_digest


def test_a_warning_is_in_the_report_and_publishes_it(tmp_path, session):
    lenient = {"completeness": {"mostly": 0.0}, "converged": {"at_least": 1.0, "severity": "warning"}}
    path = write_project(tmp_path, rows=100, validation=lenient, attribution={"integrator": "left", "steps": 1})
    ref, _ = stages(load_spec(path), session, partition="2013-02")
    report = json.loads(Path(ref["report_uri"]).read_text())
    assert report["state"] == "published"
    assert ref["warnings"] == ["converged"]
    assert {check["name"]: check["success"] for check in report["checks"]}["converged"] is False


def test_rows_of_a_rule_without_an_estimate_are_unverified_and_counted_apart(tmp_path, session):
    path = write_project(tmp_path, rows=100, attribution={"integrator": "gauss_legendre", "steps": 50})
    ref, lines = stages(load_spec(path), session, partition="2013-02")
    assert ref["rows"] == {"read": 50, "explained": 50, "unconverged": 0, "unverified": 50, "quarantined": 0}
    assert any("(0 of them unconverged, 50 unverified)" in line for line in lines)
    remedy = "set attribution.integrator: auto and leave attribution.steps out"
    assert any(line.startswith("compute_attributions: unverified rows add up") and remedy in line for line in lines)
    stored = ig_tasks.open_run(ref["run_uri"]).row("2-000007")
    assert stored["status"] == "unverified"
    assert stored.attrs["status"].startswith("Unverified: the attributions add up")
    assert stored.attrs["status"].endswith(f"{remedy}.")
    report = json.loads(Path(ref["report_uri"]).read_text())
    assert (report["data"]["rows_unconverged"], report["data"]["rows_unverified"]) == (0, 50)
    assert report["completeness"]["converged_fraction"] == 0.0
    assert ref["warnings"] == ["converged"]
    shard = pq.read_table(next((run_folder(ref) / "attributions").glob("*.parquet")))
    assert set(shard.column("status").to_pylist()) == {"unverified"}
    page = (run_folder(ref) / "report.html").read_text()
    assert "50 explained rows are unverified" in page
    assert f"no error estimate that would prove them; {remedy}." in page
    assert "Every explained row reached the tolerance" not in page


def test_stored_predictions_that_differ_stop_the_report(tmp_path, session):
    path = write_project(tmp_path, rows=80)
    ref, _ = stages(load_spec(path), session, partition="2013-02")
    rows = pq.read_table(run_folder(ref) / "attributions").to_pandas().set_index("row_id")
    frame = table(40, 2)
    frame["served"] = rows.loc[frame["id"], "output"].to_numpy()
    write_data(tmp_path / "data", {"2013-02": frame, "2013-01": table(80, 1).assign(served=0.0)})
    settings = {"data.prediction": "served"}
    same, _ = stages(load_spec(path, settings=settings), session, partition="2013-02")
    assert same["warnings"] == []
    frame.loc[5, "served"] += 0.01
    write_data(tmp_path / "data", {"2013-02": frame})
    with pytest.raises(ValidationFailedError, match="parity"):
        stages(load_spec(path, settings=settings), session, partition="2013-02")


def test_a_table_of_ones_own_is_the_baseline(tmp_path, session):
    path = write_project(tmp_path, rows=60)
    own = tmp_path / "own.parquet"
    pd.DataFrame({"a": [0.25], "b": [-1.0], "kind": ["blue"]}).to_parquet(own)
    spec = load_spec(path, settings={"baseline": {"strategy": "table", "uri": str(own)}})
    ref, _ = stages(spec, session)
    report = json.loads(Path(ref["report_uri"]).read_text())
    assert {item["feature"]: item["value"] for item in report["baseline"]["values"]} == {
        "a": 0.25, "b": -1.0, "kind": "blue",
    }  # fmt: skip
    pd.DataFrame({"a": [0.5], "b": [-1.0], "kind": ["blue"]}).to_parquet(own)
    again, _ = stages(spec, session)
    assert again["baseline"]["digest"] != ref["baseline"]["digest"]
    assert again["run_id"] != ref["run_id"]


def test_data_that_changes_during_a_run_stops_it(tmp_path, session):
    spec = load_spec(write_project(tmp_path, rows=60))
    ref = pipeline.load_model(spec, session=session, log=lambda _: None)
    ref = pipeline.build_baseline(spec, ref, session=session, log=lambda _: None)
    write_data(tmp_path / "data", {"2013-02": table(31, 9)})
    with pytest.raises(RunError, match=r"changed since the run began .* start the run again"):
        pipeline.compute_attributions(spec, ref, session=session, log=lambda _: None)


@pytest.mark.parametrize("id_column", ["id", None])
def test_one_row_of_a_finished_run_computed_anew_is_the_stored_row(tmp_path, session, id_column):
    path = write_project(tmp_path, rows=120)
    ref, _ = stages(load_spec(path, settings={"data.id": id_column}), session)
    run = ig_tasks.open_run(ref["run_uri"], trusted_root=tmp_path)
    row_id = "2-000007" if id_column else "month=2013-02/part-0.parquet:7"
    stored = run.row(row_id)
    again = run.explain(row_id).to_frame().iloc[0]
    columns = [name for name in stored.index if name.startswith("attribution:")]
    size = stored[columns].abs().sum()
    assert np.abs(again[columns].astype(float) - stored[columns].astype(float)).max() <= 1e-5 * size
    assert again["output"] == pytest.approx(stored["output"], rel=1e-6)
    assert run.report.state == "published"
    with pytest.raises(InputError, match="row_id 'nothing' is not a row of run"):
        run.explain("nothing")
    untrusted = ig_tasks.open_run(ref["run_uri"])
    assert untrusted.row(row_id)["row_id"] == row_id
    with pytest.raises(TrustError, match=r"lies outside .*; if you trust it, give open_run trusted_root="):
        untrusted.explain(row_id)
    trusted = ig_tasks.open_run(ref["run_uri"], trust=ref["model"]["digest"])
    assert trusted.explain(row_id).to_frame().iloc[0]["output"] == again["output"]


def test_a_place_without_a_run_is_one_line(tmp_path):
    with pytest.raises(ReportError, match="there is no run here; give the folder"):
        ig_tasks.open_run(str(tmp_path))


NOT_A_MODULE = MODEL_CODE.replace("return Tiny(width)", "return {'weights': width}")
FAILS = MODEL_CODE.replace("joined =", "raise ValueError('on\\nrows')\n        joined =")
OTHER_SHAPE = MODEL_CODE.replace("torch.nn.Linear(width, 1)", "torch.nn.Linear(width, 3)")


@pytest.mark.parametrize(
    ("code", "inputs", "error", "message"),
    [
        (NOT_A_MODULE, None, ModelError, r"not .*a torch\.nn\.Module|torch\.nn\.Module"),
        (OTHER_SHAPE, None, ModelError, "out.weight"),
        (FAILS, None, ModelError, "model.uri: the model at .* fails on rows of its data: ValueError: on rows"),
        (None, {"layer": "embed_kin"}, LayerError, "the model has no layer 'embed_kin'; did you mean 'embed_kind'"),
        (None, {"layer": None}, UserError, "layer"),
    ],
)
def test_a_model_that_is_not_what_its_package_says_is_one_line(tmp_path, session, code, inputs, error, message):
    path = write_project(tmp_path, rows=40)
    package = tmp_path / "include" / "models" / "tiny"
    if code is not None:
        (package / "model.py").write_text(code)
    if inputs is not None:
        config = yaml.safe_load((package / "model.yaml").read_text())
        config["inputs"]["kind"] = {**config["inputs"]["kind"], **inputs}
        write_package(package, inputs=config["inputs"])
    with pytest.raises(error, match=message) as caught:
        pipeline.load_model(load_spec(path), session=session, log=lambda _: None)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_resource_that_no_worker_offers_is_an_error_without_waiting(tmp_path):
    spec = load_spec(
        write_project(tmp_path, rows=40),
        settings={"compute.resources": {"GPU": 1}, "compute.worker_timeout": 10 * PATIENCE},
    )
    with pytest.raises(ResourceError, match="GPU"):
        pipeline.load_model(spec, log=lambda _: None)


def test_a_baseline_without_a_usable_row_is_an_error(tmp_path, session):
    path = write_project(tmp_path, rows=40)
    nothing = table(20, 3).assign(a=np.nan)
    write_data(tmp_path / "data", {"2013-03": nothing})
    spec = load_spec(path, settings={"baseline.partition": "2013-03"})
    ref = pipeline.load_model(spec, session=session, log=lambda _: None)
    with pytest.raises(BaselineError, match="no row of its data can be used"):
        pipeline.build_baseline(spec, ref, session=session, log=lambda _: None)


SLOW = MODEL_CODE.replace("        joined =", "        import time\n\n        time.sleep(0.1)\n        joined =")


def test_a_run_killed_in_the_middle_goes_on_where_it_stopped_with_the_same_last_digit(tmp_path, capsys):
    path = write_project(tmp_path, rows=520, compute={"workers": 1, "shard_rows": 100, "worker_timeout": PATIENCE})
    (tmp_path / "include" / "models" / "tiny" / "model.py").write_text(SLOW)
    command = ["run", str(path), "--store", str(tmp_path / "killed")]

    def here(*arguments: str) -> tuple[str, str]:
        """A command in this process."""
        code, shown = cli._run(list(arguments)), capsys.readouterr()
        assert code == 0, shown.err
        return shown.out, shown.err

    whole, told = here("run", str(path), "--store", str(tmp_path / "whole"), "--set", "compute.workers=0")
    assert "started" not in told

    process = subprocess.Popen([sys.executable, "-m", "ig_tasks.cli", *command], stderr=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    finished: list[Path] = []

    def three_are_finished() -> bool:
        assert process.poll() is None
        finished[:] = sorted((tmp_path / "killed").rglob("statistics/shard-*.stats"))
        return len(finished) >= 3

    until(three_are_finished, "three shards")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    written = {file: file.stat().st_mtime_ns for file in finished}
    assert 3 <= len(written) < 8

    again, told = here(*command, "--set", "compute.workers=0")
    assert {file: file.stat().st_mtime_ns for file in finished} == written
    assert "of 8 shards were finished by an earlier attempt" in told
    assert "started" not in told
    a, b = (Path(output.splitlines()[-1]).parent for output in (whole, again))
    assert a.name == b.name
    assert (a / "importance.parquet").read_bytes() == (b / "importance.parquet").read_bytes()

    third, lines = here(*command)
    assert third == again
    assert "compute_attributions: nothing to do" in lines
    assert "started" not in lines
