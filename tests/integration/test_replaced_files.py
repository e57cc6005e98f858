"""Data and models that are replaced while a run is at work: it ends in one line, or goes on with what it began with."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.inline import all_stages, inline
from support.tiny import table, write_data, write_package, write_project

import ig_tasks
from ig_tasks import pipeline
from ig_tasks.errors import DataError, ModelError, RunError
from ig_tasks.models import open_package
from ig_tasks.models.loaders import torch as torch_loader
from ig_tasks.spec import load_spec
from ig_tasks.stages import baseline_job, explain_job

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def session():
    with inline() as opened:
        yield opened


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path, rows=60, compute={"workers": 0, "shard_rows": 20})


def _begun(spec, session):
    ref = pipeline.load_model(spec, session=session, log=print)
    return pipeline.build_baseline(spec, ref, session=session, log=print)


def _after_the_first(monkeypatch, module, name, deed):
    """Have `deed` done when the first shard is done."""
    usual, done = getattr(module, name), []

    def then(task):
        found = usual(task)
        if not done:
            done.append(deed())
        return found

    monkeypatch.setattr(module, name, then)


def _later(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(a=frame["a"] + 30)


def _replace(file: Path, frame: pd.DataFrame) -> None:
    frame.to_parquet(file.with_suffix(".new"), index=False)
    file.with_suffix(".new").replace(file)


def _means(ref) -> dict[str, float]:
    report = json.loads(Path(ref["report_uri"]).read_text())
    return {row["feature"]: row["mean"] for row in report["importance"]}


@pytest.mark.parametrize("prediction", [None, "served"])
def test_data_that_is_replaced_is_not_explained_under_the_old_digest(project, session, monkeypatch, prediction):
    root = project.parents[2]
    for month, rows, seed in (("2013-01", 60, 1), ("2013-02", 30, 2)):
        write_data(root / "data", {month: table(rows, seed).assign(served=0.0)})
    settings = {"data.prediction": prediction, "validation.parity.mostly": 0}
    spec = load_spec(project, settings={**settings, "store": str(root / "undisturbed")})
    undisturbed = all_stages(spec, session)
    file = root / "data" / "month=2013-01" / "part-0.parquet"
    shutil.copy(file, root / "kept.parquet")
    _after_the_first(monkeypatch, explain_job, "explain_shard", lambda: _replace(file, _later(pd.read_parquet(file))))
    spec = load_spec(project, settings=settings)
    ref = _begun(spec, session)
    with pytest.raises(DataError, match=rf"data file {file} is not the one that the run began with") as caught:
        pipeline.compute_attributions(spec, ref, session=session, log=print)
    assert "\n" not in str(caught.value)
    folder = Path(ref["run_uri"])
    assert [path.name for path in (folder / "statistics").iterdir()] == ["shard-000000.stats"]
    assert not (folder / "summary.json").exists()
    # The new file is another run, with numbers of its own; the old one again is the old run, and all of it is right.
    replaced = all_stages(spec, session)
    assert replaced["run_id"] != undisturbed["run_id"]
    assert abs(_means(replaced)["a"] - _means(undisturbed)["a"]) > 0.1
    (root / "kept.parquet").replace(file)
    lines: list[str] = []
    restored = all_stages(spec, session, lines)
    assert restored["run_id"] == ref["run_id"] == undisturbed["run_id"]
    assert any("1 of 5 shards were finished by an earlier attempt" in line for line in lines)
    assert _means(restored) == _means(undisturbed)
    for name in ("importance.parquet", "attributions/shard-000001.parquet"):
        assert (folder / name).read_bytes() == (Path(undisturbed["run_uri"]) / name).read_bytes()


def test_a_file_that_is_cut_short_is_named(project, session, monkeypatch):
    file = project.parents[2] / "data" / "month=2013-02" / "part-0.parquet"
    _after_the_first(
        monkeypatch,
        explain_job,
        "explain_shard",
        lambda: file.write_bytes(file.read_bytes()[: -file.stat().st_size // 2]),
    )
    spec = load_spec(project)
    with pytest.raises(DataError, match=rf"data file {file} is not the one"):
        pipeline.compute_attributions(spec, _begun(spec, session), session=session, log=print)


def test_data_of_a_baseline_that_is_replaced_fits_nothing(project, session, monkeypatch):
    monkeypatch.setattr(baseline_job, "FIT_ROWS", 20)
    file = project.parents[2] / "data" / "month=2013-01" / "part-0.parquet"
    _after_the_first(monkeypatch, baseline_job, "count_shard", lambda: _replace(file, _later(pd.read_parquet(file))))
    spec = load_spec(project)
    with pytest.raises(DataError, match=rf"data file {file} is not the one"):
        _begun(spec, session)
    assert not list((project.parents[2] / "runs").rglob("baseline.json"))


def test_a_table_that_is_replaced_while_it_is_read_is_no_baseline(project, session, monkeypatch):
    own = project.parents[2] / "own.parquet"
    one = pd.DataFrame({"a": [0.25], "b": [-1.0], "kind": ["blue"]})
    one.to_parquet(own)
    spec = load_spec(project, settings={"baseline": {"strategy": "table", "uri": str(own)}})
    usual = baseline_job.baseline_of_table

    def replaced(*arguments):
        _replace(own, one.assign(a=7.0))
        return usual(*arguments)

    monkeypatch.setattr(baseline_job, "baseline_of_table", replaced)
    with pytest.raises(RunError, match=r"baseline\.uri .*own\.parquet changed since the run began"):
        _begun(spec, session)
    assert not list((project.parents[2] / "runs").rglob("baseline.json"))


def test_rows_that_come_after_they_were_counted_are_not_counted(project, session):
    spec = load_spec(project)
    ref = pipeline.compute_attributions(spec, _begun(spec, session), session=session, log=print)
    write_data(project.parents[2] / "data", {"2013-03": table(500, 3)})
    ref = pipeline.publish_report(spec, pipeline.validate(spec, ref, log=print), log=print)
    data = json.loads(Path(ref["report_uri"]).read_text())["data"]
    assert (data["rows_available"], data["rows_read"], data["not_read"]) == (90, 90, "")


def test_a_row_that_has_changed_since_is_not_explained_as_the_stored_one(project, session):
    ref = all_stages(load_spec(project), session)
    run = ig_tasks.open_run(ref["run_uri"], trusted_root=project.parents[2])
    stored = run.row("1-000003")
    again = run.explain("1-000003").to_frame().iloc[0]
    assert again["output"] == pytest.approx(stored["output"], rel=1e-6)
    file = project.parents[2] / "data" / "month=2013-01" / "part-0.parquet"
    whole = pd.read_parquet(file)
    changed = whole.copy()
    changed.loc[3, "a"] += 1e-9
    _replace(file, changed)
    with pytest.raises(RunError, match=r"row_id '1-000003': the data has changed since the run \(a was "):
        run.explain("1-000003")
    other = run.explain("1-000004").to_frame().iloc[0]
    assert other["output"] == pytest.approx(run.row("1-000004")["output"], rel=1e-6)
    changed = whole.assign(kind=whole["kind"].map({"red": "blue", "green": "red", "blue": "green"}))
    _replace(file, changed)
    with pytest.raises(RunError, match=r"the data has changed since the run \(its output is "):
        run.explain("1-000003")


def _other_weights(package: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = {name: 2 * array for name, array in load_file(package / "weights.safetensors").items()}
    save_file(weights, package / "new.safetensors")
    (package / "new.safetensors").replace(package / "weights.safetensors")


@pytest.mark.parametrize("stage", ["validate", "publish_report"])
def test_a_report_names_the_model_that_computed_and_never_one_that_came_later(project, session, stage):
    package = project.parents[1] / "models" / "tiny"
    spec = load_spec(project)
    ref = pipeline.compute_attributions(spec, _begun(spec, session), session=session, log=print)
    if stage == "publish_report":
        ref = pipeline.validate(spec, ref, log=print)
    computed = ref.model.digest
    _other_weights(package)
    config = package / "model.yaml"
    config.write_text(config.read_text().replace("'1.2'", "'2.0'").replace("late:", "early:"))
    assert open_package(package, trusted_root=project.parents[2]).digest != computed
    if stage == "validate":
        ref = pipeline.validate(spec, ref, log=print)
    report = json.loads(Path(pipeline.publish_report(spec, ref, log=print)["report_uri"]).read_text())
    assert (report["model"]["digest"], report["model"]["version"]) == (computed, "1.2")
    assert report["targets"][0]["space"] == "logit"
    # What has nothing of the run's folder to go by yet refuses the other package.
    with pytest.raises(RunError, match=rf"model package {package} changed since the run began .*start the run again"):
        pipeline.compute_attributions(spec, ref, session=session, log=print)


def test_a_report_names_the_served_model_that_was_called(project, session):
    served = write_package(project.parents[1] / "models" / "served")
    spec = load_spec(project, settings={"model.served": str(served)})
    ref = pipeline.compute_attributions(spec, _begun(spec, session), session=session, log=print)
    called = ref.served.digest
    _other_weights(served)
    ref = pipeline.publish_report(spec, pipeline.validate(spec, ref, log=print), log=print)
    report = json.loads(Path(ref["report_uri"]).read_text())
    assert report["model"]["served_digest"] == called
    (parity,) = (check for check in report["checks"] if check["name"] == "parity_served")
    assert (parity["success"], parity["observed"]) == (True, 1.0)
    with pytest.raises(RunError, match=rf"served model {served} changed since the run began"):
        pipeline.compute_attributions(spec, ref, session=session, log=print)


@pytest.mark.parametrize("when", ["before", "after"])
def test_weights_that_are_replaced_while_they_are_loaded_are_not_taken_for_the_old_ones(tmp_path, monkeypatch, when):
    folder = write_package(tmp_path / "tiny")
    package = open_package(folder, trusted_root=tmp_path)
    usual = torch_loader.load

    def load(*arguments):
        found = None if when == "before" else usual(*arguments)
        _other_weights(folder)
        return usual(*arguments) if found is None else found

    monkeypatch.setattr(torch_loader, "load", load)
    with pytest.raises(ModelError, match=r"model package '.*tiny': 'weights\.safetensors' changed since it was opened"):
        package.load()


def test_a_package_that_is_only_copied_or_linked_is_the_same(tmp_path):
    folder = write_package(tmp_path / "tiny")
    package = open_package(folder, trusted_root=tmp_path)
    weights = folder / "weights.safetensors"
    shutil.copy(weights, tmp_path / "copy")
    (tmp_path / "copy").replace(weights)
    (tmp_path / "link").hardlink_to(folder / "model.yaml")
    rows = table(5, 1)
    encoded = package.encode(rows)
    assert np.isfinite(package.load().output(encoded.inputs)).all()


def test_a_vocabulary_that_changes_between_its_digest_and_its_reading_is_refused(tmp_path, monkeypatch):
    from ig_tasks.models import opening

    folder = write_package(tmp_path / "tiny")
    usual = opening.read_config

    def read(root):
        config = (folder / "model.yaml").read_text()
        (folder / "model.yaml").write_text(config.replace("- red\n", "- rot\n"))
        return usual(root)

    monkeypatch.setattr(opening, "read_config", read)
    with pytest.raises(ModelError, match=r"'model\.yaml' changed since it was opened; run again"):
        open_package(folder, trusted_root=tmp_path)
