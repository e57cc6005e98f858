"""What a feature's page shows: from the report, from its rows, and from the other reports of its spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ig_tasks.charts import Chart
from ig_tasks.charts.axes import fitted
from ig_tasks.charts.bars import Bar, size_bars
from ig_tasks.charts.trend_lines import figure_over_time
from ig_tasks.reports.numerals import count
from ig_tasks.reports.sentences import segment_label
from ig_tasks.store.index_entry import IndexEntry
from ig_tasks.store.report import FeatureInfo, Importance, Report, TargetInfo
from ig_tasks.web.timelines import importance_moments, timeline_of

__all__ = ["FeatureChoice", "Neighbours", "OverTime", "SegmentsView", "feature_info", "over_time", "segment_views"]

_LEVELS = 15


@dataclass(frozen=True)
class FeatureChoice:
    """Which feature, of which target, over which rows.

    Attributes:
        segment: the importance within it; None: over all rows.
    """

    feature: str
    target: TargetInfo
    row: Importance
    units: str
    """What attributions are counted in."""
    segment: Importance | None = None

    @property
    def importance(self) -> Importance:
        """The importance of the rows that are shown."""
        return self.segment or self.row


@dataclass(frozen=True)
class SegmentsView:
    """A feature's importance by the levels of one column.

    Attributes:
        levels: {label in the chart: segment}.
        left: levels that are not drawn.
    """

    title: str
    chart: Chart
    rows: tuple[Importance, ...]
    levels: Mapping[str, str]
    left: int


@dataclass(frozen=True)
class OverTime:
    """A feature's importance over the partitions.

    Attributes:
        runs: {partition: the report of it}.
    """

    chart: Chart
    runs: Mapping[str, IndexEntry] = field(default_factory=dict)


@dataclass(frozen=True)
class Neighbours:
    """The features before and after this one, by rank; None at the ends."""

    before: str | None
    after: str | None

    @classmethod
    def of(cls, report: Report, target: str, feature: str) -> Neighbours:
        """Those of a report's ranking."""
        names = [row.feature for row in report.ranking(target)]
        place = names.index(feature)
        return cls(names[place - 1] if place else None, names[place + 1] if place + 1 < len(names) else None)


def feature_info(report: Report, feature: str) -> FeatureInfo:
    """What the report says of a feature."""
    return next((info for info in report.features if info.name == feature), FeatureInfo(name=feature, group=None))


def segment_views(report: Report, choice: FeatureChoice) -> tuple[SegmentsView, ...]:
    """A view for each column of segments."""
    columns: dict[str, list[Importance]] = {}
    for row in report.segments:
        if (row.target, row.feature) == (choice.target.name, choice.feature) and row.segment is not None:
            columns.setdefault(row.segment_column or row.segment.partition("=")[0], []).append(row)
    return tuple(_segments(report, column, rows, choice.units) for column, rows in columns.items())


def _segments(report: Report, column: str, rows: Sequence[Importance], unit: str) -> SegmentsView:
    largest = sorted(rows, key=lambda row: (-row.rows, row.segment or ""))
    drawn = sorted(largest[:_LEVELS], key=lambda row: -(row.abs_mean or 0.0))
    written = fitted({row.segment or "": f"{_level(row)} ({count(row.rows)})" for row in drawn})
    bars = [Bar(written[row.segment or ""], row.abs_mean, row.mean, row.abs_mean_ci) for row in drawn]
    return SegmentsView(
        title=segment_label(report, column),
        chart=size_bars(bars, unit, noun="segments"),
        rows=tuple(drawn),
        levels={written[row.segment or ""]: row.segment or "" for row in drawn},
        left=len(rows) - len(drawn),
    )


def _level(row: Importance) -> str:
    return row.segment_level or (row.segment or "").partition("=")[2]


def over_time(entries: Sequence[IndexEntry], choice: FeatureChoice, label: str) -> OverTime | None:
    """The feature in every official report of its spec; None where there is one partition only."""
    timeline = timeline_of(entries)
    if len(timeline.partitions) < 2:
        return None
    moments = importance_moments(timeline.rankings(choice.target.name, choice.target.space), choice.feature)
    if not any(moment.value is not None for moment in moments):
        return None
    chart = figure_over_time(moments, f"the importance of {label}", choice.units, marks=timeline.marks)
    return OverTime(chart, timeline.entries)
