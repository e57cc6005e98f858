"""Side by side with what people use today: `make bench`, or

    python -m benchmarks [--only NAME ...] [--rows N] [--quick] [--to PATH]

Each framework has a process of its own, so that neither holds the other's threads and memory. Progress goes to
standard error, the tables to standard output, everything into a JSON file that `python -m benchmarks.render` turns
into docs/benchmarks.md and its chart.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contest import Options, log, run
from benchmarks.machine import machine
from benchmarks.places import RESULTS, ROOT
from benchmarks.results import Results, Suite
from benchmarks.suites import SUITES, open_contest
from benchmarks.tables import printed

THREADS = 2
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure ig-tasks beside its peers")
    parser.add_argument("--only", nargs="+", choices=list(SUITES), metavar="NAME", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--rows", type=int, help="rows of every table (20,000 unless given)")
    parser.add_argument("--quick", action="store_true", help="few rows, one round: does everything run?")
    parser.add_argument("--no-memory", action="store_true", help="leave out the runs that measure memory")
    parser.add_argument("--to", type=Path, default=RESULTS, help="the JSON file (%(default)s)")
    parser.add_argument("--process", help=argparse.SUPPRESS)
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    arguments = _arguments(given)
    names = [name for name in SUITES if name in (arguments.only or SUITES)]
    options = Options(
        rows=arguments.rows,
        quick=arguments.quick,
        rounds=1 if arguments.quick else 3,
        memory=not (arguments.quick or arguments.no_memory),
    )
    if arguments.process:
        _run(names, options).write(arguments.to)
        return 0
    started = time.perf_counter()
    suites: list[Suite] = []
    failed: dict[str, str] = {}
    for process in dict.fromkeys(SUITES[name].process for name in names):
        some = [name for name in names if SUITES[name].process == process]
        found = _in_process(process, some, arguments)
        suites += found.suites
        failed |= found.failed
    results = Results(
        machine=machine(),
        threads=THREADS,
        quick=arguments.quick,
        seconds=time.perf_counter() - started,
        suites=tuple(suites),
        failed=failed,
    )
    results.write(arguments.to)
    print(printed(results))
    log(f"{results.seconds / 60:.1f} minutes; '{arguments.to}'")
    return 1 if failed else 0


def _in_process(process: str, names: list[str], arguments: argparse.Namespace) -> Results:
    """The suites of one framework, in a process of their own."""
    threads = {name: str(THREADS) for name in _THREAD_VARIABLES}
    environment = {**os.environ, **threads, "TF_CPP_MIN_LOG_LEVEL": "3", "TOKENIZERS_PARALLELISM": "false"}
    with tempfile.TemporaryDirectory() as folder:
        to = Path(folder) / "results.json"
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks", "--process", process, "--to", str(to)]
        command += ["--only", *names]
        command += ["--rows", str(arguments.rows)] if arguments.rows else []
        command += [flag for flag in ("--quick", "--no-memory") if getattr(arguments, flag[2:].replace("-", "_"))]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        if to.exists():
            return Results.read(to)
    why = f"its process ended with exit code {done.returncode}"
    return Results(
        machine=machine(), threads=THREADS, quick=True, seconds=0, suites=(), failed=dict.fromkeys(names, why)
    )


def _wake(framework: str) -> None:
    """Have the engine import what it needs, so that the first call of the first suite measures nothing else."""
    import ig_tasks

    model: Any
    if framework == "tensorflow":
        import keras

        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    else:
        import torch

        model = torch.nn.Linear(2, 1)
    ig_tasks.explain(model, np.ones((1, 2), np.float32))


def _run(names: list[str], options: Options) -> Results:
    started = time.perf_counter()
    _wake(SUITES[names[0]].process)
    suites, failed = [], {}
    for name in names:
        log(f"{name} ({names.index(name) + 1} of {len(names)})")
        try:
            suites.append(run(open_contest(name, options), options))
        except Exception as error:  # noqa: BLE001 - the other suites go on; the run fails at its end
            failed[name] = f"{type(error).__name__}: {error}"
            log(f"  FAILED: {failed[name]}")
    spent = time.perf_counter() - started
    return Results(
        machine=machine(), threads=THREADS, quick=options.quick, seconds=spent, suites=tuple(suites), failed=failed
    )


if __name__ == "__main__":
    raise SystemExit(main())
