"""What it costs to say what changed, beside the attributions themselves, on the real flights.

    python -m benchmarks.drift_cost [--year] [--rows N] [--rounds N]

Needs `make data`. The first half of the year is explained and published, then the second half by another model, so that
everything has to be told apart: crossed runs of both models on samples of both periods, and substitutions of columns.
With `--year` it is eleven months, then the whole year. Each round has a store of its own. `--rows` explains a sample of
each period.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from safetensors.numpy import load_file, save_file

from benchmarks.places import ROOT
from ig_tasks import pipeline
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.spec import load_spec
from ig_tasks.statistics import AttributionSums
from ig_tasks.store import RunFolder
from ig_tasks.validation.drift.period import Period

__all__ = ["Cost", "main", "measure"]

HALVES = ("2013-01..2013-06", "2013-07..2013-12")
YEAR = ("2013-01..2013-11", "2013-01..2013-12")
_SPREAD = 0.05


class Cost(NamedTuple):
    """Seconds of one comparison, and of the run that it judges.

    attributions: computing the current run, workers already started.
    comparison: `validate` with the comparison, beyond `validate` without.
    sums: what the current run's sums by cell and cluster took, shared by the workers.
    rows: rows of the current run.
    """

    attributions: float
    comparison: float
    sums: float
    rows: int

    @property
    def share(self) -> float:
        """The whole cost of comparing over the time of the attributions."""
        return (self.comparison + self.sums) / self.attributions


def write_project(root: Path, rows: int | None) -> Path:
    """The flights model, another one beside it, and a spec over the prepared flights; returns the spec's path."""
    models = root / "include" / "models"
    shutil.copytree(ROOT / "include" / "models" / "flights_torch", models / "flights_torch")
    shutil.copytree(models / "flights_torch", models / "replaced")
    weights, draw = load_file(models / "replaced" / "weights.safetensors"), np.random.default_rng(0)
    for name, values in weights.items():
        if name.startswith("hidden"):
            weights[name] = (values * draw.normal(1.0, _SPREAD, values.shape)).astype(values.dtype)
    save_file(weights, models / "replaced" / "weights.safetensors")
    spec = yaml.safe_load((ROOT / "include" / "specs" / "flights_torch.yaml").read_text())
    spec["data"] |= {"uri": str(ROOT / ".data" / "flights")} | ({} if rows is None else {"sample": rows})
    for name in ("prediction", "label"):
        spec["data"].pop(name, None)
    spec["store"] = "../../runs"
    del spec["validation"], spec["schedule"]
    path = root / "include" / "specs" / "flights_torch.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return path


def measure(rows: int | None, periods: tuple[str, str] = HALVES) -> Cost:
    """One comparison of two periods, in a store of its own."""
    with tempfile.TemporaryDirectory() as root:
        path = write_project(Path(root), rows)
        before = load_spec(path, settings={"partition": periods[0]})
        changed = {"partition": periods[1], "model": "../models/replaced"}
        plain, after = (load_spec(path, settings={**changed, "drift": drift}) for drift in ("none", "previous"))
        with ComputeSession(before.compute) as session:
            ref = pipeline.load_model(before, session=session, log=_quiet)
            ref = pipeline.build_baseline(before, ref, session=session, log=_quiet)
            ref = pipeline.compute_attributions(before, ref, session=session, log=_quiet)
            ref = pipeline.validate(before, ref, session=session, log=_quiet)
            pipeline.publish_report(before, ref, log=_quiet)
            ref = pipeline.load_model(after, session=session, log=_quiet)
            ref = pipeline.build_baseline(after, ref, session=session, log=_quiet)
            started = time.perf_counter()
            ref = pipeline.compute_attributions(after, ref, session=session, log=_quiet)
            attributions = time.perf_counter() - started
            seconds = []
            for spec in (plain, after):
                started = time.perf_counter()
                pipeline.validate(spec, ref, session=session, log=_quiet)
                seconds.append(time.perf_counter() - started)
            workers = session.workers
        period = Period.open(RunFolder(ref["run_uri"], after.name, ref["run_id"]))
        return Cost(attributions, seconds[1] - seconds[0], _sums(period) / workers, period.describe().rows)


def _sums(period: Period) -> float:
    """Seconds of making the sums of every shard."""
    merged, seconds = period.summary.merged, 0.0
    numbers, labels = list(merged.numbers.features), list(merged.categories)
    for table in period.tables(period.features, [*numbers, *labels]):
        values = np.stack([table.column(f"attribution:{name}").to_numpy() for name in period.features], axis=1)
        of_numbers = {name: table.column(f"input:{name}").to_numpy() for name in numbers}
        of_labels = {name: table.column(f"input:{name}").to_pandas().to_numpy(object) for name in labels}
        clusters = table.column("cluster").to_pylist()
        started = time.perf_counter()
        AttributionSums.of(values, period.features, numbers=of_numbers, labels=of_labels, clusters=clusters)
        seconds += time.perf_counter() - started
    return seconds


def _quiet(_line: str) -> None:
    """Progress would hide the figures."""


def main() -> int:
    """Print the cost of each round, and the least."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift_cost", description="What a comparison costs")
    parser.add_argument("--year", action="store_true", help="the whole year beside its first eleven months")
    parser.add_argument("--rows", type=int, help="rows of each period; all unless given")
    parser.add_argument("--rounds", type=int, default=2, help="rounds, of which the least share counts (%(default)s)")
    arguments = parser.parse_args()
    costs = []
    for _ in range(arguments.rounds):
        cost = measure(arguments.rows, YEAR if arguments.year else HALVES)
        costs.append(cost)
        print(
            f"{cost.rows:,} rows: attributions {cost.attributions:.1f} s, comparison {cost.comparison:.1f} s, "
            f"sums {cost.sums:.1f} s: {cost.share:.0%}",
            flush=True,
        )
    print(f"least: {min(cost.share for cost in costs):.0%} of the attributions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
