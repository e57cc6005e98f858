"""Peak memory of single runs, each measured where nothing ran before it: see benchmarks/fresh.py."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from benchmarks.places import ROOT

__all__ = ["peaks"]


def peaks(suite: str, rows: int, keys: Sequence[str]) -> dict[str, float]:
    """Megabytes of each key of a suite, explaining this many rows.

    A key is missing where its process failed or the system has no such figure.
    """
    if not keys:
        return {}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.fresh", suite, str(rows), *keys],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    for key in keys:
        if key not in found:
            print(f"  memory of {suite}, {key}: not measured\n{done.stderr[-500:]}", file=sys.stderr)
    return {key: float(megabytes) for key, megabytes in found.items()}
