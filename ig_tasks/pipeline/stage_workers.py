"""Where a stage has its workers from, and where its lines go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.presentation.visible import visible
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.planning import baseline_files
from ig_tasks.stages.run_plan import RunPlan

__all__ = ["Log", "session_of", "to_stderr", "useful_workers"]

Log = Callable[[str], None]

_COUNTED = 1 << 18
"""Rows that one worker counts in about a second."""


@contextmanager
def session_of(
    spec: ExplanationSpec, session: ComputeSession | None, log: Log | None, *, workers: int | None = None
) -> Iterator[ComputeSession]:
    """The session given, or one for this stage alone; nothing starts unless the stage asks for a worker.

    Args:
        workers: how many there are, unless the spec says 0; None: as many as the spec says.
    """
    if session is not None:
        yield session
        return
    compute = spec.compute if workers is None else spec.compute.with_workers(workers)
    with ComputeSession(compute, log=log or to_stderr) as own:
        yield own


def to_stderr(line: str) -> None:
    """Where lines of stages go unless the caller takes them."""
    print(visible(str(line)), file=sys.stderr, flush=True)  # noqa: T201 - lines for people belong on standard error


def useful_workers(plan: RunPlan) -> int:
    """How many workers have something to do at one time: a process beyond that imports a framework for nothing."""
    shards = len(plan.shards())
    section = plan.spec.baseline
    if section.strategy == "table":
        return shards
    _, files = baseline_files(plan.spec, plan.dataset)
    # Where rows are chosen by the model's output, counting them takes the model.
    rows_at_once = _COUNTED if section.cutoff is None else plan.spec.compute.shard_rows
    return max(shards, -(-sum(file.rows for file in files) // rows_at_once))
