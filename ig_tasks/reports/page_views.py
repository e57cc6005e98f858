"""What the page shows of each target, segment and row: chosen, limited and drawn before the template sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ig_tasks.charts import Chart
from ig_tasks.charts.axes import fitted, unique_labels
from ig_tasks.charts.boxes import QUANTILES
from ig_tasks.presentation.statuses import row_words
from ig_tasks.reports import report_charts
from ig_tasks.reports.numerals import count
from ig_tasks.reports.row_waterfall import waterfall_chart
from ig_tasks.reports.sentences import left_words, segment_label, target_words
from ig_tasks.reports.shading import HeatmapView, PassageView, heatmap_views, passage_views
from ig_tasks.store.report import (
    Contribution,
    Distribution,
    Example,
    GroupImportance,
    Importance,
    Outlier,
    Report,
    TargetInfo,
)
from ig_tasks.store.report_units import units_in

__all__ = [
    "ExampleView", "LevelView", "SegmentView", "TailView", "TargetView",
    "example_view", "example_views", "tail_views", "target_views",
]  # fmt: skip

CHARTED, TABLED = 20, 50
LEVELS, SEGMENT_FEATURES = 12, 8
BOXES, EXAMPLES, CONTRIBUTIONS, TARGETS = 10, 6, 12, 4
ALL = "importance.parquet"


@dataclass(frozen=True)
class LevelView:
    """One level of a column: a cell for each feature, None where the report has none."""

    name: str
    rows: int
    cells: tuple[Importance | None, ...]


@dataclass(frozen=True)
class SegmentView:
    """Importance by the levels of one column."""

    column: str
    title: str
    features: tuple[str, ...]
    levels: tuple[LevelView, ...]
    chart: Chart | None
    left: str
    outliers: tuple[Outlier, ...] = ()


@dataclass(frozen=True)
class TargetView:
    """All that the page says of one target."""

    target: TargetInfo
    words: str
    units: str
    rows: tuple[Importance, ...]
    charted: int
    chart: Chart | None
    signed: Chart | None
    left: str
    segments: tuple[SegmentView, ...]
    boxes: tuple[Distribution, ...]
    boxes_chart: Chart | None
    groups: tuple[GroupImportance, ...] = ()
    groups_chart: Chart | None = None
    groups_signed: Chart | None = None
    groups_left: str = ""
    ungrouped: int = 0

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantiles that the table shows: of those known, the ends and the ones of a box."""
        known = sorted({point.q for box in self.boxes for point in box.quantiles})
        return tuple(q for q in known if q in (0.0, *QUANTILES, 1.0)) or tuple(known[:7])


@dataclass(frozen=True)
class ExampleView:
    """One row explained."""

    example: Example
    units: str
    chart: Chart
    contributions: tuple[Contribution, ...]
    others: int
    others_sum: float
    sum: float
    passages: tuple[PassageView, ...] = ()
    heatmaps: tuple[HeatmapView, ...] = ()
    method: str = "integrated_gradients"

    @property
    def valued(self) -> bool:
        """Whether anything is known of what the row held: of an image's cells nothing is."""
        return any(part.value is not None for part in self.example.contributions)

    @property
    def status_words(self) -> str:
        """What the row's status means and the remedy; empty for a row that converged."""
        return row_words(self.example.status, method=self.method)

    @property
    def difference(self) -> float | None:
        """The row's output minus the baseline's, in the target's units; None if either is unknown."""
        output, start = self.example.output, self.example.baseline_output
        return None if output is None or start is None else output - start


def target_views(report: Report) -> tuple[tuple[TargetView, ...], str]:
    """A view for each target that is shown, and what was left out."""
    views = tuple(_target_view(report, target) for target in report.targets[:TARGETS])
    return views, left_words(len(views), len(report.targets), "targets", ALL)


def _target_view(report: Report, target: TargetInfo) -> TargetView:
    ranking = report.ranking(target.name)
    shown, drawn, unit = ranking[:TABLED], ranking[:CHARTED], units_in(report, target)
    labels = _labels(report, (row.feature for row in shown))
    order = {row.feature: row.rank for row in ranking}
    boxes = sorted(
        (box for box in report.distributions if box.target == target.name),
        key=lambda box: order.get(box.feature, len(order) + 1),
    )[:BOXES]
    box_labels = _labels(report, (box.feature for box in boxes))
    all_groups = report.group_ranking(target.name)
    groups = all_groups[:CHARTED]
    groups_chart, groups_signed = report_charts.group_charts(groups, unit) if groups else (None, None)
    return TargetView(
        target=target,
        words=target_words(target),
        units=unit,
        rows=shown,
        charted=len(drawn),
        chart=report_charts.importance_chart(drawn, labels, unit) if drawn else None,
        signed=report_charts.signed_chart(drawn, labels, unit) if drawn else None,
        left=left_words(len(shown), len(ranking), "features", ALL),
        segments=tuple(_segment_views(report, target, [row.feature for row in ranking[:SEGMENT_FEATURES]])),
        boxes=tuple(boxes),
        boxes_chart=report_charts.distribution_chart(boxes, box_labels, unit) if boxes else None,
        groups=groups,
        groups_chart=groups_chart,
        groups_signed=groups_signed,
        groups_left=left_words(len(groups), len(all_groups), "groups", "report.json"),
        ungrouped=len(ranking) - sum(len(group.features) for group in all_groups),
    )


def _segment_views(report: Report, target: TargetInfo, features: list[str]) -> Iterable[SegmentView]:
    columns: dict[str, dict[str, dict[str, Importance]]] = {}
    for row in report.segments:
        if row.target == target.name and row.segment is not None:
            column, _, level = row.segment.partition("=")
            column, level = row.segment_column or column, row.segment_level or level
            named = row.model_copy(update={"segment_column": column, "segment_level": level})
            columns.setdefault(column, {}).setdefault(level, {})[row.feature] = named
    for column, cells_of_level in columns.items():
        sizes = {level: max(row.rows for row in cells.values()) for level, cells in cells_of_level.items()}
        levels = [
            LevelView(level, sizes[level], tuple(cells_of_level[level].get(name) for name in features))
            for level in sorted(sizes, key=lambda level: (-sizes[level], level))[:LEVELS]
        ]
        charted = [row for level in levels for row in level.cells if row is not None]
        info = next((item for item in report.segment_columns if item.column == column), None)
        total = max(len(sizes), info.levels if info else 0)
        left = [left_words(len(levels), total, "levels, the largest first,", ALL)]
        left.append(left_words(len(features), len(report.ranking(target.name)), "features", ALL))
        written = fitted({level.name: f"{level.name} ({count(level.rows)})" for level in levels})
        yield SegmentView(
            column=column,
            title=segment_label(report, column),
            outliers=tuple(
                outlier
                for outlier in report.outliers_within
                if (outlier.target, outlier.segment_column) == (target.name, column)
            ),
            features=tuple(features),
            levels=tuple(levels),
            chart=report_charts.segment_chart(charted, written, features, _labels(report, features), column)
            if charted
            else None,
            left=" ".join(words for words in left if words),
        )


class TailView(NamedTuple):
    """A feature's importance with all rows, without the greatest hundredth, and that hundredth's share."""

    row: Importance
    trimmed: float
    share: float


def tail_views(report: Report) -> tuple[TailView, ...]:
    """The most important features of each target that is shown, where their tails are known."""
    known = {(distribution.target, distribution.feature): distribution for distribution in report.distributions}
    views = []
    for target in report.targets[:TARGETS]:
        for row in report.ranking(target.name)[:BOXES]:
            spread = known.get((row.target, row.feature))
            if spread is not None and spread.trimmed_abs_mean is not None and spread.tail_share is not None:
                views.append(TailView(row, spread.trimmed_abs_mean, spread.tail_share))
    return tuple(views)


def example_views(report: Report) -> tuple[tuple[ExampleView, ...], str]:
    """A view for each row that is shown, and what was left out."""
    views = tuple(example_view(example, report) for example in report.examples[:EXAMPLES])
    return views, left_words(len(views), len(report.examples), "rows", "report.json")


def example_view(example: Example, report: Report, most: int = CONTRIBUTIONS) -> ExampleView:
    """The view of one row, with its `most` greatest attributions one by one."""
    unit = units_in(report, example.target)
    parts = sorted(example.contributions, key=lambda part: -abs(part.attribution or 0.0))
    labels = _labels(report, (part.feature for part in parts))
    return ExampleView(
        example=example,
        units=unit,
        chart=waterfall_chart(example, labels, unit),
        contributions=tuple(parts[:most]),
        others=len(parts[most:]),
        others_sum=sum(part.attribution or 0.0 for part in parts[most:]),
        sum=sum(part.attribution or 0.0 for part in parts),
        passages=passage_views(example, report),
        heatmaps=heatmap_views(example, report),
        method=report.attribution.method,
    )


def _labels(report: Report, features: Iterable[str]) -> dict[str, str]:
    known = {item.name: item.label for item in report.features if item.label}
    return unique_labels(features, known)
