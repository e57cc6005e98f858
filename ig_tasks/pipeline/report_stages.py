"""The stages that judge a run and publish its report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import DamagedError, ValidationFailedError
from ig_tasks.lines import Line
from ig_tasks.pipeline.compute_stages import IMPORTANCE, planned
from ig_tasks.pipeline.stage_workers import Log, session_of, to_stderr
from ig_tasks.reports.indexing import index_report
from ig_tasks.reports.numerals import apart, value
from ig_tasks.reports.outcome import outcome_of, outcome_words
from ig_tasks.reports.override_notes import override_words
from ig_tasks.reports.page_drawing import drawing_ahead
from ig_tasks.reports.rendering import Rendering
from ig_tasks.reports.validation_result import Judged
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.aggregation import RunSummary
from ig_tasks.stages.plan_facts import PLAN, PlanFacts, facts_of, stored_facts
from ig_tasks.stages.planning import require_features
from ig_tasks.stages.run_reference import RunReference
from ig_tasks.store import Manifest, RunFolder, Store, set_aside
from ig_tasks.store.report import Check, Report
from ig_tasks.validation import called_check, predicted_of, run_checks, unknown_checks
from ig_tasks.validation.decision import withholding
from ig_tasks.validation.drift.drift_check import (
    awaits_launch,
    drift_check,
    drift_of,
    launch_check,
    reference_of,
)
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.drift.references import PublishedReports, locate_run
from ig_tasks.validation.explanation_quality import explanation_quality_of
from ig_tasks.validation.quality.run_quality import quality_of
from ig_tasks.validation.reason_ablation import keep_ablations
from ig_tasks.validation.verdicts.baselines import BaselineTable
from ig_tasks.validation.verdicts.run_verdicts import judge_features, verdicts_check

__all__ = ["publish_report", "validate"]

_PUBLISHED = ("spec.yaml", "baseline.parquet", "quarantine.parquet", IMPORTANCE)
"""Files of a run that are published with its report as they are."""


def validate(
    spec: ExplanationSpec,
    ref: RunReference | Mapping[str, Any],
    *,
    session: ComputeSession | None = None,
    log: Log | None = None,
) -> RunReference:
    """Carry out the checks; a critical one that fails withholds the report.

    Args:
        spec: what to explain; its thresholds may have changed since the run was computed.
        ref: what `compute_attributions` returned, or its JSON.
        session: workers that are there; None: workers for this stage alone, should drift need any.
        log: takes lines; None: standard error.

    Returns:
        The reference with the report's revision and the names of the checks that failed without withholding it.

    Raises:
        ValidationFailedError: after the withheld report was written; it names the report.
        CheckBrokenError: if a check could not be carried out.
        SpecError: if `drift.reference` names a run that is not there.
        WorkerLostError, ResourceError: of the workers that drift needed.
        DamagedError: if a file of the run is not what was written; run again from compute_attributions on.
    """
    say = log or to_stderr
    started = time.perf_counter()
    ref = RunReference.of(ref)
    run = ref.run_folder()
    facts = _facts(spec, ref, run, say)
    summary = RunSummary.read(run)
    store = Store(ref.store)
    reports = PublishedReports(store, spec.name)
    reference = reference_of(spec, reports, ref.partition, run.run_id)
    unregistered = awaits_launch(spec, store)
    rendering = Rendering.of(run, spec, ref.served, reference, awaits_launch=unregistered, say=say)
    if rendering.has_checks:
        say("validate: nothing to do, these checks were carried out before")
        judged = rendering.read_judged()
        if not (rendering.is_written or judged.ablation_why_not):
            _keep_ablations(spec, Period.open(run), facts, judged.checks, session, say, log)
    else:
        files, merged = summary.attribution_files, summary.merged
        checks = run_checks(
            run.checked(summary.files),
            spec,
            shards=files,
            rows_read=merged.rows_read,
            rows_explained=merged.rows_explained,
            rows_quarantined=merged.rows_quarantined,
            predicted=predicted_of(spec, facts),
        )
        checks += [] if ref.served is None else [called_check(spec, store, ref.served)]
        baseline = Baseline.of_run(run, facts.config.inputs)
        checks += unknown_checks(spec, facts, merged.unknown, baseline.unknown)
        drift, period = None, Period.open(run)
        if reference is not None:
            with session_of(spec, session, log) as workers:
                drift = drift_of(spec, reports, period, reference, session=workers, say=say, log=log)
            checks.append(drift_check(spec, drift))
        elif unregistered:
            checks.append(launch_check(spec, store))
        quality = quality_of(period, spec, facts, session=lambda: session_of(spec, session, log), say=say, log=log)
        explained = explanation_quality_of(
            period, spec, session=lambda: session_of(spec, session, log), say=say, log=log
        )
        table = BaselineTable.read(store.name_folder(spec.name), ref.baseline_table)
        verdicts = judge_features(period, spec, quality=quality, drift=drift, baselines=table)
        checks += [] if (check_of_verdicts := verdicts_check(verdicts)) is None else [check_of_verdicts]
        stability = None if table is None else table.stability()
        why_not = _keep_ablations(spec, period, facts, checks, session, say, log)
        rendering.write_checks(Judged(checks, drift, verdicts, quality, stability, why_not, explained))
        Manifest(run).record_stage("validate", seconds=time.perf_counter() - started, checks=len(checks))
    checks = rendering.read_checks()
    for check in checks:
        say(_check_line(check))
    failed = [check for check in checks if not check.success]
    critical = [check.name for check in withholding(checks, spec.approval)]
    if critical:
        report_uri = rendering.write(facts, summary, ref.model.space)
        index_report(ref.store, run, rendering.revision, say)
        names = ", ".join(critical)
        raise ValidationFailedError(
            f"critical check failed: {names}; the report is withheld, read it at {report_uri}", report_uri
        )
    warnings = tuple(check.name for check in failed)
    return ref.with_(
        revision=rendering.revision,
        page_uri=rendering.page_uri,
        warnings=warnings,
        compared_uri=None if reference is None else reference.uri,
        awaits_launch=unregistered or None,
    )


def publish_report(
    spec: ExplanationSpec, ref: RunReference | Mapping[str, Any], *, log: Log | None = None
) -> RunReference:
    """Write report.json and report.html, and point latest.json at them unless a later partition is published.

    The report of an ad-hoc run (`spec.overrides`) is written too, but latest.json never names it.

    Args:
        spec: what to explain; its labels may have changed since the run was computed.
        ref: what `validate` returned, or its JSON.
        log: takes lines; None: standard error.

    Returns:
        The reference with the outcome.

    Raises:
        ValidationFailedError: if the checks withheld this report.
        DamagedError: if a file of the run is not what was written; run again from build_baseline on.
    """
    say = log or to_stderr
    started = time.perf_counter()
    ref = RunReference.of(ref)
    run = ref.run_folder()
    facts = _facts(spec, ref, run, say)
    reference = None if ref.compared_uri is None else locate_run(ref.compared_uri)
    rendering = Rendering.of(run, spec, ref.served, reference, awaits_launch=bool(ref.awaits_launch), say=say)
    for name in _PUBLISHED:
        Manifest(run).read(name, known=True)
    if rendering.is_written:
        say("publish_report: nothing to do, this report was rendered before")
        report_uri = rendering.report_uri
    else:
        with drawing_ahead(begin=rendering.draws_apart):
            summary = RunSummary.read(run)
            report_uri = rendering.write(facts, summary, ref.model.space)
        Manifest(run).record_stage("publish_report", seconds=time.perf_counter() - started)
    report = run.read_report(rendering.revision)
    index_report(ref.store, run, rendering.revision, say)
    if not report.published:
        raise ValidationFailedError(f"the checks withheld this report, read it at {report_uri}", report_uri)
    moved = Store(ref.store).publish(run, report)
    outcome = outcome_of(report_uri)
    say(f"publish_report: {report_uri}" + _latest_note(report, moved))
    say(f"publish_report: {outcome_words(outcome)}")
    return ref.with_(
        outcome=outcome, page_uri=outcome.page_uri, completeness=report.completeness, official=report.official
    )


def _keep_ablations(
    spec: ExplanationSpec,
    period: Period,
    facts: PlanFacts,
    checks: Sequence[Check],
    session: ComputeSession | None,
    say: Log,
    log: Log | None,
) -> str:
    """Have the decisions without each reason in the store, where the spec asks for them; returns why not."""
    if spec.reasons is None or not spec.reasons.ablation:
        return ""
    if withholding(checks, spec.approval):
        return "The report is withheld."
    with session_of(spec, session, log) as workers:
        return keep_ablations(period, spec, facts, session=workers, say=say, log=log)


def _facts(spec: ExplanationSpec, ref: RunReference, run: RunFolder, say: Log) -> PlanFacts:
    """What the run was planned of: from its folder, else planned anew of the package and the data.

    Raises:
        DataError: if the spec labels what is not a feature of the run's model.
        RunError: if the folder holds no plan, and a model package is not the one that the run began with.
    """
    facts = None
    try:
        facts = stored_facts(run)
    except DamagedError as error:
        say(set_aside(run, PLAN, error))
    if facts is None:
        facts = facts_of(planned(spec, ref))
        content = facts.to_bytes()
        run.write_bytes(PLAN, content)
        Manifest(run).record_files({PLAN: content})
    require_features(spec, facts.features)
    return facts


def _latest_note(report: Report, moved: bool) -> str:
    """Why latest.json was left where it is; nothing if it was not."""
    if not report.official:
        return f" (ad-hoc: {'; '.join(override_words(report.overrides))}; latest.json stays as it is)"
    return "" if moved else " (latest.json stays with a later report)"


def _check_line(check: Check) -> Line:
    outcome = "passed" if check.success else f"FAILED ({check.severity})"
    text = (
        f"validate: {check.name} {outcome}: {apart(check.observed, check.expected)}, expected {value(check.expected)}"
    )
    return Line(text, "info" if check.success else "error" if check.severity == "critical" else "warning")
