"""Peak memory of a worker, and rows per second, for more and more rows: memory must not grow with them.

    python benchmarks/worker_memory.py [SPEC ...]

Needs `make data`. Each size runs with fresh workers in a store of its own, all stages but the report.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from ig_tasks import pipeline
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.spec import load_spec

SIZES = (50_000, 150_000, 327_346)
SPECS = ("include/specs/flights_torch.yaml", "include/specs/flights_keras.yaml")


def _peak_megabytes() -> float:
    """On a worker: the most memory its process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _quiet(_line: str) -> None:
    """Progress would hide the table."""


def measure(spec_file: str, rows: int) -> tuple[float, float]:
    """(peak megabytes of the largest worker, rows per second of compute_attributions)."""
    with tempfile.TemporaryDirectory() as store:
        spec = load_spec(spec_file, settings={"store": store, "data.sample": rows})
        with ComputeSession(spec.compute) as session:
            ref = pipeline.load_model(spec, session=session, log=_quiet)
            ref = pipeline.build_baseline(spec, ref, session=session, log=_quiet)
            started = time.perf_counter()
            pipeline.compute_attributions(spec, ref, session=session, log=_quiet)
            seconds = time.perf_counter() - started
            return max(session.client.run(_peak_megabytes).values()), rows / seconds


def main(spec_files: list[str]) -> None:
    print("| spec | rows | peak memory of a worker (MB) | rows/s |")
    print("| --- | --- | --- | --- |")
    for spec_file in spec_files or SPECS:
        for rows in SIZES:
            peak, rate = measure(spec_file, rows)
            print(f"| {Path(spec_file).stem} | {rows:,} | {peak:,.0f} | {rate:,.0f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
