"""Fresh processes that measure memory:

    python -m benchmarks.fresh SUITE ROWS KEY [KEY ...]

prints for each key by how many megabytes the resident memory grew at most while that many rows ran. The model
and the rows are loaded before, and a few rows explained, so that what a framework takes for itself is not counted; the
result that is handed back is. Each key has a process of its own, forked before anything was explained.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil

from benchmarks.contest import Contest, Options
from benchmarks.suites import SUITES, open_contest

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_WARM = 16
"""Rows explained before, or a quarter of them all."""


def main(arguments: list[str]) -> None:
    suite, rows, keys = arguments[0], int(arguments[1]), arguments[2:]
    options, threads = Options(rows=rows), 1
    shared: Contest | None = None
    if SUITES[suite].process == "torch":  # TensorFlow has threads as soon as it is there, which a fork would lose
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # before any thread pool exists
        shared = open_contest(suite, options)
    for key in keys:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            continue
        if shared is not None:
            torch.set_num_threads(threads)
        _measure(shared or open_contest(suite, options), key, rows)
        return


def _measure(contest: Contest, key: str, rows: int) -> None:
    contestant = contest.contestant(key)
    contestant.explain(max(1, min(_WARM, rows // 4)))
    _RESET.write_text("5")  # Linux: the peak of the resident memory counts from here
    before = psutil.Process().memory_info().rss
    contestant.explain(rows)
    print(f"{key} {max(0, _peak_bytes() - before) / 1e6:.1f}", flush=True)


def _peak_bytes() -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(sys.argv[1:])
