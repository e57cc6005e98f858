"""A model that ends its worker: the message says what the worker was at, how it ended, and what helps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.tiny import MODEL_CODE, write_project

from ig_tasks import cli

pytest.importorskip("torch")

BUILD, CALL = "    return Tiny(width)", "        joined ="


@pytest.mark.parametrize(
    ("before", "code", "said", "helps", "key"),
    [
        (BUILD, "os.kill(os.getpid(), 9)", "while they loaded the model; .*SIGKILL", "more memory than a w", "try-"),
        (CALL, "os._exit(3)", "while they tried the model on a few rows; .* exit status 3", "it is not mem", "try-"),
        (CALL, "os.kill(os.getpid(), 11)", "while they tried .*SIGSEGV", "alone .ig_tasks.load_model.", "try-"),
        (
            CALL,
            "os.kill(os.getpid(), 9) if len(numeric) > 100 else None",
            "while they computed it; .*SIGKILL",
            "make compute.shard_rows or compute.workers smaller",
            "explain-",
        ),
    ],
    ids=["loading", "exit", "segfault", "shard"],
)
def test_a_worker_that_dies_is_told_by_what_it_was_at(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    code: str,
    said: str,
    helps: str,
    key: str,
) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")
    path = write_project(tmp_path, rows=600, compute={"workers": 1, "shard_rows": 500})
    indent = " " * (len(before) - len(before.lstrip()))
    model = MODEL_CODE.replace(before, f"{indent}import os; {code}\n{before}")
    (tmp_path / "include" / "models" / "tiny" / "model.py").write_text(model)
    assert cli._run(["run", str(path)]) == 3
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"ig-tasks: {key}")
    assert re.search(f"2 workers died one after the other {said}.*; .*{helps}", line), line
    assert ("shard_rows or" in line) == (key == "explain-")


def test_a_worker_that_dies_loading_the_model_for_a_shard_is_not_told_of_shards(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")
    no_table = {"unstable": {"rows": 0}}  # of baselines, before it
    path = write_project(tmp_path, rows=60, verdicts=no_table, compute={"workers": 1, "shard_rows": 100})
    full = tmp_path / "full"
    model = MODEL_CODE.replace(
        BUILD, f"    import os; os.path.exists({str(full)!r}) and os.kill(os.getpid(), 9)\n{BUILD}"
    )
    (tmp_path / "include" / "models" / "tiny" / "model.py").write_text(model)
    assert cli._run(["check", str(path)]) == 0
    full.touch()
    assert cli._run(["run", str(path)]) == 3
    line = capsys.readouterr().err.splitlines()[-1]
    assert re.search("^ig-tasks: explain-.*: 2 workers died .* while they loaded the model; .*SIGKILL", line), line
    assert line.endswith("whatever compute.shard_rows is: run it on a machine with more memory")
