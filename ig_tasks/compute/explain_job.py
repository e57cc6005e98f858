"""The job of a run: every shard that is not finished goes to a worker, then all are brought together."""

from __future__ import annotations

from collections.abc import Callable

from ig_tasks.compute.aggregation import RunSummary, aggregate
from ig_tasks.compute.job import map_shards
from ig_tasks.compute.planning import RunPlan
from ig_tasks.compute.progress import Progress
from ig_tasks.compute.session import ComputeSession
from ig_tasks.compute.shard_files import finished_shards
from ig_tasks.compute.tasks import ExplainTask, explain_shard
from ig_tasks.store import RunFolder


def is_computed(plan: RunPlan, run: RunFolder) -> bool:
    """Whether all of a run's files are there; a shard that was removed, since it was damaged, is computed again."""
    shards = [shard.name for shard in plan.shards()]
    return RunSummary.exists(run) and len(finished_shards(run, shards)) == len(shards)


def explain_run(
    plan: RunPlan,
    run: RunFolder,
    session: ComputeSession,
    *,
    say: Callable[[str], None],
    log: Callable[[str], None] | None = None,
) -> RunSummary:
    """Explain the shards that have no result in the run's folder yet; nothing finished is computed twice.

    `say` takes lines; `log` takes the progress, or None for a bar where there is a terminal.

    Raises:
        WorkerLostError, ResourceError: of the workers; what was finished stays.
    """
    spec = plan.spec
    shards = plan.shards()
    finished = set(finished_shards(run, [shard.name for shard in shards]))
    left = [shard for shard in shards if shard.name not in finished]
    total, earlier = sum(shard.rows for shard in shards), sum(s.rows for s in shards if s.name in finished)
    workers = 0
    if finished:
        say(f"compute_attributions: {len(finished)} of {len(shards)} shards were finished by an earlier attempt")
    with Progress(total, "compute_attributions", log=log, done=earlier) as progress:
        tasks = [
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
            for shard in left
        ]
        for _ in map_shards(
            session,
            explain_shard,
            [{"task": task} for task in tasks],
            keys=[f"explain-{run.run_id}-{shard.name}" for shard in left],
            resources=spec.compute.resources,
            retries=spec.compute.retries,
            rows=[shard.rows for shard in left],
            progress=progress,
        ):
            workers = workers or session.workers
    return aggregate(run, [shard.name for shard in shards], computed=len(left), workers=workers)
