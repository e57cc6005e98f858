"""The charts of a report's importance, segments and distributions: parts of the report turned into rows to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ig_tasks.charts import Chart
from ig_tasks.charts.bars import Bar, sign_bars, size_bars
from ig_tasks.charts.boxes import QUANTILES, Box, quantile_boxes
from ig_tasks.charts.heat_map import Cell, heat_map
from ig_tasks.reports.numerals import number
from ig_tasks.store.report import Distribution, GroupImportance, Importance

__all__ = ["box_values", "distribution_chart", "group_charts", "importance_chart", "segment_chart", "signed_chart"]


def importance_chart(rows: Sequence[Importance], labels: Mapping[str, str], units: str) -> Chart:
    """Bars of the mean absolute attribution with its confidence interval, in the order of `rows`."""
    return _naming(size_bars([_bar(labels[row.feature], row) for row in rows], units), labels)


def signed_chart(rows: Sequence[Importance], labels: Mapping[str, str], units: str) -> Chart:
    """Bars of the signed mean, in the order of `rows`: which way each feature moves the output on average."""
    return _naming(sign_bars([_bar(labels[row.feature], row) for row in rows], units), labels)


def group_charts(rows: Sequence[GroupImportance], units: str) -> tuple[Chart, Chart]:
    """The same two for groups of features: the mean absolute contribution, and the signed mean."""
    bars = [_bar(row.group, row) for row in rows]
    words = (units, "groups of features", "contribution")
    return size_bars(bars, *words), sign_bars(bars, *words)


def _bar(label: str, row: Importance | GroupImportance) -> Bar:
    return Bar(label, row.abs_mean, row.mean, row.abs_mean_ci)


def segment_chart(
    rows: Sequence[Importance],
    levels: Mapping[str, str],
    features: Sequence[str],
    labels: Mapping[str, str],
    column: str = "",
) -> Chart:
    """A heat map of abs_mean: levels of `column` (with what to write for each) down, features across."""
    cells = [
        Cell(levels[str(row.segment_level)], labels[row.feature], row.abs_mean, number(row.abs_mean, 3)) for row in rows
    ]
    chart = heat_map(cells, list(levels.values()), [labels[name] for name in features])
    return replace(_naming(chart, labels), levels={label: level for level, label in levels.items()}, column=column)


def box_values(distribution: Distribution) -> tuple[float, float, float, float, float] | None:
    """The values at QUANTILES, or at the nearest quantiles that are known; None if no quantile is known."""
    known = [(point.q, point.value) for point in distribution.quantiles if point.value is not None]
    if not known:
        return None
    low, inner_low, median, inner_high, high = (
        min(known, key=lambda point: (abs(point[0] - q), point[0]))[1] for q in QUANTILES
    )
    return low, inner_low, median, inner_high, high


def distribution_chart(distributions: Sequence[Distribution], labels: Mapping[str, str], units: str) -> Chart:
    """A quantile box for each feature whose quantiles are known."""
    boxes = [
        Box(labels[distribution.feature], *values)
        for distribution in distributions
        if (values := box_values(distribution)) is not None
    ]
    return _naming(quantile_boxes(boxes, units), labels)


def _naming(chart: Chart, labels: Mapping[str, str]) -> Chart:
    """The chart with the features that its labels stand for, {feature: label}."""
    return replace(chart, names={label: feature for feature, label in labels.items()})
