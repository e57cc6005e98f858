"""Real processes that do the same thing at the same moment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from support.patience import PATIENCE

TESTS = Path(__file__).resolve().parents[1]

_BARRIER = """
import sys
def together():
    print("ready", flush=True)
    sys.stdin.readline()
"""


def run_together(script: str, arguments: Sequence[Sequence[str]]) -> list[str]:
    """Run a Python script once for each list of arguments, and return what each printed.

    The script calls `together()` once: no process goes on before all have come so far.
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _BARRIER + script, *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=TESTS,
        )
        for given in arguments
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        printed = [process.communicate(timeout=PATIENCE)[0] for process in processes]
        assert [process.returncode for process in processes] == [0] * len(processes)
    finally:
        for process in processes:
            process.kill()
    return printed
