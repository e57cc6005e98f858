"""Peak memory of one run, measured where nothing ran before it.

    python -m benchmarks.memory SUITE KEY ROWS

prints by how many megabytes the process' resident memory grew at most while the rows were explained. The model and
the rows are loaded before, and 16 rows explained, so that what a framework takes for itself is not counted; the result
that is handed back is.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

__all__ = ["peak_in_fresh_process"]

_ROOT = Path(__file__).resolve().parents[1]
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_in_fresh_process(suite: str, key: str, rows: int) -> float | None:
    """Megabytes; None where the process failed or the system has no such figure."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", suite, key, str(rows)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 or not done.stdout.strip():
        print(f"  memory of {suite}, {key}: not measured\n{done.stderr[-500:]}", file=sys.stderr)
        return None
    return float(done.stdout.split()[-1])


def _peak_bytes() -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main(arguments: list[str]) -> None:
    from benchmarks.contest import Options
    from benchmarks.suites import open_contest

    suite, key, rows = arguments
    contestant = open_contest(suite, Options(rows=int(rows))).contestant(key)
    contestant.explain(min(16, contestant.rows))
    _RESET.write_text("5")  # Linux: the peak of the resident memory counts from here
    before = psutil.Process().memory_info().rss
    contestant.explain(contestant.rows)
    print(f"{max(0, _peak_bytes() - before) / 1e6:.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
