"""What a wide table costs end to end: `ig-tasks check` and `ig-tasks run` with 2,000 columns beside 20, 40 rows each.

    python -m benchmarks.many_columns [--columns N] [--rounds N] [--rows N]

The program runs as users start it, the two projects in turns. Printed are CPU seconds of the program and of its workers
(the least of the rounds, which other work on the machine disturbs least), and how many times those of 20 columns the
wide table takes.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import yaml
from safetensors.numpy import save_file

__all__ = ["Spent", "main", "write_project"]

FEW = 20
_EVERY = 0.1
"""Seconds between two looks at the processes."""
HIDDEN = 64
COMMANDS = ("check", "run")
MODEL = f"""\
import torch


def build(columns):
    return torch.nn.Sequential(torch.nn.Linear(columns, {HIDDEN}), torch.nn.ReLU(), torch.nn.Linear({HIDDEN}, 1))
"""


@dataclass(frozen=True)
class Spent:
    """What one start of the program took, its workers included."""

    cpu: float
    wall: float


def write_project(root: Path, columns: int, rows: int) -> Path:
    """A torch network over `columns` numbers, a Parquet file and a spec below `root`; returns the spec's path."""
    draw = np.random.default_rng(columns)
    names = [f"column_{at:05d}" for at in range(columns)]
    package, data, specs = root / "include" / "models" / "net", root / "data", root / "include" / "specs"
    for folder in (package, data, specs):
        folder.mkdir(parents=True)
    widths = {"0": (HIDDEN, columns), "2": (1, HIDDEN)}
    weights = {f"{name}.weight": draw.normal(size=shape) / np.sqrt(shape[1]) for name, shape in widths.items()}
    weights |= {f"{name}.bias": 0.1 * draw.normal(size=shape[0]) for name, shape in widths.items()}
    save_file({name: array.astype(np.float32) for name, array in weights.items()}, package / "weights.safetensors")
    (package / "model.py").write_text(MODEL)
    model = {
        "framework": "torch",
        "factory": "model:build",
        "arguments": {"columns": columns},
        "weights": "weights.safetensors",
        "inputs": {"input": {"columns": names}},
        "targets": {"score": {"space": "logit"}},
    }
    (package / "model.yaml").write_text(yaml.safe_dump(model, sort_keys=False))
    table = pd.DataFrame(draw.normal(size=(rows, columns)), columns=names)
    table.insert(0, "id", np.arange(rows))
    table.insert(1, "region", draw.choice(["north", "east", "south", "west"], size=rows))
    table.to_parquet(data / "part-0.parquet", index=False)
    spec = {
        "version": 1,
        "name": "net",
        "model": "../models/net",
        "data": {"uri": "../../data", "id": "id", "segments": ["region"]},
        "baseline": "auto",
        "compute": {"workers": 1},
        "store": "../../runs",
    }
    path = specs / "net.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return path


def _spend(command: str, spec: Path) -> Spent:
    """Start the program on a store that is empty, and wait for it."""
    shutil.rmtree(spec.parents[2] / "runs", ignore_errors=True)
    program = [str(Path(sys.executable).parent / "ig-tasks"), command, str(spec)]
    started = time.perf_counter()
    spent: dict[int, float] = {}
    with tempfile.TemporaryFile() as said:
        process = psutil.Popen(program, stdout=said, stderr=subprocess.STDOUT)
        while process.poll() is None:
            spent |= _cpu_seconds(process)
            time.sleep(_EVERY)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{' '.join(program)}: exit code {process.returncode}\n{said.read().decode()}")
    return Spent(sum(spent.values()), time.perf_counter() - started)


def _cpu_seconds(process: psutil.Process) -> dict[int, float]:
    """{process: its CPU seconds so far}, of the program and its workers.

    Asked for while they run: a worker that is killed at the end is in no account of its parent's.
    """
    found: dict[int, float] = {}
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                found[one.pid] = times.user + times.system
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_columns", description="What a wide table costs")
    parser.add_argument("--columns", type=int, default=2000, help="columns of the wide table (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="starts of each command with each table (%(default)s)")
    parser.add_argument("--rows", type=int, default=40, help="rows of both tables (%(default)s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sizes = (FEW, given.columns)
        specs = {size: write_project(Path(folder) / str(size), size, given.rows) for size in sizes}
        spent: dict[tuple[str, int], list[Spent]] = {(command, size): [] for command in COMMANDS for size in sizes}
        for _ in range(given.rounds):
            for command, size in spent:
                spent[command, size].append(_spend(command, specs[size]))
    print(f"{given.rows} rows, least of {given.rounds}")
    for command in COMMANDS:
        few, many = (min(one.cpu for one in spent[command, size]) for size in sizes)
        walls = [min(one.wall for one in spent[command, size]) for size in sizes]
        print(
            f"ig-tasks {command}: {FEW} columns {few:.1f} s CPU ({walls[0]:.1f} s), "
            f"{given.columns:,} columns {many:.1f} s CPU ({walls[1]:.1f} s): {many / few:.1f} times"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
