"""`ig-tasks check` and the layer doctor: a table of inputs and layers, and exit code 2 with the entry to write."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.dask_cluster import ForeignCluster
from support.tiny import KINDS, MODEL_YAML, write_package, write_project

from ig_tasks import cli, pipeline
from ig_tasks.cluster.session import ADDRESS_VARIABLE
from ig_tasks.pipeline.checkup import Checkup
from ig_tasks.spec import load_spec

pytest.importorskip("torch")

CATEGORY = {"columns": ["kind"], "vocabulary": list(KINDS), "offset": 1}


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    with ForeignCluster(tmp_path / "dask") as cluster:
        cluster.start_scheduler()
        cluster.start_worker()
        yield cluster.address


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return write_project(tmp_path, rows=20)


def package(spec: Path, **category: Any) -> None:
    """The package again, with these changes to its categorical input."""
    inputs = {**MODEL_YAML["inputs"], "kind": {**CATEGORY, **category}}
    write_package(spec.parent.parent / "models" / "tiny", inputs=inputs)


def check(capsys: pytest.CaptureFixture[str], spec: Path) -> tuple[int, str, str]:
    code = cli._run(["check", str(spec)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_check_lists_inputs_and_their_layers(capsys: pytest.CaptureFixture[str], spec: Path) -> None:
    code, out, _ = check(capsys, spec)
    assert code == 0
    assert "differentiable" in out
    line = next(line for line in out.splitlines() if line.startswith("kind"))
    assert "no: integer ids" in line
    assert "embed_kind" in out
    assert "model.yaml" not in out
    with Checkup(load_spec(spec)) as checkup:
        diagnosis = checkup.diagnosis()
    assert diagnosis is not None
    assert diagnosis.silent
    assert diagnosis.layers == {"kind": "embed_kind"}


@pytest.mark.parametrize(
    ("category", "message"),
    [
        ({}, "inputs.kind.layer: is missing; integer ids, embedded by embed_kind"),
        ({"layer": "embed_kin"}, "inputs.kind.layer: the model has no layer 'embed_kin'; did you mean 'embed_kind'?"),
        ({"layer": "hidden"}, "inputs.kind.layer: 'hidden' does not embed this input"),
    ],
)
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_missing_or_wrong_entry_is_one_line_with_the_right_one(
    capsys: pytest.CaptureFixture[str], spec: Path, command: str, category: dict[str, str], message: str
) -> None:
    package(spec, **category)
    code = cli._run([command, str(spec)])
    shown = capsys.readouterr()
    assert (code, shown.out) == (2, "")
    last = shown.err.splitlines()[-1]
    assert last.startswith(f"ig-tasks: {message}")
    assert last.endswith("; in model.yaml: inputs.kind.layer: embed_kind")
    assert "Traceback" not in shown.err


def test_a_column_without_attribution_is_said(capsys: pytest.CaptureFixture[str], spec: Path) -> None:
    folder = write_package(spec.parent.parent / "models" / "tiny")
    code = (folder / "model.py").read_text()
    (folder / "model.py").write_text(code.replace("[numeric, self", "[numeric * torch.tensor([1.0, 0.0]), self"))
    code, out, _ = check(capsys, spec)
    assert code == 0
    assert "no attribution  b: the output does not change with it on the rows that were tried" in out


def test_the_process_that_checks_imports_no_framework(spec: Path, scheduler: str) -> None:
    program = (
        "import sys; from ig_tasks.cli import _run; code = _run(['check', sys.argv[1]]);"
        "heavy = {'torch', 'tensorflow', 'keras'} & set(sys.modules);"
        "sys.exit(code or (f'imported {heavy}' if heavy else 0))"
    )
    spec.write_text(spec.read_text().replace("workers: 0", "workers: 1"))
    variables = {**os.environ, ADDRESS_VARIABLE: scheduler}
    done = subprocess.run([sys.executable, "-c", program, str(spec)], capture_output=True, text=True, env=variables)
    assert done.returncode == 0, done.stderr
    assert "embed_kind" in done.stdout


def test_the_reference_that_travels_through_airflow_stays_small(spec: Path) -> None:
    reference = pipeline.load_model(load_spec(spec), log=lambda _: None)
    assert "diagnosis" not in yaml.safe_dump(reference.to_json())
