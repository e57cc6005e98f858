"""A job without workers: with `compute.workers: 0` the process that runs the stages computes the shards itself.

A worker costs seconds before its first row: three processes, a framework that is imported again, a connection. For a
thousand rows that is most of a run. Not for tasks of Airflow: their process holds secrets and imports no framework.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ig_tasks.cluster.progress import Progress
from ig_tasks.cluster.sizing import Machine, plan_workers
from ig_tasks.errors import IgTasksError, RunError, named

if TYPE_CHECKING:
    from ig_tasks.spec import ComputeSpec

__all__ = ["map_here"]


def map_here(
    function: Callable[..., Any],
    tasks: Sequence[Mapping[str, Any]],
    *,
    compute: ComputeSpec,
    keys: Sequence[str],
    retries: int,
    rows: Sequence[int],
    progress: Progress,
) -> Iterator[tuple[int, Any]]:
    """`function(**task)` for each task, in their order, when the caller asks for the next; arguments of `map_shards`.

    Raises:
        ResourceError: if this machine does not offer what `compute.resources` asks for.
        IgTasksError: as it was raised.
        RunError: for any other exception, which is its cause.
    """
    if compute.resources:
        plan_workers(compute.model_copy(update={"workers": 1}), Machine.here())
    # Workers see no GPU that nobody asked for. TensorFlow would take all memory of every one that it finds.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    progress.advance(0)
    for index, task in enumerate(tasks):
        result = _run_with_retries(function, task, keys[index], retries)
        progress.advance(rows[index])
        yield index, result


def _run_with_retries(function: Callable[..., Any], task: Mapping[str, Any], key: str, retries: int) -> Any:
    """The result of one task, tried again where something else than an error of ours is raised."""
    for left in reversed(range(retries + 1)):
        try:
            return function(**task)
        except IgTasksError:
            raise
        except Exception as error:
            if not left:
                raise RunError(f"{key}: the task failed with {named(error)}") from error
    raise AssertionError(retries)
