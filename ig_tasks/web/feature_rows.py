"""What the rows of a run say of one feature: its values and its attributions, and the rows in which it does most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ig_tasks.charts import Chart
from ig_tasks.charts.axes import unique_labels
from ig_tasks.charts.boxes import Box, quantile_boxes
from ig_tasks.charts.dependence_curves import NumberPoint, number_bands
from ig_tasks.charts.histograms import category_counts, histogram
from ig_tasks.presentation.shortening import shortened
from ig_tasks.reports.numerals import count, counted, number
from ig_tasks.web.conditions import Condition, Order
from ig_tasks.web.feature_view import FeatureChoice
from ig_tasks.web.queries import ATTRIBUTION, INPUT, SEGMENT, Row, RunRows
from ig_tasks.web.query_statistics import band_by_level, bands, bins, levels, sample

__all__ = ["FeatureRows", "Picture", "conditions_of", "feature_rows"]

_BINS, _BANDS, _LEVELS, _POINTS, _ROWS = 30, 20, 15, 1500, 8
_MIDDLE = (0.1, 0.25, 0.5, 0.75, 0.9)
_EDGE = 0.01
"""The share of a sample on either side beyond which nothing is drawn: one row far away would hide all others."""
_LETTERS, _TITLE = 25, 44


@dataclass(frozen=True)
class Picture:
    """A chart and what is to be said of it."""

    chart: Chart
    caption: str


@dataclass(frozen=True)
class FeatureRows:
    """What the rows say; a part is None where they do not say it.

    Attributes:
        column: the attribution's column, for links to the rows page.
        valued: whether the rows have the feature's values.
        why_not: why there is nothing, or no values, in one line.
    """

    column: str
    dependence: Picture | None = None
    values: Picture | None = None
    spread: Picture | None = None
    greatest: tuple[Row, ...] = ()
    least: tuple[Row, ...] = ()
    valued: bool = False
    why_not: str = ""


def conditions_of(choice: FeatureChoice) -> list[Condition]:
    """The rows of the target, and of the segment where one is chosen."""
    conditions = [Condition("target", "is", choice.target.name)]
    if choice.segment is not None and choice.segment.segment_column is not None:
        conditions.append(Condition(SEGMENT + choice.segment.segment_column, "is", choice.segment.segment_level or ""))
    return conditions


def feature_rows(rows: RunRows, choice: FeatureChoice, label: str) -> FeatureRows:
    """What the rows of a run say of a feature. Reads the columns that it needs, and never a whole shard.

    Raises:
        QueryError: if the rows are not there, or cannot be asked now.
        DamagedError: if a file is not what was written.
    """
    attribution, value = ATTRIBUTION + choice.feature, INPUT + choice.feature
    if attribution not in rows.columns:
        return FeatureRows(attribution, why_not="The rows of this run hold no attributions of this feature by itself.")
    where = conditions_of(choice)
    kind = rows.columns.of(value).kind if value in rows.columns else ""
    wanted = ["row_id", "output", "status", attribution, *([value] if kind in ("number", "text") else [])]
    sides = ((Condition(attribution, "gt", "0"), True), (Condition(attribution, "lt", "0"), False))
    extremes = [
        rows.page([*where, side], Order(attribution, descending), columns=wanted, number=_ROWS).rows
        for side, descending in sides
    ]
    dependence = values = None
    if kind == "number":
        dependence, values = _by_number(rows, choice, label, where, (attribution, value))
    elif kind == "text":
        dependence, values = _by_category(rows, choice, label, where, (attribution, value))
    return FeatureRows(
        column=attribution,
        dependence=dependence,
        values=values,
        spread=_spread(rows, attribution, where, choice.units),
        greatest=extremes[0],
        least=extremes[1],
        valued=kind in ("number", "text"),
        why_not="" if kind in ("number", "text") else _no_values(kind),
    )


def _no_values(kind: str) -> str:
    if kind == "list":
        return "What a row holds of this feature is a list (a text or a bag): a row's own page shows it, part by part."
    return "The run kept no values of this feature (report.keep_inputs), so they cannot be drawn."


def _by_number(
    rows: RunRows, choice: FeatureChoice, label: str, where: Sequence[Condition], columns: tuple[str, str]
) -> tuple[Picture | None, Picture | None]:
    attribution, value = columns
    intervals = bands(rows, value, attribution, _BANDS, _MIDDLE, where)
    if not intervals:
        return None, None
    points = [
        NumberPoint(band.middle if band.middle is not None else band.low or 0.0, at[2], at[0], at[4], at[1], at[3])
        for band in intervals
        for at in [band.quantiles]
    ]
    drawn = sample(rows, [value, attribution], _POINTS, where)
    value_range, attribution_range = (
        _central_range([float(row[name]) for row in drawn]) for name in (value, attribution)
    )
    dots = [
        (float(row[value]), float(row[attribution]))
        for row in drawn
        if value_range[0] <= row[value] <= value_range[1]
        and attribution_range[0] <= row[attribution] <= attribution_range[1]
    ]
    band_words = "the median, with bands of the middle half and the middle 80 %"
    chart = number_bands(points, shortened(label, _TITLE), choice.units, band_words, dots)
    total = counted(sum(band.rows for band in intervals), "row")
    beyond = len(drawn) - len(dots)
    left = f", {count(beyond)} of them far outside and not drawn" if beyond else ""
    caption = f"Line: {band_words}, of {total}. Dots: a sample of {counted(len(drawn), 'row')}{left}."
    shape = bins(rows, value, _BINS, [*where, *_range_conditions(value, value_range)])
    range_words = _range_words(value_range, sum(shape.counts), sum(band.rows for band in intervals))
    return Picture(chart, caption), Picture(histogram(*shape, label), range_words)


def _by_category(
    rows: RunRows, choice: FeatureChoice, label: str, where: Sequence[Condition], columns: tuple[str, str]
) -> tuple[Picture | None, Picture | None]:
    attribution, value = columns
    categories = band_by_level(rows, value, attribution, _LEVELS, (0.05, 0.25, 0.5, 0.75, 0.95), where)
    if not categories:
        return None, None
    names = {str(place): _level(band.level, band.rows) for place, band in enumerate(categories)}
    written = unique_labels(names, names)
    boxes = [Box(written[str(place)], *band.quantiles) for place, band in enumerate(categories)]
    chart = quantile_boxes(boxes, choice.units, noun=f"categories of {label}")
    counts = levels(rows, value, _LEVELS, where)
    bars = {str(place): shortened(name, _LETTERS) for place, (name, _) in enumerate(counts)}
    texts = unique_labels(bars, bars)
    count_chart = category_counts([(texts[str(place)], many) for place, (_, many) in enumerate(counts)], label)
    extent = (
        f"The {count(len(categories))} most frequent categories" if len(categories) == _LEVELS else "Every category"
    )
    caption = f"{extent}: the middle half, lines from the 5 % to the 95 % quantile, and the median."
    return Picture(chart, caption), Picture(count_chart, f"{extent}, and how many rows hold each.")


def _spread(rows: RunRows, attribution: str, where: Sequence[Condition], unit: str) -> Picture | None:
    drawn = sample(rows, [attribution], _POINTS, where)
    if not drawn:
        return None
    ends = _central_range([float(row[attribution]) for row in drawn])
    shape = bins(rows, attribution, _BINS, [*where, *_range_conditions(attribution, ends)])
    if not shape.counts:
        return None
    total = rows.page([*where, Condition(attribution, "present")], columns=[attribution], number=1).count
    return Picture(histogram(*shape, f"attribution ({unit})"), _range_words(ends, sum(shape.counts), total))


def _central_range(values: Sequence[float]) -> tuple[float, float]:
    """From where to where all but a hundredth on either side lies; of few values all."""
    ordered = sorted(values)
    cut = int(_EDGE * len(ordered))
    return ordered[cut], ordered[len(ordered) - 1 - cut]


def _range_conditions(column: str, ends: tuple[float, float]) -> list[Condition]:
    return [Condition(column, "ge", repr(ends[0])), Condition(column, "le", repr(ends[1]))]


def _range_words(ends: tuple[float, float], drawn: int, total: int) -> str:
    """What is drawn, and how many rows are not: where many hold one value, none may lie beyond it."""
    rows_drawn = f"{count(drawn)} of {counted(total, 'row')}" if drawn < total else f"all {counted(total, 'row')}"
    return f"From {number(ends[0])} to {number(ends[1])}: {rows_drawn}."


def _level(name: str, rows: int) -> str:
    rows_in_words = f" ({count(rows)})"
    return shortened(name, _LETTERS - len(rows_in_words)) + rows_in_words
