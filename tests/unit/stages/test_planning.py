"""A run's key is made of what decides its numbers, and of nothing else."""

from typing import Any

import pytest
from support.tiny import table, write_project

from ig_tasks import cli
from ig_tasks.errors import ModelError, SpecError, UserError
from ig_tasks.spec import load_spec
from ig_tasks.stages.planning import plan_run
from ig_tasks.store import run_key


@pytest.fixture
def key(tmp_path):
    path = write_project(tmp_path, rows=20)

    def of(**settings: Any) -> str:
        dotted = {name.replace("__", "."): value for name, value in settings.items()}
        plan = plan_run(load_spec(path, settings=dotted), "2013-01")
        return run_key(plan.key_parts(data_digest=plan.data_digest(), baseline_digest="sha256:0"))

    return of


@pytest.mark.parametrize(
    "settings",
    [
        {"model__target": "late"},
        {"model__space": "logit"},
        {"validation__completeness__mostly": 0.5},
        {"report__examples": 1},
        {"features": {"a": {"label": "Alpha"}}},
        {"description": "words", "owner": "others", "tags": ["x"]},
        {"compute__workers": 2, "compute__retries": 0, "compute__pool": "another"},
        {"compute__resources": {"GPU": 1}},
        {"store": "elsewhere"},
        {"attribution__memory_limit": 256 * 1024 * 1024},
    ],
    ids=lambda settings: ",".join(settings),
)
def test_what_does_not_decide_the_numbers_does_not_change_the_key(key, settings):
    assert key(**settings) == key()


@pytest.mark.parametrize(
    "settings",
    [
        {"model__space": "probability"},
        {"attribution__tolerance": 0.001},
        {"attribution__precision": "float64"},
        {"attribution__memory_limit": 1024 * 1024},
        {"compute__shard_rows": 7},
        {"data__sample": 5},
        {"data__id": None},
        {"data__segments": []},
    ],
    ids=lambda settings: ",".join(settings),
)
def test_what_decides_the_numbers_changes_the_key(key, settings):
    assert key(**settings) != key()


def test_data_and_package_are_in_the_key_by_content_not_by_place(key, tmp_path):
    before = key()
    (tmp_path / "data").rename(tmp_path / "moved")
    assert key(data__uri=str(tmp_path / "moved")) == before
    code = tmp_path / "include" / "models" / "tiny" / "model.py"
    code.write_text(code.read_text() + "# changed\n")
    assert key(data__uri=str(tmp_path / "moved")) != before


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("../models/tyni", "there is no such folder"),
        ("../models", "it holds no model.yaml"),
        ("tiny.yaml", "it is a file; a spec needs a folder with model.yaml"),
    ],
)
def test_where_there_is_no_package_the_spec_s_field_is_named(tmp_path, uri, why):
    spec = load_spec(write_project(tmp_path, rows=20, model=uri))
    with pytest.raises(ModelError) as raised:
        plan_run(spec, "2013-01")
    assert str(raised.value) == (
        f"model.uri: no model package at '{spec.model.uri}': {why}; paths are relative to the spec's file"
    )


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (None, r"^baseline\.uri '.*training': there are no Parquet files; check the path"),
        (["a", "kind"], r"^baseline\.uri: model input 'numeric': 'b' is not a column of .*training; columns: a, kind$"),
    ],
)
def test_a_baseline_s_own_data_without_the_model_s_columns_is_found_before_the_run(tmp_path, columns, message):
    path = write_project(tmp_path, rows=20, baseline={"strategy": "median", "uri": "../../training"})
    if columns is not None:
        (tmp_path / "training").mkdir()
        table(5, 1)[columns].to_parquet(tmp_path / "training" / "rows.parquet", index=False)
    with pytest.raises(UserError, match=message):
        plan_run(load_spec(path), "2013-01")


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_store_that_cannot_be_written_to_is_exit_code_2_before_the_model_is_opened(tmp_path, capsys, command):
    spec = write_project(tmp_path, rows=20, model="../models/nowhere")
    (tmp_path / "file").write_text("")
    assert cli._run([command, str(spec), "--store", str(tmp_path / "file" / "runs")]) == 2
    shown = capsys.readouterr()
    assert shown.err == (
        f"ig-tasks: store {tmp_path}/file/runs/tiny: {tmp_path}/file is not a folder; give a folder of your own\n"
    )
    assert shown.out == ""
    assert cli._run([command, str(spec)]) == 2
    assert "model.uri: no model package" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_segments_that_are_compared_are_segments_of_the_data(tmp_path):
    path = write_project(tmp_path, rows=4)
    assert plan_run(load_spec(path, settings={"drift.segments": ["origin"]})).spec.drift.segments == ("origin",)
    with pytest.raises(SpecError, match=r"^drift\.segments: 'orign' is not one of data\.segments.*'?origin"):
        plan_run(load_spec(path, settings={"drift.segments": ["orign"]}))
