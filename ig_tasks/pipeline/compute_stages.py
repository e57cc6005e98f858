"""The stages that compute: the baseline, then the attributions of every row."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import DamagedError
from ig_tasks.pipeline.stage_workers import Log, session_of, to_stderr, useful_workers
from ig_tasks.presentation.methods import method_facts
from ig_tasks.presentation.statuses import proven_by
from ig_tasks.reports.assemble import importance_table
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.aggregation import RunSummary
from ig_tasks.stages.baseline_job import fit_or_find
from ig_tasks.stages.deferred_job import Submitted
from ig_tasks.stages.explain_job import computed_summary, explain_run
from ig_tasks.stages.planning import plan_run
from ig_tasks.stages.run_activity import computing
from ig_tasks.stages.run_opening import open_run_folder
from ig_tasks.stages.run_plan import RunPlan, require_unchanged
from ig_tasks.stages.run_reference import BaselineFacts, RowCounts, RunReference
from ig_tasks.store import Manifest, RunFolder, Store, set_aside
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.quality.gains import ablate_ahead

__all__ = ["IMPORTANCE", "build_baseline", "compute_attributions", "planned"]

IMPORTANCE = "importance.parquet"


def build_baseline(
    spec: ExplanationSpec,
    ref: RunReference | Mapping[str, Any],
    *,
    session: ComputeSession | None = None,
    log: Log | None = None,
) -> RunReference:
    """Fit the baseline, or find the one fitted before for this spec; open the run's folder.

    Args:
        spec: what to explain.
        ref: what `load_model` returned, or its JSON.
        session: workers that are there; None: workers for this stage alone.
        log: takes lines; None: standard error.

    Returns:
        The reference with the run's folder and its baseline.

    Raises:
        BaselineError: if it cannot be fitted, or the table has the wrong shape.
        InputError: for a reference that cannot be read.
        RunError: if a model package is not the one that the run began with.
    """
    say = log or to_stderr
    started = time.perf_counter()
    ref = RunReference.of(ref)
    plan = planned(spec, ref)
    store = Store(ref.store)
    with session_of(spec, session, log) as workers:
        workers.expect(useful_workers(plan))
        baseline, was_fitted = fit_or_find(plan, store, workers, say=say, log=log)
    did = "nothing to do, it was fitted before" if was_fitted else "fitted"
    say(f"build_baseline: {did} ({spec.baseline.strategy} over {baseline.rows:,} rows)")
    run = open_run_folder(plan, store, baseline, ref.data.digest, say=say)
    manifest = Manifest(run)
    if manifest.stage("build_baseline") is None:
        manifest.record_stage("build_baseline", seconds=time.perf_counter() - started, digest=baseline.digest)
    say(f"build_baseline: run {run.run_id}")
    fitted = BaselineFacts(digest=baseline.digest, strategy=baseline.strategy, rows=baseline.rows)
    return ref.with_(run_id=run.run_id, run_uri=run.uri, baseline=fitted)


def compute_attributions(
    spec: ExplanationSpec,
    ref: RunReference | Mapping[str, Any],
    *,
    session: ComputeSession | None = None,
    log: Log | None = None,
    context: Mapping[str, Any] | None = None,
    submitted: Submitted | None = None,
) -> RunReference:
    """Explain every row on the workers; shards that are finished already are left alone.

    Args:
        spec: what to explain.
        ref: what `build_baseline` returned, or its JSON.
        session: workers that are there; None: workers for this stage alone.
        log: takes lines; None: standard error.
        context: who runs this (the orchestrator's run and try), for the manifest's attempts.
        submitted: what `submit_attributions` returned, where this call brings its shards together.

    Returns:
        The reference with the counts of rows.

    Raises:
        WorkerLostError: if workers died; run again, it goes on where it stopped.
        ResourceError: if no worker offers what `compute.resources` asks for.
        InputError: for a reference that cannot be read.
        RunError: if data or a model package are not those that the run began with.
    """
    say = log or to_stderr
    ref = RunReference.of(ref)
    plan, run = planned(spec, ref), ref.run_folder()
    manifest = Manifest(run)
    noted = manifest.stage("compute_attributions") is not None
    summary = computed_summary(plan, run, say=say) if noted else None
    if summary is None:
        require_unchanged(plan.data_digest(), ref.data.digest, f"data {spec.data.uri}")
        if submitted is None:
            manifest.record_attempt("compute_attributions", context or {})
        started = time.perf_counter()
        with (
            computing(run, f"run {run.run_id}", context or {}) as others,
            session_of(spec, session, log) as workers,
        ):
            workers.expect(useful_workers(plan))
            for line in others:
                say(f"compute_attributions: {line}")
            summary = explain_run(plan, run, workers, say=say, log=log)
            importance = run.write_table(IMPORTANCE, importance_table(summary.merged))
            manifest.record_files({**summary.files, IMPORTANCE: importance})
            seconds, computed, worker_count = time.perf_counter() - started, summary.computed, summary.workers
            if computed:
                # Its workers have the model: `validate` would start others.
                ablate_ahead(Period.open(run), spec, session=workers, say=say)
        if submitted is not None:
            # By the clock on the wall, since it began in another process: never less than what was measured here.
            seconds = max(seconds, time.time() - submitted.began)
            computed, worker_count = max(computed, submitted.shards), worker_count or submitted.workers
        facts = {"computed": computed, "shards": len(plan.shards()), "workers": worker_count}
        manifest.record_stage("compute_attributions", seconds=seconds, **facts)
    else:
        _mend_importance(run, manifest, summary, say)
        say(f"compute_attributions: nothing to do, run {run.run_id} is computed")
    return ref.with_(rows=_count_rows(spec, summary, say))


def _count_rows(spec: ExplanationSpec, summary: RunSummary, say: Log) -> RowCounts:
    """Count the rows of a run, and log the counts."""
    merged = summary.merged
    counts = RowCounts(
        read=merged.rows_read,
        explained=merged.rows_explained,
        unconverged=merged.rows_unconverged,
        unverified=merged.rows_unverified,
        quarantined=merged.rows_quarantined,
    )
    unverified = f", {counts.unverified:,} unverified" if counts.unverified else ""
    say(
        f"compute_attributions: {counts.read:,} rows read, {counts.explained:,} explained "
        f"({counts.unconverged:,} of them unconverged{unverified}), {counts.quarantined:,} quarantined"
    )
    if counts.unverified:
        unproven = method_facts(spec.attribution.method).unproven or "unverified rows add up, but nothing proves them"
        say(f"compute_attributions: {unproven}; {proven_by(spec.attribution.method)}")
    if merged.unseen_levels:
        say(
            f"compute_attributions: {merged.unseen_levels:,} rows are of levels of {spec.baseline.segment} that the "
            "baseline was not fitted for, and have the overall one"
        )
    return counts


def _mend_importance(run: RunFolder, manifest: Manifest, summary: RunSummary, say: Log) -> None:
    """Write importance.parquet anew of the run's summary where it is damaged."""
    try:
        manifest.read(IMPORTANCE, known=True)
    except DamagedError as error:
        say(set_aside(run, IMPORTANCE, error))
        manifest.record_files({IMPORTANCE: run.write_table(IMPORTANCE, importance_table(summary.merged))})


def planned(spec: ExplanationSpec, ref: RunReference) -> RunPlan:
    """The plan of a run that has begun.

    Raises:
        RunError: if a model package is not the one that it began with: the report would name one that computed nothing.
    """
    plan = plan_run(spec, ref.partition)
    require_unchanged(plan.package.digest, ref.model.digest, f"model package {spec.model.uri}")
    if plan.served is not None and ref.served is not None:
        require_unchanged(plan.served.digest, ref.served.digest, f"served model {ref.served.uri}")
    return plan
