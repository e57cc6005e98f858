"""The job of a run: every shard that is not finished goes to a worker, then all are brought together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from ig_tasks.cluster.job import map_shards
from ig_tasks.cluster.progress import Progress
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.data.shards import Shard
from ig_tasks.errors import RunError
from ig_tasks.stages.aggregation import RunSummary, keep_summary, sound_summary
from ig_tasks.stages.careful import explain_carefully
from ig_tasks.stages.merging import merged_shards
from ig_tasks.stages.run_plan import RunPlan
from ig_tasks.stages.sound_shards import is_sound, sound_shards
from ig_tasks.stages.tasks import ExplainTask, explain_shard
from ig_tasks.store import RunFolder

_FEWEST_TASKS = 1000
"""Tasks that a job of many shards is divided into at least: what Dask's scheduler and the driver do for one is done for
several shards then, and there are still many more tasks than workers."""
_MOST_SHARDS = 16
"""Shards of a task: what is lost with a worker is one that is not finished."""

_ROUNDS = 3
"""How often shards are computed whose files are not what their worker wrote when they are brought together."""


def computed_summary(plan: RunPlan, run: RunFolder, *, say: Callable[[str], None]) -> RunSummary | None:
    """The summary of a run that is computed, all of whose files are those that were written; else None.

    A file that is damaged is set aside, so that `explain_run` makes it anew.
    """
    shards = [shard.name for shard in plan.shards()]
    sound = sound_shards(run, shards, say)
    return sound_summary(run, sound, say) if len(sound) == len(shards) else None


def explain_run(
    plan: RunPlan,
    run: RunFolder,
    session: ComputeSession,
    *,
    say: Callable[[str], None],
    log: Callable[[str], None] | None = None,
) -> RunSummary:
    """Explain the shards that have no result in the run's folder yet; nothing finished is computed twice.

    Every shard's files are compared with their digests before the first is computed, and again before all are brought
    together; what is damaged is set aside and computed again.

    `say` takes lines; `log` takes the progress, or None for a bar where there is a terminal.

    Raises:
        WorkerLostError, ResourceError: of the workers; what was finished stays.
        RunError: if the store does not keep what is written to it.
    """
    names = [shard.name for shard in plan.shards()]
    computed = workers = 0
    finished = sound_shards(run, names, say)
    if finished:
        say(f"compute_attributions: {len(finished)} of {len(names)} shards were finished by an earlier attempt")
    for _ in range(_ROUNDS):
        if len(finished) < len(names):
            workers = _explain(plan, run, session, finished, log=log) or workers
            computed += len(names) - len(finished)
        # Whoever merges a shard compares its files with what was written.
        merged = merged_shards(run, names, session)
        if merged is not None:
            return keep_summary(run, merged, names, computed=computed, workers=workers)
        finished = sound_shards(run, names, say)
    lost = next((name for name in names if name not in finished), names[0])
    raise RunError(f"run {run.uri}: {lost} was computed {_ROUNDS} times and never kept as written; see to the store")


def explain_tasks(plan: RunPlan, run: RunFolder, shards: Sequence[Shard]) -> list[ExplainTask]:
    """What a worker is told of each of these shards."""
    spec = plan.spec
    return [
        ExplainTask(
            model=plan.model,
            shard=shard,
            run_uri=run.uri,
            run_name=run.name,
            run_id=run.run_id,
            data=spec.data,
            attribution=spec.attribution,
            memory_limit=plan.memory_limit,
            keep_inputs=spec.report.keep_inputs,
            resources=spec.compute.resources,
        )
        for shard in shards
    ]


def explain_named(
    plan: RunPlan,
    run: RunFolder,
    session: ComputeSession,
    names: Collection[str],
    *,
    log: Callable[[str], None] | None = None,
) -> None:
    """Explain these shards and no others; their files are there afterwards.

    Raises:
        IgTasksError: what `explain_run` raises of a shard.
    """
    _explain(plan, run, session, {shard.name for shard in plan.shards()} - set(names), log=log)


def _explain(
    plan: RunPlan,
    run: RunFolder,
    session: ComputeSession,
    finished: Collection[str],
    *,
    log: Callable[[str], None] | None,
) -> int:
    """Explain the shards that are not finished; returns the number of workers."""
    spec, shards = plan.spec, plan.shards()
    left = [shard for shard in shards if shard.name not in finished]
    total, earlier = sum(shard.rows for shard in shards), sum(s.rows for s in shards if s.name in finished)
    workers = 0
    with Progress(total, "compute_attributions", log=log, done=earlier) as progress:
        tasks = explain_tasks(plan, run, left)
        size = _shards_of_a_task(len(tasks))
        together = [tasks[at : at + size] for at in range(0, len(tasks), size)]
        for _, refused in map_shards(
            session,
            _explain_shards,
            [{"work": explain_shard, "tasks": some} for some in together],
            keys=[f"explain-{run.run_id}-{_names([task.shard.name for task in some])}" for some in together],
            resources=spec.compute.resources,
            retries=spec.compute.retries,
            rows=[sum(task.shard.rows for task in some) for some in together],
            progress=progress,
            rescue=_explain_carefully,
        ):
            workers = workers or session.workers
            for row, why in (refused or {}).items():
                progress.note(f"compute_attributions: row {row} is quarantined: {why}")
    return workers


def tasks_of(shards: int) -> int:
    """How many tasks of Dask explain this many shards."""
    return -(-shards // _shards_of_a_task(shards))


def _shards_of_a_task(shards: int) -> int:
    return min(max(shards // _FEWEST_TASKS, 1), _MOST_SHARDS)


def _explain_shards(work: Callable[..., Any], tasks: Sequence[ExplainTask]) -> None:
    """On a worker: shards one after the other; what another attempt at several has finished is left alone."""
    for task in tasks:
        if len(tasks) == 1 or not is_sound(RunFolder(task.run_uri, task.run_name, task.run_id), task.shard.name):
            work(task=task)


def _explain_carefully(
    work: Callable[..., Any],  # noqa: ARG001 - what ended the worker
    tasks: Sequence[ExplainTask],
    limit: float,
    memory: bool,
) -> dict[str, str]:
    """On a worker: shards whose worker died or was stuck; {row id: why} of the rows that cannot be computed."""
    refused: dict[str, str] = {}
    for task in tasks:
        if not is_sound(RunFolder(task.run_uri, task.run_name, task.run_id), task.shard.name):
            refused |= explain_carefully(task, limit=limit, memory=memory)["refused"]
    return refused


def _names(shards: Sequence[str]) -> str:
    return shards[0] if len(shards) == 1 else f"{shards[0]}..{shards[-1].rpartition('-')[2]}"
