"""Where the time of a run's shards goes: reading, encoding, attribution, statistics, writing.

    python benchmarks/shard_parts.py [SPEC ...]

Needs `make data`. All shards run one after the other in this process, with one thread, as each worker does its own.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import ig_tasks.stages.explain_job as job
import ig_tasks.stages.tasks as tasks
from ig_tasks import pipeline
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.explanations.prepared_model import PreparedModel
from ig_tasks.models.package import ModelPackage
from ig_tasks.spec import load_spec
from ig_tasks.stages.tables import ShardTables

SPECS = ("include/specs/flights_torch.yaml", "include/specs/flights_keras.yaml")
SPENT: dict[str, float] = {}
"""Seconds by part."""


def timed(owner: Any, name: str, part: str) -> None:
    """Count what `owner.name` takes as `part`."""
    inner: Callable[..., Any] = getattr(owner, name)

    def outer(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            return inner(*args, **kwargs)
        finally:
            SPENT[part] = SPENT.get(part, 0.0) + time.perf_counter() - started

    setattr(owner, name, outer)


def here(
    _session: Any, function: Callable[..., Any], arguments: list[dict[str, Any]], *, rows: list[int], **_others: Any
) -> Iterator[Any]:
    """`map_shards` in this process; the first shard, which loads the model, is done once before."""
    function(**arguments[0])
    SPENT.clear()
    started = time.perf_counter()
    for given in arguments:
        yield function(**given)
    seconds = time.perf_counter() - started
    parts = ", ".join(
        f"{part} {spent / seconds:.0%}" for part, spent in sorted(SPENT.items(), key=lambda each: -each[1])
    )
    print(f"{sum(rows):,} rows, {seconds:.1f} s, {sum(rows) / seconds:,.0f} rows/s: {parts}", flush=True)


def _quiet(_line: str) -> None:
    """Progress would hide the figures."""


def main() -> None:
    """Print the parts of each spec's run."""
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = "1"
    for owner, name, part in (
        (tasks, "read_shard", "reading"),
        (ModelPackage, "encode", "encoding"),
        (PreparedModel, "attribute", "attribution"),
        (tasks, "shard_tables", "tables"),
        (ShardTables, "summarise", "statistics"),
        (tasks, "write_shard", "writing"),
    ):
        timed(owner, name, part)
    setattr(job, "map_shards", here)  # noqa: B010 - a name that the module imports, and does not export
    for spec_file in sys.argv[1:] or SPECS:
        with tempfile.TemporaryDirectory() as store:
            spec = load_spec(spec_file, settings={"store": store})
            with ComputeSession(spec.compute) as session:
                ref = pipeline.load_model(spec, session=session, log=_quiet)
                ref = pipeline.build_baseline(spec, ref, session=session, log=_quiet)
                print(f"{spec.name}: ", end="", flush=True)
                pipeline.compute_attributions(spec, ref, session=session, log=_quiet)


if __name__ == "__main__":
    main()
