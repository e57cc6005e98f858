"""The reasons that go with a report: made where the spec has the section `reasons`."""

from __future__ import annotations

from ig_tasks.errors import DamagedError
from ig_tasks.reports.reasons.reason_files import ReasonFiles
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.aggregation import RunSummary
from ig_tasks.stages.plan_facts import PlanFacts
from ig_tasks.stages.reasons.ablation import with_ablations
from ig_tasks.stages.reasons.finding import ReasonedRun
from ig_tasks.stages.reasons.rules import ReasonRules
from ig_tasks.store import Manifest, RunFolder
from ig_tasks.store.report import Report
from ig_tasks.store.runs import revised

__all__ = ["reason_files", "write_reason_files"]


def reason_files(
    run: RunFolder, spec: ExplanationSpec, facts: PlanFacts, summary: RunSummary, ablation_why_not: str = ""
) -> ReasonFiles | None:
    """The reasons of a run's adverse rows; None where the spec asks for none.

    Args:
        ablation_why_not: why the model was not asked for the decisions without each reason, where the spec wants that.

    Raises:
        SpecError, DataError: if the section does not fit the run's model.
        DamagedError: if a table of the run, or a result of the ablation, is not what was written.
    """
    if spec.reasons is None:
        return None
    names = [feature.name for feature in facts.features]
    rules = ReasonRules.of(spec.reasons, spec, names, facts.target(spec))
    tables = run.checked(summary.files)
    rows = ReasonedRun.of(tables, summary.attribution_files, summary.merged, facts, rules)
    if spec.reasons.ablation and not ablation_why_not:
        rows = with_ablations(rows, run, Manifest(run).document["key_parts"])
        if not rows.ablations:
            raise DamagedError(f"run {run.uri}: what the model said without each reason is gone; validate it again")
    return ReasonFiles(rows.adverse_rows(), rules, summary.merged.rows_quarantined, ablation_why_not)


def write_reason_files(run: RunFolder, report: Report, files: ReasonFiles | None) -> None:
    """Write reasons.parquet and reasons.csv beside a report, and note both; a withheld report has none."""
    if files is None or not report.published:
        return
    revision = report.revision
    contents = {revised("reasons.parquet", revision): files.parquet, revised("reasons.csv", revision): files.csv}
    for name, content in contents.items():
        run.write_bytes(name, content)
    Manifest(run).record_files(contents)
