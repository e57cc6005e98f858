"""Whether decisions depended on their reasons: the model is asked for all adverse rows, on the run's workers."""

from __future__ import annotations

from dataclasses import replace

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.data.chosen_rows import find_rows
from ig_tasks.data.dataset import Dataset
from ig_tasks.errors import RunError
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.plan_facts import PlanFacts
from ig_tasks.stages.reasons.ablation import ReasonAblation, ablate_reasons
from ig_tasks.stages.reasons.finding import ReasonedRun
from ig_tasks.stages.reasons.rules import ReasonRules
from ig_tasks.stages.run_plan import RunPlan
from ig_tasks.validation.asking_again import Say, asked_again
from ig_tasks.validation.drift.packages import opened_where
from ig_tasks.validation.drift.period import Period

__all__ = ["keep_ablations"]


def keep_ablations(
    run: Period,
    spec: ExplanationSpec,
    facts: PlanFacts,
    *,
    session: ComputeSession,
    say: Say,
    log: Say | None = None,
) -> str:
    """Have the decisions without each reason in the store; what is there already is not computed again.

    Returns:
        Why that could not be done, where model or data cannot be reached any more; else nothing.

    Raises:
        WorkerLostError, ResourceError: of the workers; what was computed stays.
    """
    _, why_not = asked_again(
        run, spec, ablate_reasons, lambda: _tasks(run, spec, facts), what="reasons", session=session, say=say, log=log
    )
    if why_not:
        say(f"validate: the model was not asked for decisions without their reasons: {why_not.removesuffix('.')}")
    return why_not


def _tasks(run: Period, spec: ExplanationSpec, facts: PlanFacts) -> list[ReasonAblation]:
    """A task for each shard of the run."""
    if spec.reasons is None:
        return []
    here, package, trust = opened_where(run, spec)
    data = here.spec.data
    dataset = Dataset(data.uri, data.partition)
    files = dataset.files(run.partition)
    if dataset.digest(files) != run.data_digest:
        raise RunError(f"the data of run {run.folder.run_id} is no longer as it was in {data.uri}")
    rows_at = find_rows(dataset, files, data.id, data.rows) if data.rows else None
    plan = RunPlan(here.spec, package, dataset, tuple(files), run.partition, None, rows_at)
    model = replace(plan.model, uri=package.uri, trust=trust)
    names = [feature.name for feature in facts.features]
    rules = ReasonRules.of(spec.reasons, spec, names, facts.target(spec))
    rows = ReasonedRun.of(run.folder, run.summary.attribution_files, run.summary.merged, facts, rules)
    return [
        ReasonAblation(
            model=model,
            run=run.key_parts,
            rows=replace(rows, tables=run.folder.checked({file: run.summary.files[file]}), files=(file,)),
            shard=shard,
            id_column=data.id,
            attribution=run.spec.attribution,
            memory_limit=int(run.facts["batch_plan"]["memory_limit"]),
            resources=dict(spec.compute.resources),
        )
        for shard, file in zip(plan.shards(), run.summary.attribution_files, strict=True)
    ]
