"""What the index says of a report, and how it is kept and mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from ig_tasks.errors import DamagedError, IgTasksError, ReportError, brief
from ig_tasks.reports.trend import TrendRun, settings_of
from ig_tasks.store import RunFolder, Store, digest_of
from ig_tasks.store.index import Index, IndexTable, run_id_of_note
from ig_tasks.store.index_entry import IndexedCheck, IndexedFeature, IndexedTarget, IndexEntry
from ig_tasks.store.report import Report, TargetInfo
from ig_tasks.store.stored_run import StoredRun

__all__ = ["entry_of", "index_report", "mend_index", "missing_entries"]

_TARGETS, _FEATURES = 4, 40


def index_report(store: str, run: RunFolder, revision: int, say: Callable[[str], None]) -> None:
    """Take a report into the index of its store.

    Where that fails it is said, and nothing else: the report is there, and whoever reads the index next mends it.
    """
    try:
        Index(store).record(entry_of(run.read_report(revision), run))
    except (IgTasksError, OSError) as error:
        say(f"the index of {store} could not be written ({brief(error)}); ig-tasks index makes it anew")


def missing_entries(store: str, name: str, table: IndexTable) -> Iterator[IndexEntry]:
    """The entries that a table lacks, made of the reports; reports that cannot be read are left out."""
    for run in Store(store).runs(name):
        for revision in run.revisions():
            if not table.has(run.run_id, revision):
                with suppress(DamagedError, ReportError):
                    yield entry_of(run.read_report(revision), run)


def mend_index(store: str, name: str, *, anew: bool = False) -> Iterator[IndexEntry]:
    """Bring a spec's table up to what lies in the store; gives each entry that was made of its report.

    Args:
        anew: make every entry of its report, not only those that are lacking.

    Raises:
        RunError: if the store cannot be written to.
    """
    index = Index(store)
    # Listed before the reports: a note that is written in between belongs to a report that is found.
    notes = index.notes(name)
    table = IndexTable() if anew else index.table(name) or IndexTable()
    written: set[str] = set()
    for entry in missing_entries(store, name, table):
        written.add(index.note(entry))
        yield entry
    run_ids = {run.run_id for run in Store(store).runs(name)}
    index.forget(
        name, [note for note in notes if (anew and note not in written) or run_id_of_note(note) not in run_ids]
    )
    if notes or written:
        index.gather(name)


def entry_of(report: Report, run: RunFolder | None = None) -> IndexEntry:
    """The entry of a report.

    Args:
        run: its folder, for what the report does not say: intervals by clusters of rows, and the schedule.
    """
    intervals = {} if run is None else TrendRun(report, "", folder=run).intervals
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


def _target(
    report: Report, target: TargetInfo, intervals: Mapping[tuple[str, str], tuple[float, float]]
) -> IndexedTarget:
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
    output = None
    if report.targets[0].name == target.name and report.baseline.output is not None:
        # What the attributions of a row add up to, over all rows: the mean output, by completeness.
        output = report.baseline.output + sum(row.mean or 0.0 for row in ranking)
    left = max(len(ranking) - _FEATURES, 0)
    return IndexedTarget(name=target.name, space=target.space, features=tuple(features), left=left, output=output)


def _verdicts(report: Report) -> dict[str, int] | None:
    """By severity; None where features were not judged, as in reports before there were verdicts."""
    if not report.verdicts and report.headline is None:
        return None
    return dict(Counter(verdict.severity for verdict in report.verdicts))
