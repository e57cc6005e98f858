"""The reports of one spec over the partitions of its data: what is read of each, and what changed between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from ig_tasks.errors import DamagedError, IgTasksError, ReportError
from ig_tasks.spec.partitions import ALL, partition_order, with_gaps
from ig_tasks.statistics import abs_mean_interval
from ig_tasks.store import Folder, RunFolder, Store
from ig_tasks.store.report import Importance, Report
from ig_tasks.store.runs import revised
from ig_tasks.validation.drift.period import Period

__all__ = ["Trend", "TrendRun", "read_trend", "settings_of"]

_MOST = 400
"""Partitions on one page: more are not drawn, the latest are."""


@dataclass(frozen=True)
class TrendRun:
    """One partition's report.

    Attributes:
        page: URI of its page.
        folder: of the run, whose sums by cluster make the intervals; None: those of the report are taken.
        changed: what is not as in the run before: `model`, `baseline`, `settings`.
    """

    report: Report
    page: str
    changed: tuple[str, ...] = ()
    folder: RunFolder | None = None

    @property
    def partition(self) -> str:
        """The partition."""
        return self.report.partition

    @cached_property
    def importance(self) -> Mapping[tuple[str, str], Importance]:
        """{(target, feature): its importance}; empty for a withheld report."""
        rows = self.report.importance if self.report.published else ()
        return {(row.target, row.feature): row for row in rows}

    @cached_property
    def intervals(self) -> Mapping[tuple[str, str], tuple[float, float]]:
        """{(target, feature): 95 % interval of its importance}, of clusters of rows, where the report has none of them.

        Reports of earlier versions took rows to be independent, though their runs kept sums by cluster.
        """
        if self.folder is None or not self.report.published:
            return {}
        if all(row.interval_of == "clusters" for row in self.report.importance):
            return {}
        with suppress(IgTasksError, FileNotFoundError):
            period = Period.open(self.folder)
            if (clusters := period.sums.clusters) is not None:
                low, high = abs_mean_interval(clusters.rows, clusters.absolute, 0.95, clusters.grid.labelled)
                ends = zip(period.features, low.tolist(), high.tolist(), strict=True)
                return {(period.target, name): (least, most) for name, least, most in ends if most == most}
        return {}

    @property
    def not_converged(self) -> float | None:
        """Share of the explained rows that did not converge."""
        share = self.report.completeness.converged_fraction
        return None if share is None else 1.0 - share

    @property
    def quarantined(self) -> float | None:
        """Share of the rows read that are in quarantine."""
        read = self.report.data.rows_read
        return self.report.data.rows_quarantined / read if read else None

    @property
    def alarms(self) -> int | None:
        """Features with an alarm; None where the report was compared with none."""
        drift = self.report.drift
        return None if drift is None or not drift.comparable else len(drift.alarms)


@dataclass(frozen=True)
class Trend:
    """The runs in the order of their partitions.

    Attributes:
        partitions: with those that are missing between the first and the last.
        left: why other reports are not among the runs, in words.
    """

    name: str
    runs: tuple[TrendRun, ...]
    partitions: tuple[str, ...]
    left: tuple[str, ...] = ()

    @property
    def latest(self) -> Report:
        """The newest published report; of withheld ones alone the newest."""
        return next((run.report for run in reversed(self.runs) if run.report.published), self.runs[-1].report)

    @property
    def missing(self) -> tuple[str, ...]:
        """Partitions without a report."""
        reported = {run.partition for run in self.runs}
        return tuple(name for name in self.partitions if name not in reported)

    @property
    def marks(self) -> dict[str, str]:
        """{partition: what changed there}."""
        return {run.partition: ", ".join(run.changed) for run in self.runs if run.changed}


def read_trend(location: str) -> Trend:
    """The official reports of a spec, the newest of each partition.

    Args:
        location: `<store>/<name>`, the folder of all its runs.

    Raises:
        ReportError: if there are no official reports of single partitions.
    """
    store, _, name = Folder(location.rstrip("/").removesuffix("/latest.json")).uri.rpartition("/")
    newest: dict[str, tuple[Report, str, RunFolder]] = {}
    damaged = 0
    for run in Store(store).runs(name):
        report = None
        with suppress(DamagedError, ReportError):
            report = run.read_published() or run.read_report()
        if report is None:
            damaged += 1
            continue
        page = run.uri_of(revised("report.html", report.revision))
        newest_report = newest.get(report.partition)
        # One that was withheld is shown where nothing was published of its partition.
        if report.official and (newest_report is None or _standing(newest_report[0]) <= _standing(report)):
            newest[report.partition] = (report, page, run)
    single = sorted((name for name in newest if name != ALL and ".." not in name), key=partition_order)[-_MOST:]
    if not single:
        raise ReportError(
            f"{location}: there are no official reports of single partitions; give the folder of a spec's runs, "
            "<store>/<name>, and run the spec for its partitions first"
        )
    left = [f"{damaged} damaged" if damaged else "", *(f"{name}" for name in newest if name not in single)]
    return Trend(
        name=name,
        runs=tuple(_compared([newest[partition] for partition in single])),
        partitions=tuple(with_gaps(single, most=2 * _MOST)),
        left=tuple(words for words in left if words),
    )


def _standing(report: Report) -> tuple[bool, datetime]:
    return report.published, report.created_at


def _compared(reports: Sequence[tuple[Report, str, RunFolder]]) -> Iterator[TrendRun]:
    before: Report | None = None
    for report, page, folder in reports:
        changed: tuple[str, ...] = ()
        if before is not None:
            parts = {
                "model": before.model.digest != report.model.digest,
                "baseline": before.baseline.digest != report.baseline.digest,
                "settings": settings_of(before) != settings_of(report),
            }
            changed = tuple(part for part, differs in parts.items() if differs)
        yield TrendRun(report, page, changed, folder)
        before = report


def settings_of(report: Report) -> dict[str, Any]:
    """What decided the numbers beside model, baseline and data."""
    parts = dict(report.provenance.get("key_parts", {}))
    data = {name: setting for name, setting in parts.get("data", {}).items() if name != "digest"}
    attribution = {name: setting for name, setting in parts.get("attribution", {}).items() if name != "memory_limit"}
    target = {name: setting for name, setting in parts.get("model", {}).items() if name != "digest"}
    return {"target": target, "data": data, "attribution": attribution, "method": report.attribution.method}
