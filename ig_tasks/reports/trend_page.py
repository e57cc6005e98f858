"""The trend page: one page without script of all reports of a spec, over the partitions of its data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ig_tasks.charts import Chart
from ig_tasks.charts.axes import unique_labels
from ig_tasks.charts.trend_lines import Moment, figure_over_time, ranks_over_time
from ig_tasks.reports.numerals import counted, number
from ig_tasks.reports.page_environment import environment, frame
from ig_tasks.reports.sentences import target_words
from ig_tasks.reports.trend import Trend, TrendRun
from ig_tasks.store.report import Importance, TargetInfo
from ig_tasks.store.report_units import units_in

__all__ = ["render_trend"]

_FEATURES, _RANKED, _TARGETS = 8, 10, 2


class _TargetTrend(NamedTuple):
    """One target: the features that lead over all runs, a chart each, and the importance of each in each run."""

    words: str
    units: str
    labels: tuple[str, ...]
    charts: tuple[Chart, ...]
    ranks: Chart
    narrow_ranks: Chart
    lines: tuple[tuple[TrendRun, tuple[Importance | None, ...]], ...]


def render_trend(trend: Trend, beside: str = "") -> str:
    """The page as HTML text.

    Args:
        beside: the folder that the page will lie in, so that links to reports in a local store are relative to it.
    """
    report = trend.latest
    targets = tuple(_target(trend, target) for target in report.targets[:_TARGETS])
    quality = (
        _share(trend, "rows that did not converge", [run.not_converged for run in trend.runs]),
        _share(trend, "rows in quarantine", [run.quarantined for run in trend.runs]),
    )
    return (
        environment()
        .get_template("trend.html")
        .render(
            **frame(report.to_json()),
            trend=trend,
            report=report,
            targets=targets,
            quality=quality,
            findings=_findings(trend),
            links={run.partition: _link(run.page, beside) for run in trend.runs},
        )
    )


def _target(trend: Trend, target: TargetInfo) -> _TargetTrend:
    """Runs whose output is in other units are left out: their figures are of another kind."""
    report = trend.latest
    runs = {run.partition: run for run in trend.runs if _same_units(run, target)}
    sizes: dict[str, float] = {}
    for run in runs.values():
        for (name, feature), importance in run.importance.items():
            if name == target.name:
                sizes[feature] = max(sizes.get(feature, 0.0), importance.abs_mean or 0.0)
    leading = sorted(sizes, key=lambda feature: -sizes[feature])[:_RANKED]
    labels = unique_labels(leading, {feature: report.label(feature) for feature in leading})
    marks, unit = trend.marks, units_in(report, target)

    def importance_of(partition: str, feature: str) -> Importance | None:
        return runs[partition].importance.get((target.name, feature)) if partition in runs else None

    charts = []
    for feature in leading[:_FEATURES]:
        rows = [importance_of(partition, feature) for partition in trend.partitions]
        moments = [
            Moment(partition, None)
            if row is None
            else Moment(partition, row.abs_mean, *_interval(runs[partition], row))
            for partition, row in zip(trend.partitions, rows, strict=True)
        ]
        charts.append(figure_over_time(moments, f"the importance of {labels[feature]}", unit, marks=marks))
    ranks = {
        labels[feature]: [
            None if (row := importance_of(partition, feature)) is None else row.rank for partition in trend.partitions
        ]
        for feature in leading
    }
    return _TargetTrend(
        words=target_words(target),
        units=unit,
        labels=tuple(labels[feature] for feature in leading[:_FEATURES]),
        charts=tuple(charts),
        ranks=ranks_over_time(ranks, trend.partitions, marks=marks),
        narrow_ranks=ranks_over_time(ranks, trend.partitions, marks=marks, narrow=True),
        lines=tuple(
            (run, tuple(importance_of(run.partition, feature) for feature in leading[:_FEATURES])) for run in trend.runs
        ),
    )


def _interval(run: TrendRun, row: Importance) -> tuple[float | None, float | None]:
    """The interval from clusters of rows where the run kept their sums, else the report's own."""
    return run.intervals.get((row.target, row.feature), row.abs_mean_ci)


def _same_units(run: TrendRun, target: TargetInfo) -> bool:
    return any(other.name == target.name and other.space == target.space for other in run.report.targets)


def _share(trend: Trend, label: str, shares: Sequence[float | None]) -> tuple[str, Chart]:
    known = dict(zip((run.partition for run in trend.runs), shares, strict=True))
    moments = [Moment(partition, known.get(partition)) for partition in trend.partitions]
    chart = figure_over_time(moments, f"the share of {label}", "share of rows", marks=trend.marks, figures=".2~%")
    return label, chart


def _findings(trend: Trend) -> list[tuple[str, str]]:
    """(about, words) of what the series shows at a glance."""
    published = [run for run in trend.runs if run.report.published]
    findings = [("Reports", _reports_words(trend, len(published)))]
    leaders: dict[str, int] = {}
    for run in published:
        for row in run.report.ranking()[:1]:
            label = trend.latest.label(row.feature)
            leaders[label] = leaders.get(label, 0) + 1
    if len(leaders) == 1:
        findings.append(("What leads", f"{next(iter(leaders))} in every published report."))
    elif leaders:
        ordered = sorted(leaders.items(), key=lambda item: -item[1])
        findings.append(("What leads", "; ".join(f"{label} in {counted(times, 'report')}" for label, times in ordered)))
    if len(published) > 1 and (words := _moved_words(published[0], published[-1])):
        findings.append(("First against last", words))
    if trend.marks:
        findings.append(("What changed", "; ".join(f"{name}: {change}" for name, change in trend.marks.items()) + "."))
    alarms = [(run.partition, run.alarms) for run in trend.runs if run.alarms]
    if alarms:
        findings.append(
            ("Alarms", "; ".join(f"{name}: {counted(times or 0, 'alarm')}" for name, times in alarms) + ".")
        )
    return findings


def _reports_words(trend: Trend, published: int) -> str:
    first, last = trend.partitions[0], trend.partitions[-1]
    words = f"{counted(len(trend.runs), 'partition')} from {first} to {last}"
    withheld = len(trend.runs) - published
    words += f", {counted(withheld, 'report')} of them withheld and not drawn" if withheld else ""
    if trend.missing:
        shown = ", ".join(trend.missing[:6]) + (", ..." if len(trend.missing) > 6 else "")
        words += f"; without a report: {shown}"
    if trend.left:
        words += f". Not in this series: {', '.join(trend.left[:6])}"
    return f"{words}."


def _moved_words(first: TrendRun, last: TrendRun) -> str:
    """The leading features of the last report, then and now; "" where the units differ."""
    target = last.report.targets[0] if last.report.targets else None
    if target is None or not _same_units(first, target):
        return ""
    words = []
    for row in last.report.ranking(target.name)[:3]:
        before = first.importance.get((target.name, row.feature))
        if before is not None:
            label = last.report.label(row.feature)
            words.append(f"{label} {number(before.abs_mean, 3)} then, {number(row.abs_mean, 3)} now")
    return "; ".join(words) + "." if words else ""


def _link(page: str, beside: str) -> str:
    """Relative where both are local files."""
    if "://" in page.removeprefix("file://") or not beside:
        return page
    return Path(os.path.relpath(page.removeprefix("file://"), beside)).as_posix()
