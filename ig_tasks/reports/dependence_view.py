"""What the page shows of the dependence of attributions on values: a chart and a table for each leading feature."""

from __future__ import annotations

from typing import NamedTuple

from ig_tasks.charts import Chart
from ig_tasks.charts.axes import unique_labels
from ig_tasks.charts.dependence_curves import CategoryMark, NumberPoint, category_marks, number_bands
from ig_tasks.presentation.shortening import shortened
from ig_tasks.reports.numerals import count, counted, number, value
from ig_tasks.store.report import Report
from ig_tasks.store.report_dependence import Dependence, DependencePoint
from ig_tasks.store.report_units import units_in

__all__ = ["DependenceView", "dependence_views"]

_LETTERS, _TITLE = 25, 44
"""Letters that a category and its rows have room for beside a chart, and a title below it."""


class DependenceView(NamedTuple):
    """One feature of one target.

    Attributes:
        caption: what the chart draws.
        quantiles: whether quantiles are known, or the standard deviation alone.
        note: what is not drawn: missing values, categories left out.
    """

    dependence: Dependence
    label: str
    units: str
    chart: Chart
    caption: str
    quantiles: bool
    note: str

    @property
    def target(self) -> str:
        """Whose attributions they are."""
        return self.dependence.target


def dependence_views(report: Report) -> tuple[DependenceView, ...]:
    """A view for each feature whose dependence is reported."""
    return tuple(_view(report, dependence, units_in(report, dependence.target)) for dependence in report.dependence)


def _view(report: Report, dependence: Dependence, unit: str) -> DependenceView:
    label = report.label(dependence.feature)
    quantiles = all(point.quantiles for point in dependence.points)
    note = []
    if dependence.kind == "number":
        drawn = "the median, with bands of the middle half and the middle 80 %" if quantiles else (
            "the mean, with a band of one standard deviation on either side"
        )  # fmt: skip
        shown = [point for point in dependence.points if point.value is not None]
        chart = number_bands([_point(point) for point in shown], shortened(label, _TITLE), unit, drawn)
        missing = [point for point in dependence.points if point.value is None]
        note += [f"Missing in {counted(point.rows, 'row')}: mean {number(point.mean)}." for point in missing]
    else:
        drawn = (
            "with lines over the middle 80 %" if quantiles else "with lines of one standard deviation on either side"
        )
        names = {str(place): _name(point) for place, point in enumerate(dependence.points)}
        written = unique_labels(names, names)
        marks = [
            CategoryMark(written[str(place)], *_mean_and_band(point)) for place, point in enumerate(dependence.points)
        ]
        chart = category_marks(marks, unit, label, drawn)
        if dependence.left_levels:
            rows = counted(dependence.left_rows, "row")
            noun = "category" if dependence.left_levels == 1 else "categories"
            note.append(f"{count(dependence.left_levels)} less frequent {noun} ({rows}) are not shown.")
    mark = "Line: " if dependence.kind == "number" else "Bar: the signed mean, "
    caption = f"{mark}{drawn}."
    return DependenceView(dependence, label, unit, chart, caption, quantiles, " ".join(note))


def _name(point: DependencePoint) -> str:
    words = "(missing)" if point.value is None else value(point.value)
    rows = f" ({count(point.rows)})"
    return shortened(words, _LETTERS - len(rows)) + rows


def _mean_and_band(point: DependencePoint) -> tuple[float, float, float]:
    mean, spread = point.mean or 0.0, point.std_dev or 0.0
    if point.quantiles:
        low, high = point.quantiles[0], point.quantiles[-1]
        return mean, low if low is not None else mean, high if high is not None else mean
    return mean, mean - spread, mean + spread


def _point(point: DependencePoint) -> NumberPoint:
    at = float(point.value) if isinstance(point.value, int | float) else 0.0
    mean, low, high = _mean_and_band(point)
    if not point.quantiles:
        return NumberPoint(at, mean, low, high)
    _, inner_low, median, inner_high, _ = point.quantiles
    return NumberPoint(at, median if median is not None else mean, low, high, inner_low, inner_high)
