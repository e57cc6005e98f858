"""What a run costs: a model of its parts fitted to short runs of the demo's flights, and what follows for other sizes.

    OMP_NUM_THREADS=1 python -m benchmarks.scale_costs [--driver-ms 2.1 0.4 --scheduler-ms 2 0.5] [--dollars 0.05]

Needs `make data`. Each run computes in this process with one thread, as each worker does. What the driver and Dask's
scheduler spend on a task, and on each of its shards, is measured by `python -m benchmarks.scale`; the price of a core's
hour is yours to name.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from benchmarks.machine import machine
from ig_tasks import pipeline
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.spec import load_spec
from ig_tasks.stages.aggregation import RunSummary
from ig_tasks.stages.explain_job import tasks_of

SPEC = "include/specs/flights_torch.yaml"
PARTITION = "2013-10"
RUNS = ((16384, 8), (16384, 64), (512, 8), (16384, 0))
"""Rows of a shard, and steps of Gauss-Legendre; 0: as the spec says. A sample would be spread over all row groups."""
ROWS = (10**6, 10**8, 10**10)
WORKERS = (1, 10, 100, 1000)
_FEWEST_ROWS, _MOST_ROWS = 2048, 65_536
_MOST_SHARDS = 200_000
_A_WORKER = 10
"""Shards of each worker, at least: they keep all of them busy to the end."""


@dataclass(frozen=True)
class Costs:
    """CPU seconds and bytes; `a_row` is that of the spec's own settings, without what its shard costs by itself."""

    read_and_write: float
    an_evaluation: float
    a_shard: float
    a_row: float
    evaluations: float
    bytes_a_row: float
    bytes_a_shard: float


def _run(shard_rows: int, steps: int) -> dict[str, float]:
    """CPU seconds, rows, shards, evaluations per row and bytes of the files of a month's attributions.

    Without the outcomes: what each feature adds is computed on a sample, which does not grow with the rows.
    """
    with tempfile.TemporaryDirectory() as store:
        settings: dict[str, Any] = {
            "store": store,
            "partition": PARTITION,
            "data.label": None,
            "compute.workers": 0,
            "compute.shard_rows": shard_rows,
        }
        if steps:
            settings |= {"attribution.integrator": "gauss_legendre", "attribution.steps": steps}
        spec = load_spec(SPEC, settings=settings)
        with ComputeSession(spec.compute) as session:
            ref = pipeline.load_model(spec, session=session, log=_quiet)
            ref = pipeline.build_baseline(spec, ref, session=session, log=_quiet)
            before = time.process_time()
            ref = pipeline.compute_attributions(spec, ref, session=session, log=_quiet)
            spent = time.process_time() - before
        sizes = {
            folder: sum(path.stat().st_size for path in Path(store).glob(f"*/*/{folder}/*"))
            for folder in ("attributions", "statistics")
        }
        merged = RunSummary.read(ref.run_folder()).merged
        return {
            "seconds": spent,
            "rows": merged.rows_read,
            "shards": math.ceil(merged.rows_read / shard_rows),
            "evaluations": merged.evaluations / merged.rows_explained,
            **sizes,
        }


def _quiet(_line: str) -> None:
    """Progress would hide the table."""


def fitted() -> Costs:
    """The model, fitted by least squares to runs of which each stands out in one of its parts."""
    _run(16384, 8)  # imports, and the model's first call
    *stepped, usual = [_run(*run) for run in RUNS]
    parts = [[run["rows"], run["rows"] * run["evaluations"], run["shards"]] for run in stepped]
    seconds = np.array([run["seconds"] for run in stepped])
    # Relative errors count: the smallest run tells as much as the largest.
    (read_and_write, an_evaluation, a_shard), _ = nnls(np.array(parts) / seconds[:, None], np.ones(len(seconds)))
    few, _, many = stepped
    return Costs(
        read_and_write=read_and_write,
        an_evaluation=an_evaluation,
        a_shard=a_shard,
        a_row=(usual["seconds"] - usual["shards"] * a_shard) / usual["rows"],
        evaluations=usual["evaluations"],
        bytes_a_row=few["attributions"] / few["rows"],
        bytes_a_shard=many["statistics"] / many["shards"],
    )


def planned(
    costs: Costs, driver: tuple[float, float], scheduler: tuple[float, float], dollars: float
) -> Iterator[list[str]]:
    """A line of the table for each size and number of workers; driver and scheduler: a task, each of its shards."""
    for rows in ROWS:
        for workers in WORKERS:
            wanted = rows / (_A_WORKER * workers)
            least = max(_FEWEST_ROWS, rows / _MOST_SHARDS)
            shard_rows = int(2 ** round(math.log2(min(max(wanted, least), _MOST_ROWS))))
            shards = math.ceil(rows / shard_rows)
            tasks = tasks_of(shards)
            core = rows * costs.a_row + shards * costs.a_shard
            # A part that no worker shortens: a task at a time goes through the scheduler.
            busy = {
                name: tasks * task + shards * shard
                for name, (task, shard) in {"driver": driver, "scheduler": scheduler}.items()
            }
            wall = max(core / min(workers, shards), *busy.values())
            yield [
                f"{rows:,}", f"{workers:,}", f"{shard_rows:,}", f"{shards:,}", f"{tasks:,}", f"{2 * shards:,}",
                _bytes(rows * costs.bytes_a_row + shards * costs.bytes_a_shard), _duration(wall),
                _duration(busy["scheduler"]), f"{core / 3600 * dollars:,.4f}",
            ]  # fmt: skip


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _bytes(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count < 1e12 else f"{count / 1e12:,.1f} TB"


def main(given: Sequence[str] | None = None) -> None:
    """Print the fitted model and the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale_costs", description="What a run costs")
    for who, least in (("driver", (2.1, 0.4)), ("scheduler", (2.0, 0.5))):
        parser.add_argument(
            f"--{who}-ms", type=float, nargs=2, default=least, metavar=("TASK", "SHARD"), help=f"CPU of the {who}"
        )
    parser.add_argument("--dollars", type=float, default=0.05, help="price of a core for an hour")
    arguments = parser.parse_args(given)
    print(machine())
    costs = fitted()
    whole = costs.a_row + costs.a_shard / RUNS[-1][0]
    print(
        f"a row: {1e6 * costs.read_and_write:.1f} us and {1e6 * costs.an_evaluation:.2f} us an evaluation; a shard: "
        f"{1e3 * costs.a_shard:.1f} ms\nas the spec says: {costs.evaluations:.1f} evaluations and "
        f"{1e6 * whole:.1f} us a row with its shard, {1 / whole:,.0f} certified rows a second and core, "
        f"{whole * 1e6 / 3600 * arguments.dollars:.5f} dollars a million rows\n"
        f"files: {costs.bytes_a_row:.0f} bytes a row, {costs.bytes_a_shard:,.0f} bytes of statistics a shard of "
        f"{RUNS[2][0]} rows\n"
    )
    head = [
        "rows",
        "workers",
        "`shard_rows`",
        "shards",
        "tasks",
        "objects",
        "size",
        "time",
        "scheduler",
        "dollars",
    ]
    print(f"| {' | '.join(head)} |\n|{' ---: |' * len(head)}")
    driver, scheduler = ((task / 1e3, shard / 1e3) for task, shard in (arguments.driver_ms, arguments.scheduler_ms))
    for line in planned(costs, driver, scheduler, arguments.dollars):
        print(f"| {' | '.join(line)} |")


if __name__ == "__main__":
    main()
