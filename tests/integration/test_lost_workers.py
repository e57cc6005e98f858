"""A model that ends its worker: the message says what the worker was at, how it ended, and what helps."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.patience import PATIENCE
from support.sweeps import sized
from support.tiny import MODEL_CODE, table, write_data, write_project

from ig_tasks import cli

pytest.importorskip("torch")

BUILD, CALL = "    return Tiny(width)", "        joined ="


CASES = {
    "loading": (BUILD, "kill(getpid(), 9)", "while they loaded the model; .*SIGKILL", "more memory than a worker has"),
    "exit": (CALL, "_exit(3)", "while they tried the model on a few rows; .* exit status 3", "it is not memory"),
    "segfault": (CALL, "kill(getpid(), 11)", "while they tried .*SIGSEGV", "alone .ig_tasks.load_model."),
}
# Each starts three processes that import the framework. That a signal is told by its name is a unit test too.
FEWER = {name: case for name, case in CASES.items() if name != "segfault"}
NO_TABLE = {"unstable": {"rows": 0}}
"""No table of baselines, which calls the model as well."""


def project(root: Path, before: str, code: str) -> Path:
    """A project whose model runs `code` before a line of it."""
    compute = {"workers": 1, "shard_rows": 500, "worker_timeout": PATIENCE}
    path = write_project(root, rows=600, verdicts=NO_TABLE, compute=compute)
    indent = " " * (len(before) - len(before.lstrip()))
    code = f"{indent}from os import _exit, getpid, kill, path; {code}\n{before}"
    (root / "include" / "models" / "tiny" / "model.py").write_text(MODEL_CODE.replace(before, code))
    return path


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers that died are enough."""
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")


@pytest.mark.parametrize(
    ("before", "code", "said", "helps"), sized(FEWER, CASES).values(), ids=sized(FEWER, CASES).keys()
)
def test_a_worker_that_dies_is_told_by_what_it_was_at(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, before: str, code: str, said: str, helps: str
) -> None:
    assert cli._run(["run", str(project(tmp_path, before, code))]) == 3
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("ig-tasks: try-")
    assert re.search(f"2 workers died one after the other {said}.*; .*{helps}", line), line
    assert "shard_rows or" not in line


def test_a_row_that_ends_its_workers_is_quarantined_and_the_rest_is_as_without_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    code = MODEL_CODE.replace(CALL, f"        import os; (numeric > 50).any() and os._exit(3)\n{CALL}")
    tables = {}
    for case, value in (("ends", 60.0), ("control", np.nan)):
        workers = 1 if case == "ends" else 0
        compute = {"workers": workers, "shard_rows": 60}
        path = write_project(tmp_path / case, rows=40, compute=compute, verdicts={"unstable": {"rows": 0}})
        rows = table(120, 2)
        rows.loc[77, "a"] = value
        write_data(tmp_path / case / "data", {"2013-02": rows})
        (tmp_path / case / "include" / "models" / "tiny" / "model.py").write_text(code)
        assert cli._run(["run", str(path)]) == 0
        (run,) = (file.parent for file in (tmp_path / case / "runs" / "tiny").glob("*/manifest.json"))
        shards = [pd.read_parquet(file) for file in sorted((run / "attributions").glob("*.parquet"))]
        tables[case] = pd.concat(shards, ignore_index=True)
        quarantine = pd.read_parquet(run / "quarantine.parquet")
        assert quarantine["row_id"].tolist() == ["2-000077"]
        if case == "ends":
            why = "the model ends its process (exit status 3)"
            assert quarantine["reason"].tolist() == [why]
            assert f"row 2-000077 is quarantined: {why}" in capsys.readouterr().err
    pd.testing.assert_frame_equal(tables["ends"], tables["control"], check_exact=True)


@pytest.mark.parametrize(
    ("before", "said", "helps"),
    [
        (
            CALL,
            r"shard-00000[01] .rows \d+ to \d+.: the process ended with SIGKILL also with batches of an eighth",
            "make compute.shard_rows or compute.workers smaller",
        ),
        # Where not even the model can be loaded, nothing is said of shards.
        (
            BUILD,
            "explain-.*: 2 workers died .* while they loaded the model; .*SIGKILL",
            "whatever .*: run it on a machine with more memory$",
        ),
    ],
    ids=["computing", "loading"],
)
def test_a_worker_that_dies_once_the_model_was_tried_is_told_by_its_shard(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, before: str, said: str, helps: str
) -> None:
    full = tmp_path / "full"
    path = project(tmp_path, before, f"path.exists({str(full)!r}) and kill(getpid(), 9)")
    assert cli._run(["check", str(path), "--set", "compute.workers=0"]) == 0
    full.touch()
    assert cli._run(["run", str(path)]) == 3
    line = capsys.readouterr().err.splitlines()[-1]
    assert re.search(f"^ig-tasks: {said}.*; .*{helps}", line), line
