"""A run of many tiny shards through the real driver, scheduler, workers and merge: what each shard costs them.

    python -m benchmarks.scale [--shards 10000 20000] [--rows 8] [--workers 2]

The model's attributions are a closed form (it is linear), so that a shard costs a worker little more than its files.
All else is the product's own: planning, Dask, the shards' files, their merge, the checks, the report. The first column
is what the issue of scale is about: what does not shrink when workers are added.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import yaml

import ig_tasks.stages.explain_job as job
from benchmarks.machine import machine
from ig_tasks import pipeline
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.data.shards import read_shard
from ig_tasks.spec import load_spec
from ig_tasks.stages.shard_files import QUARANTINE_SCHEMA, write_shard
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.stages.tasks import ExplainTask
from ig_tasks.statistics import AttributionSums, FeatureStatistics, GroupedStatistics
from ig_tasks.store import RunFolder

COLUMNS = [f"x{place}" for place in range(4)]
WEIGHTS = np.array([1.0, -0.5, 0.25, 2.0], dtype=np.float32)
STAGES = ("load_model", "build_baseline", "compute_attributions", "validate", "publish_report")
MODEL_CODE = """\
import torch


class Linear(torch.nn.Linear):
    def forward(self, x):
        return super().forward(x)


def build():
    return Linear(4, 1)
"""


def stub_shard(task: ExplainTask) -> dict[str, Any]:
    """In place of `explain_shard`: the rows are read, and the files are written, as there."""
    frame = read_shard(task.shard, ["id", *COLUMNS])
    rows = len(frame)
    run = RunFolder(task.run_uri, task.run_name, task.run_id)
    values = frame[COLUMNS].to_numpy() * WEIGHTS.astype(np.float64)
    output = values.sum(axis=1)
    zeros = np.zeros(rows)
    columns: dict[str, Any] = {
        "row_id": pa.array(frame["id"].tolist(), pa.string()),
        "target": pa.array(["value"] * rows, pa.string()),
        "output": output,
        "baseline_output": zeros,
        "convergence_delta": zeros,
        "relative_delta": zeros,
        "error_estimate": zeros,
        "evaluations": np.ones(rows, dtype=np.int32),
        "status": pa.array(["converged"] * rows, pa.string()),
        **{f"attribution:{name}": values[:, place] for place, name in enumerate(COLUMNS)},
        **{f"input:{name}": frame[name].to_numpy() for name in COLUMNS},
    }
    numbers = {name: frame[name].to_numpy() for name in COLUMNS}
    summary = ShardSummary(
        shard=task.shard.name,
        rows_read=rows,
        rows_explained=rows,
        rows_unconverged=0,
        reasons={},
        evaluations=rows,
        baseline_output={"value": 0.0},
        attributions={"value": GroupedStatistics.of(values, COLUMNS)},
        outputs={"value": FeatureStatistics.of(output[:, None], ["output"])},
        relative_delta=FeatureStatistics.of(zeros[:, None], ["relative_delta"]),
        numbers=FeatureStatistics.of(np.stack(list(numbers.values()), axis=1), COLUMNS),
        categories={},
        details={},
        files={},
        seconds=0.0,
        sums={"value": AttributionSums.of(values, COLUMNS, numbers=numbers)},
    )
    write_shard(run, summary, pa.table(columns), QUARANTINE_SCHEMA.empty_table())
    return {"rows_read": rows}


def write_project(root: Path, shards: int, rows: int, workers: int) -> Path:
    """A linear model, its data in 20 files, and the spec; returns the spec's path."""
    from safetensors.numpy import save_file

    model = root / "model"
    model.mkdir()
    save_file({"weight": WEIGHTS[None], "bias": np.zeros(1, np.float32)}, model / "weights.safetensors")
    (model / "model.py").write_text(MODEL_CODE)
    facts = {
        "framework": "torch",
        "factory": "model:build",
        "weights": "weights.safetensors",
        "inputs": {"x": {"columns": COLUMNS}},
        "targets": {"value": {"space": "value"}},
    }
    (model / "model.yaml").write_text(yaml.safe_dump(facts))
    draw = np.random.default_rng(1)
    (root / "data").mkdir()
    for number, part in enumerate(np.array_split(np.arange(shards * rows), 20)):
        values = {name: draw.normal(size=len(part)) for name in COLUMNS}
        ids = [f"row-{row:09d}" for row in part]
        pd.DataFrame({"id": ids, **values}).to_parquet(root / "data" / f"part-{number:03d}.parquet", index=False)
    spec = {
        "version": 1,
        "name": "many_shards",
        "model": "model",
        "data": {"uri": "data", "id": "id"},
        "baseline": "zero",
        "store": str(root / "runs"),
        "compute": {"workers": workers, "shard_rows": rows},
    }
    (root / "spec.yaml").write_text(yaml.safe_dump(spec))
    return root / "spec.yaml"


@contextmanager
def stubbed() -> Iterator[None]:
    """`compute_attributions` with `stub_shard` in place of `explain_shard`, sent to the workers by value."""
    this = import_module("benchmarks.scale")  # as it is called where it is not the program
    import_module("cloudpickle").register_pickle_by_value(this)
    before = vars(job)["explain_shard"]
    setattr(job, "explain_shard", this.stub_shard)  # noqa: B010 - a name that the module imports, and does not export
    try:
        yield
    finally:
        setattr(job, "explain_shard", before)  # noqa: B010


class Meter:
    """CPU seconds of driver, scheduler and workers, and the driver's memory, by stage."""

    def __init__(self, session: ComputeSession) -> None:
        self._session = session
        self._process = psutil.Process()
        self.began = self._megabytes()
        self.stages: dict[str, dict[str, float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What is spent within, as the stage of this name."""
        started, before = time.perf_counter(), self._spent()
        yield
        after = self._spent()
        found = {who: after[who] - before[who] for who in after}
        self.stages[name] = {**found, "wall": time.perf_counter() - started, "MB": self._megabytes() - self.began}

    def _spent(self) -> dict[str, float]:
        client = self._session.client
        return {
            "driver": time.process_time(),
            "scheduler": float(client.run_on_scheduler(time.process_time)),
            "workers": float(sum(client.run(time.process_time).values())),
        }

    def _megabytes(self) -> float:
        return float(self._process.memory_info().rss) / 1e6


def measure(shards: int, rows: int, workers: int) -> dict[str, dict[str, float]]:
    """{stage: what it took} of a run, and of the same run again."""
    with tempfile.TemporaryDirectory(prefix="ig_tasks_scale_") as folder:
        spec = load_spec(write_project(Path(folder), shards, rows, workers))
        with ComputeSession(spec.compute) as session, stubbed():
            meter = Meter(session)
            for attempt in ("", "again: "):
                ref: Any = None
                for stage in STAGES:
                    function = getattr(pipeline, stage)
                    options = {} if stage == "publish_report" else {"session": session}
                    with meter.stage(attempt + stage):
                        ref = function(spec, *([] if ref is None else [ref]), log=lambda _line: None, **options)
            files = sum(1 for path in Path(folder, "runs").rglob("*") if path.is_file())
            size = sum(path.stat().st_size for path in Path(folder, "runs").rglob("*") if path.is_file())
        meter.stages["files"] = {"count": files, "MB": size / 1e6}
        return meter.stages


def report(shards: int, found: dict[str, dict[str, float]]) -> None:
    """Print what a run took."""
    print(f"\n{shards:,} shards: {found['files']['count']:,.0f} files, {found['files']['MB']:.0f} MB")
    print(f"{'stage':<30}{'wall s':>9}{'driver s':>10}{'scheduler s':>13}{'workers s':>11}{'driver +MB':>12}")
    for stage, spent in found.items():
        if stage != "files":
            figures = [spent[name] for name in ("wall", "driver", "scheduler", "workers", "MB")]
            print(
                f"{stage:<30}{figures[0]:>9.1f}{figures[1]:>10.2f}{figures[2]:>13.2f}{figures[3]:>11.1f}{figures[4]:>12.0f}"
            )
    compute = found["compute_attributions"]
    again = [spent["driver"] for stage, spent in found.items() if stage.startswith("again")]
    print(
        f"a shard: driver {1000 * compute['driver'] / shards:.2f} ms, scheduler "
        f"{1000 * compute['scheduler'] / shards:.2f} ms, workers {1000 * compute['workers'] / shards:.1f} ms; "
        f"nothing to do: {sum(again):.1f} CPU s of the driver"
    )


def main(given: Sequence[str] | None = None) -> None:
    """Measure each number of shards, and say how the stages grow from the first to the last."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="Many tiny shards")
    parser.add_argument("--shards", type=int, nargs="+", default=[10_000, 20_000])
    parser.add_argument("--rows", type=int, default=8, help="rows of a shard")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args(given)
    print(machine())
    runs = {shards: measure(shards, arguments.rows, arguments.workers) for shards in arguments.shards}
    for shards, found in runs.items():
        report(shards, found)
    (few, first), *_, (many, last) = [*runs.items(), *runs.items()]
    if many > few:
        grown = {stage: last[stage]["driver"] / max(first[stage]["driver"], 1e-9) for stage in STAGES}
        print(f"\n{many / few:.1f} times the shards, CPU of the driver: ", end="")
        print(", ".join(f"{stage} {times:.2f}" for stage, times in grown.items()))


if __name__ == "__main__":
    main()
