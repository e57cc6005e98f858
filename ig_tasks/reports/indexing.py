"""What the index says of a report."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from ig_tasks.errors import IgTasksError
from ig_tasks.store import RunFolder, digest_of
from ig_tasks.store.index_entry import IndexedCheck, IndexedFeature, IndexedTarget, IndexEntry
from ig_tasks.store.report import Report, TargetInfo
from ig_tasks.store.stored_run import StoredRun

__all__ = ["entry_of", "settings_of"]

_TARGETS, _FEATURES = 4, 40


def entry_of(report: Report, run: RunFolder | None = None) -> IndexEntry:
    """The entry of a report.

    Args:
        run: its folder, for what the report does not say: intervals by clusters of rows, and the schedule.
    """
    intervals = {} if run is None else _intervals(report, run)
    schedule = None
    if run is not None:
        with suppress(IgTasksError, FileNotFoundError):
            spec = StoredRun(run).spec
            schedule = None if spec.schedule is None else spec.schedule.model_dump(mode="json")
    drift = report.drift
    return IndexEntry(
        # By where it lies: what a report says of itself finds no file.
        name=report.name if run is None else run.name,
        run_id=report.run_id if run is None else run.run_id,
        revision=report.revision,
        partition=report.partition,
        created_at=report.created_at,
        state=report.state,
        official=report.official,
        model=report.model.name,
        model_version=report.model.version,
        framework=report.model.framework,
        owner=report.owner or report.model.owner,
        tags=report.tags,
        description=report.description,
        rows_read=report.data.rows_read,
        rows_explained=report.data.rows_explained,
        rows_quarantined=report.data.rows_quarantined,
        converged=report.completeness.converged_fraction,
        targets=tuple(_target(report, target, intervals) for target in report.targets[:_TARGETS]),
        checks=len(report.checks),
        failed=tuple(IndexedCheck(name=check.name, severity=check.severity) for check in report.failed()),
        alarms=None if drift is None or not drift.comparable else len(drift.alarms),
        verdicts=_verdicts(report),
        trusted=None if report.headline is None else report.headline.trusted,
        score=None if report.interpretability is None else report.interpretability.score,
        model_digest=report.model.digest,
        baseline_digest=report.baseline.digest,
        settings_digest=digest_of(settings_of(report)),
        schedule=schedule,
    )


def _target(report: Report, target: TargetInfo, intervals: dict[tuple[str, str], tuple[float, float]]) -> IndexedTarget:
    ranking = report.ranking(target.name)
    features = []
    for row in ranking[:_FEATURES]:
        low, high = intervals.get((row.target, row.feature), row.abs_mean_ci)
        label = report.label(row.feature)
        features.append(
            IndexedFeature(
                feature=row.feature,
                label=label,
                rank=row.rank,
                abs_mean=row.abs_mean,
                mean=row.mean,
                low=low,
                high=high,
            )
        )
    left = max(len(ranking) - _FEATURES, 0)
    return IndexedTarget(name=target.name, space=target.space, features=tuple(features), left=left)


def _intervals(report: Report, run: RunFolder) -> dict[tuple[str, str], tuple[float, float]]:
    from ig_tasks.reports.trend import TrendRun

    return dict(TrendRun(report, "", folder=run).intervals)


def _verdicts(report: Report) -> dict[str, int] | None:
    """By severity; None where features were not judged, as in reports before there were verdicts."""
    if not report.verdicts and report.headline is None:
        return None
    return dict(Counter(verdict.severity for verdict in report.verdicts))


def settings_of(report: Report) -> dict[str, object]:
    """What decided the numbers beside model, baseline and data."""
    parts = dict(report.provenance.get("key_parts", {}))
    data = {name: held for name, held in parts.get("data", {}).items() if name != "digest"}
    attribution = {name: held for name, held in parts.get("attribution", {}).items() if name != "memory_limit"}
    target = {name: held for name, held in parts.get("model", {}).items() if name != "digest"}
    return {"target": target, "data": data, "attribution": attribution, "method": report.attribution.method}
