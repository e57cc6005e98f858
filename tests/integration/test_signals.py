"""SIGINT and SIGTERM end a command in one line, with the code that shells expect, and leave nothing behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.patience import PATIENCE, until
from support.tiny import MODEL_CODE, write_project

CALL = "        joined ="


def started(root: Path, workers: int, before: str) -> tuple[subprocess.Popen[str], Path]:
    """`ig-tasks run` of a project whose model touches a file and waits for ever in its first call of `before`."""
    path = write_project(root, rows=60, compute={"workers": workers}, verdicts={"unstable": {"rows": 0}})
    reached = root / "reached"
    waits = f"        if {before}:\n            open({str(reached)!r}, 'w').close()\n            time.sleep(1e6)\n"
    code = "import time\n" + MODEL_CODE.replace(CALL, waits + CALL)
    (root / "include" / "models" / "tiny" / "model.py").write_text(code)
    command = [sys.executable, "-m", "ig_tasks.cli", "run", str(path)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(reached.exists, "the model to be called")
    return run, root


@pytest.mark.parametrize(
    ("number", "workers", "before", "code", "line"),
    [
        # The trial calls the model with 32 rows at most, a shard with more points.
        (signal.SIGTERM, 0, "len(numeric) > 70", 143, "ended by SIGTERM; run again to continue where it stopped"),
        (signal.SIGINT, 1, "True", 130, "interrupted; run again to continue where it stopped"),
    ],
    ids=["SIGTERM while a shard is computed", "SIGINT while a worker tries the model"],
)
def test_a_signal_ends_a_run_in_one_line(
    tmp_path: Path, number: int, workers: int, before: str, code: int, line: str
) -> None:
    pytest.importorskip("torch")
    run, root = started(tmp_path, workers, before)
    family = psutil.Process(run.pid).children(recursive=True)
    assert bool(family) == bool(workers)
    run.send_signal(number)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == code
    assert out == ""
    assert err.splitlines()[-1] == f"ig-tasks: {line}"
    assert not re.search(r"Traceback|distributed|Exception", err), err
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert alive == []
    assert list(root.glob("runs/tiny/*/running/*")) == []
