"""The stages of a run as functions, in order.

load_model -> build_baseline -> compute_attributions -> validate -> publish_report.

Airflow's tasks, the command line and notebooks call these. Each takes the spec and a reference, a small JSON
mapping that says what the stages before it found, and returns the reference with what it adds. Each is idempotent:
its artifact lies under a key made of what it read, is written atomically, and is found the next time.

`log` takes lines; without it, lines go to standard error, and a bar shows progress on a terminal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.data.shards import with_versions
from ig_tasks.errors import DamagedError, ValidationFailedError
from ig_tasks.lines import Line
from ig_tasks.looks.statuses import PROVEN_BY
from ig_tasks.looks.visible import visible
from ig_tasks.reports.assemble import importance_table
from ig_tasks.reports.numerals import apart, value
from ig_tasks.reports.outcome import outcome_of, outcome_words
from ig_tasks.reports.override_notes import override_words
from ig_tasks.reports.rendering import Rendering
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.aggregation import RunSummary
from ig_tasks.stages.baseline_job import fit_or_find
from ig_tasks.stages.columns import require_few_levels, require_unique_ids
from ig_tasks.stages.explain_job import computed_summary, explain_run
from ig_tasks.stages.planning import plan_run, require_writable_store
from ig_tasks.stages.run_activity import computing
from ig_tasks.stages.run_opening import open_run_folder
from ig_tasks.stages.run_plan import RunPlan, require_unchanged
from ig_tasks.stages.serving_parity import compare_with_served
from ig_tasks.stages.trial import UsableRows, look_at_rows, trial_of
from ig_tasks.store import Manifest, RunFolder, Store, set_aside
from ig_tasks.store.report import Check, Report
from ig_tasks.validation import called_check, predicted_of, run_checks, unknown_checks

Log = Callable[[str], None]
Reference = dict[str, Any]
IMPORTANCE = "importance.parquet"
_PUBLISHED = ("spec.yaml", "baseline.parquet", "quarantine.parquet", IMPORTANCE)
"""Files of a run that are published with its report as they are."""

STAGES = ("load_model", "build_baseline", "compute_attributions", "validate", "publish_report")


def load_model(
    spec: ExplanationSpec,
    *,
    partition: str | None = None,
    session: ComputeSession | None = None,
    log: Log | None = None,
) -> Reference:
    """Check everything that needs no computing, then have one worker load the model and try it on a few rows.

    Args:
        partition: a partition expression; None: the spec's own, else all.

    Raises:
        UserError: whatever is wrong with the store, the package, the data, the partition or the baseline, in one line.
    """
    require_writable_store(spec)
    return load_planned(plan_run(spec, partition), session=session, log=log)


def load_planned(
    plan: RunPlan,
    *,
    session: ComputeSession | None = None,
    log: Log | None = None,
    stored: bool = False,
    rows: UsableRows | None = None,
) -> Reference:
    """`load_model` of a run that is planned already.

    Args:
        stored: compare a sample of rows with the stored predictions now; `validate` compares all of them.
        rows: the handful that was looked at before, if it was.

    Raises:
        UserError: if the model cannot be loaded, called or differentiated, or none of its rows can be used.
    """
    say = log or to_stderr
    spec = plan.spec
    rows = rows or look_at_rows(plan)
    require_few_levels(plan)
    require_unique_ids(plan)
    digest = plan.data_digest()
    store = Store(spec.store_uri())
    with _session(spec, session, log, workers=1) as workers:
        trial, found = trial_of(plan, with_versions(rows.shard, plan.dataset), store, workers, say=say)
        served = compare_with_served(plan, store, workers, data_digest=digest, say=say)
        predicted = (
            compare_with_served(plan, store, workers, data_digest=digest, say=say, stored=True) if stored else None
        )
    if found:
        say(f"load_model: nothing to do, {trial['framework']} model {plan.package.digest[:19]} was tried before")
    else:
        say(f"load_model: {trial['framework']} model {plan.package.digest[:19]} loads, runs and differentiates")
    if trial["doubt"]:
        say(Line(f"load_model: WARNING: {trial['doubt']}", "warning"))
    if served is not None:
        told = called_check(spec, store, served)
        holds = f"parity with the served model {'holds' if told.success else 'FAILS'}: {told.description}"
        say(Line(f"load_model: {holds}", "info" if told.success else "warning"))
    sampled = f", a sample of {spec.data.sample:,} of them" if spec.data.sample else ""
    files = f"{len(plan.files)} file{'s' * (len(plan.files) != 1)}"
    available = f"{plan.rows_available:,} row{'s' * (plan.rows_available != 1)}"
    say(f"load_model: partition {plan.partition}, {available} in {files}{sampled}")
    return {
        "name": spec.name,
        "partition": plan.partition,
        "store": spec.store_uri(),
        "model": {"uri": spec.model.uri, "digest": plan.package.digest, **_short(trial)},
        "data": {
            "uri": spec.data.uri,
            "digest": digest,
            "rows_available": plan.rows_available,
            "rows_tried": rows.shard.rows,
            "rows_usable": rows.usable,
        },
        **({} if served is None else {"served": served}),
        **({} if predicted is None else {"stored": predicted}),
    }


def build_baseline(
    spec: ExplanationSpec, ref: Reference, *, session: ComputeSession | None = None, log: Log | None = None
) -> Reference:
    """Fit the baseline, or find the one fitted before for this spec; open the run's folder.

    Raises:
        BaselineError: if it cannot be fitted, or the table has the wrong shape.
    """
    say = log or to_stderr
    started = time.perf_counter()
    plan = _plan(spec, ref)
    store = Store(ref["store"])
    with _session(spec, session, log) as workers:
        baseline, found = fit_or_find(plan, store, workers, say=say, log=log)
    did = "nothing to do, it was fitted before" if found else "fitted"
    say(f"build_baseline: {did} ({spec.baseline.strategy} over {baseline.rows:,} rows)")
    run = open_run_folder(plan, store, baseline, ref["data"]["digest"], say=say)
    manifest = Manifest(run)
    if manifest.stage("build_baseline") is None:
        manifest.record_stage("build_baseline", seconds=time.perf_counter() - started, digest=baseline.digest)
    say(f"build_baseline: run {run.run_id}")
    fitted = {"digest": baseline.digest, "strategy": baseline.strategy, "rows": baseline.rows}
    return {**ref, "run_id": run.run_id, "run_uri": run.uri, "baseline": fitted}


def compute_attributions(
    spec: ExplanationSpec,
    ref: Reference,
    *,
    session: ComputeSession | None = None,
    log: Log | None = None,
    context: Mapping[str, Any] | None = None,
) -> Reference:
    """Explain every row on the workers; shards that are finished already are left alone.

    Args:
        context: who runs this (the orchestrator's run and try), for the manifest's attempts.

    Raises:
        WorkerLostError: if workers died; run again, it goes on where it stopped.
        ResourceError: if no worker offers what `compute.resources` asks for.
    """
    say = log or to_stderr
    plan, run = _plan(spec, ref), _run(ref)
    manifest = Manifest(run)
    noted = manifest.stage("compute_attributions") is not None
    summary = computed_summary(plan, run, say=say) if noted else None
    if summary is None:
        require_unchanged(plan.data_digest(), ref["data"]["digest"], f"data {spec.data.uri}")
        manifest.record_attempt("compute_attributions", context or {})
        started = time.perf_counter()
        with (
            computing(run, f"run {run.run_id}", context or {}) as others,
            _session(spec, session, log) as workers,
        ):
            for line in others:
                say(f"compute_attributions: {line}")
            summary = explain_run(plan, run, workers, say=say, log=log)
        importance = run.write_table(IMPORTANCE, importance_table(summary.merged))
        manifest.record_files({**summary.files, IMPORTANCE: importance})
        facts = {"computed": summary.computed, "shards": len(plan.shards()), "workers": summary.workers}
        manifest.record_stage("compute_attributions", seconds=time.perf_counter() - started, **facts)
    else:
        _mend_importance(run, manifest, summary, say)
        say(f"compute_attributions: nothing to do, run {run.run_id} is computed")
    merged = summary.merged
    counts = {
        "read": merged.rows_read,
        "explained": merged.rows_explained,
        "unconverged": merged.rows_unconverged,
        "unverified": merged.rows_unverified,
        "quarantined": merged.rows_quarantined,
    }
    unverified = f", {counts['unverified']:,} unverified" if counts["unverified"] else ""
    say(
        f"compute_attributions: {counts['read']:,} rows read, {counts['explained']:,} explained "
        f"({counts['unconverged']:,} of them unconverged{unverified}), {counts['quarantined']:,} quarantined"
    )
    if counts["unverified"]:
        say(f"compute_attributions: unverified rows add up, but nothing proves them; {PROVEN_BY}")
    if merged.unseen_levels:
        say(
            f"compute_attributions: {merged.unseen_levels:,} rows are of levels of {spec.baseline.segment} that the "
            "baseline was not fitted for, and have the overall one"
        )
    return {**ref, "rows": counts}


def validate(spec: ExplanationSpec, ref: Reference, *, log: Log | None = None) -> Reference:
    """Carry out the checks; a critical one that fails withholds the report.

    Raises:
        ValidationFailedError: after the withheld report was written; it names the report.
        CheckBrokenError: if a check could not be carried out.
        DamagedError: if a file of the run is not what was written; run again from compute_attributions on.
    """
    say = log or to_stderr
    started = time.perf_counter()
    plan, run = _plan(spec, ref), _run(ref)
    summary = RunSummary.read(run)
    rendering = Rendering.of(run, spec, ref.get("served"), say=say)
    if rendering.has_checks:
        say("validate: nothing to do, these checks were carried out before")
    else:
        files, merged = summary.attribution_files, summary.merged
        checks = run_checks(
            run.checked(summary.files),
            spec,
            shards=files,
            rows_read=merged.rows_read,
            rows_explained=merged.rows_explained,
            rows_quarantined=merged.rows_quarantined,
            predicted=predicted_of(plan),
        )
        checks += [] if "served" not in ref else [called_check(spec, Store(ref["store"]), ref["served"])]
        baseline = Baseline.of_run(run, plan.package.config.inputs)
        checks += unknown_checks(plan, merged.unknown, baseline.unknown)
        rendering.write_checks(checks)
        Manifest(run).record_stage("validate", seconds=time.perf_counter() - started, checks=len(checks))
    checks = rendering.read_checks()
    for check in checks:
        say(_told(check))
    failed = [check for check in checks if not check.success]
    critical = [check.name for check in failed if check.severity == "critical"]
    if critical:
        report_uri = rendering.write(plan, summary, ref["model"]["space"])
        names = ", ".join(critical)
        raise ValidationFailedError(
            f"critical check failed: {names}; the report is withheld, read it at {report_uri}", report_uri
        )
    warnings = [check.name for check in failed]
    return {**ref, "revision": rendering.revision, "page_uri": rendering.page_uri, "warnings": warnings}


def publish_report(spec: ExplanationSpec, ref: Reference, *, log: Log | None = None) -> Reference:
    """Write report.json and report.html, and point latest.json at them unless a later partition is published.

    The report of an ad-hoc run (`spec.overrides`) is written too, but latest.json never names it.

    Raises:
        ValidationFailedError: if the checks withheld this report.
        DamagedError: if a file of the run is not what was written; run again from build_baseline on.
    """
    say = log or to_stderr
    started = time.perf_counter()
    plan, run = _plan(spec, ref), _run(ref)
    rendering = Rendering.of(run, spec, ref.get("served"), say=say)
    for name in _PUBLISHED:
        Manifest(run).read(name, known=True)
    if rendering.is_written:
        say("publish_report: nothing to do, this report was rendered before")
        report_uri = rendering.report_uri
    else:
        summary = RunSummary.read(run)
        report_uri = rendering.write(plan, summary, ref["model"]["space"])
        Manifest(run).record_stage("publish_report", seconds=time.perf_counter() - started)
    report = run.read_report(rendering.revision)
    if not report.published:
        raise ValidationFailedError(f"the checks withheld this report, read it at {report_uri}", report_uri)
    moved = Store(ref["store"]).publish(run, report)
    outcome = outcome_of(report_uri)
    say(f"publish_report: {report_uri}" + _kept(report, moved))
    say(f"publish_report: {outcome_words(outcome)}")
    completeness = report.completeness.model_dump(mode="json")
    return {**ref, **outcome, "completeness": completeness, "official": report.official}


def run(
    spec: ExplanationSpec,
    *,
    partition: str | None = None,
    log: Log | None = None,
    context: Mapping[str, Any] | None = None,
) -> Reference:
    """All stages in order, with one set of workers.

    Raises:
        IgTasksError: what the stages raise.
    """
    with ComputeSession(spec.compute, log=log or to_stderr) as session:
        ref = load_model(spec, partition=partition, session=session, log=log)
        ref = build_baseline(spec, ref, session=session, log=log)
        ref = compute_attributions(spec, ref, session=session, log=log, context=context)
    ref = validate(spec, ref, log=log)
    return publish_report(spec, ref, log=log)


def _kept(report: Report, moved: bool) -> str:
    """Why latest.json was left where it is; nothing if it was not."""
    if not report.official:
        return f" (ad-hoc: {'; '.join(override_words(report.overrides))}; latest.json stays as it is)"
    return "" if moved else " (latest.json stays with a later report)"


def _mend_importance(run: RunFolder, manifest: Manifest, summary: RunSummary, say: Log) -> None:
    """Write importance.parquet anew of the run's summary where it is damaged."""
    try:
        manifest.read(IMPORTANCE, known=True)
    except DamagedError as error:
        say(set_aside(run, IMPORTANCE, error))
        manifest.record_files({IMPORTANCE: run.write_table(IMPORTANCE, importance_table(summary.merged))})


def _short(trial: Reference) -> Reference:
    """What of a trial goes into the reference: a diagnosis is as long as the model has inputs."""
    return {name: value for name, value in trial.items() if name != "diagnosis"}


def _plan(spec: ExplanationSpec, ref: Reference) -> RunPlan:
    """The plan of a run that has begun.

    Raises:
        RunError: if a model package is not the one that it began with: the report would name one that computed nothing.
    """
    plan = plan_run(spec, ref["partition"])
    require_unchanged(plan.package.digest, ref["model"]["digest"], f"model package {spec.model.uri}")
    if plan.served is not None and "served" in ref:
        require_unchanged(plan.served.digest, ref["served"]["digest"], f"served model {ref['served']['uri']}")
    return plan


def _run(ref: Reference) -> RunFolder:
    return Store(ref["store"]).run(ref["name"], ref["run_id"])


@contextmanager
def _session(
    spec: ExplanationSpec, session: ComputeSession | None, log: Log | None, *, workers: int | None = None
) -> Iterator[ComputeSession]:
    """The session given, or one for this stage alone; nothing starts unless the stage asks for a worker."""
    if session is not None:
        yield session
        return
    compute = spec.compute if workers is None else spec.compute.model_copy(update={"workers": workers})
    with ComputeSession(compute, log=log or to_stderr) as own:
        yield own


def _told(check: Check) -> Line:
    outcome = "passed" if check.success else f"FAILED ({check.severity})"
    text = (
        f"validate: {check.name} {outcome}: {apart(check.observed, check.expected)}, expected {value(check.expected)}"
    )
    return Line(text, "info" if check.success else "error" if check.severity == "critical" else "warning")


def to_stderr(line: str) -> None:
    """Where lines of stages go unless the caller takes them."""
    print(visible(str(line)), file=sys.stderr, flush=True)  # noqa: T201 - lines for people belong on standard error
