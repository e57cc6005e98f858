"""A whole job beside its engine, in CPU seconds and wall seconds, and beside an earlier commit.

    python -m benchmarks.whole_job [--before FOLDER] [--rows 1000] [--partition all] [--spec SPEC]

`run` is `ig-tasks run` in a store of its own, its workers included. `workers` is what compute_attributions takes in
two workers, beside the engine on the same rows in one process and thread. `speed-up` is one worker on one core against
two on two. `--before` is the folder of another checkout: both take turns. Needs `make data`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SPEC = "include/specs/flights_torch.yaml"


def run(tree: Path, spec: str, settings: list[str], partition: str) -> dict[str, float]:
    """Seconds of one `ig-tasks run`, with a new store."""
    with tempfile.TemporaryDirectory() as store:
        command = [sys.executable, "-m", "ig_tasks.cli", "run", spec, "--store", store, "--partition", partition]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        subprocess.run(
            [*command, *(f"--set={one}" for one in settings)],
            check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(tree)},
        )  # fmt: skip
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    # The scheduler and the workers are children that were waited for, so they count.
    return {"wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def shares(spec_file: str, partition: str, workers: int) -> dict[str, float]:
    """In this process: CPU of the workers over that of the engine, and wall seconds of compute_attributions."""
    os.environ.update(OMP_NUM_THREADS="1", TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
    from ig_tasks import pipeline
    from ig_tasks.cluster.session import ComputeSession
    from ig_tasks.explanations.prepared_model import PreparedModel
    from ig_tasks.spec import load_spec

    spent, inner = [0.0], PreparedModel.attribute

    def timed(self: PreparedModel, *args: Any, **settings: Any) -> Any:
        started = time.process_time()
        try:
            return inner(self, *args, **settings)
        finally:
            spent[0] += time.process_time() - started

    with tempfile.TemporaryDirectory() as store:
        settings = {"store": store, "compute.workers": workers, "partition": partition}
        spec = load_spec(spec_file, settings=settings)
        with ComputeSession(spec.compute) as session:
            ref = pipeline.load_model(spec, session=session, log=_quiet)
            ref = pipeline.build_baseline(spec, ref, session=session, log=_quiet)
            if not workers:
                setattr(PreparedModel, "attribute", timed)  # noqa: B010 - a method that is counted
            before = sum(session.client.run(_used).values()) if workers else 0.0
            started = time.perf_counter()
            pipeline.compute_attributions(spec, ref, session=session, log=_quiet)
            wall = time.perf_counter() - started
            cpu = sum(session.client.run(_used).values()) - before if workers else spent[0]
    return {"wall": wall, "cpu": cpu}


def _quiet(_line: str) -> None:
    """Progress would hide the figures."""


def _apart(tree: Path, arguments: list[str], cores: str | None = None) -> dict[str, float]:
    command = [*(["taskset", "-c", cores] if cores else []), sys.executable, str(Path(__file__).resolve()), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--partition", default="all")
    parser.add_argument("--spec", default=SPEC)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.workers is not None:
        print(json.dumps(shares(given.spec, given.partition, given.workers)))
        return
    spec, here = str(Path(given.spec).resolve()), Path(__file__).resolve().parents[1]
    trees = [tree.resolve() for tree in (given.before, here) if tree is not None]
    arguments = ["--spec", spec, "--partition", given.partition, "--workers"]
    for tree in trees:
        few = run(tree, spec, [f"data.sample={given.rows}"], "2013-10")
        whole = run(tree, spec, [], given.partition)
        engine, two = _apart(tree, [*arguments, "0"]), _apart(tree, [*arguments, "2"])
        one = _apart(tree, [*arguments, "1"], cores="0")
        print(f"{tree}")
        print(f"  run, {given.rows:,} rows: {few['wall']:.1f} s wall, {few['cpu']:.1f} s CPU")
        print(f"  run, {given.partition}: {whole['wall']:.1f} s wall, {whole['cpu']:.1f} s CPU")
        ratio = two["cpu"] / engine["cpu"]
        print(f"  workers: {two['cpu']:.1f} s CPU, engine alone {engine['cpu']:.1f} s: {ratio:.2f}")
        print(f"  speed-up of two workers over one on one core: {one['wall'] / two['wall']:.2f}", flush=True)


if __name__ == "__main__":
    main()
