"""A model that ends its worker: the message says what the worker was at, how it ended, and what helps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.patience import PATIENCE
from support.sweeps import sized
from support.tiny import MODEL_CODE, write_project

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


@pytest.mark.parametrize(
    ("before", "said", "helps"),
    [
        (CALL, "while they computed it; .*SIGKILL", "make compute.shard_rows or compute.workers smaller"),
        # Of a model that cannot even be loaded nothing is said of shards.
        (BUILD, "while they loaded the model; .*SIGKILL", "whatever .*: run it on a machine with more memory$"),
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
    assert re.search(f"^ig-tasks: explain-.*: 2 workers died one after the other {said}.*; .*{helps}", line), line
