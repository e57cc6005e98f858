"""How a feature's attributions depend on its values: a line with bands for a number, bars for categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ig_tasks.charts.axes import labels_axis, numbers_axis, told, zero_line
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.presentation.colours import ACCENT, FAINT, INK, MIDDLE, effect_colour

__all__ = ["CategoryMark", "NumberPoint", "category_marks", "number_bands"]

_ROWS, _WIDTH = 8, 380


class NumberPoint(NamedTuple):
    """A bin of a number: where it lies, the attributions' middle there, and the ends of the bands, outer and inner."""

    value: float
    middle: float
    low: float
    high: float
    inner_low: float | None = None
    inner_high: float | None = None


class CategoryMark(NamedTuple):
    """A category: its label, the signed mean of its attributions, and how they spread."""

    label: str
    mean: float
    low: float
    high: float


def number_bands(
    points: Sequence[NumberPoint],
    label: str,
    units: str,
    drawn: str,
    rows: Sequence[tuple[float, float]] = (),
    *,
    unproven: Sequence[tuple[float, float]] = (),
) -> Chart:
    """A line through the middles, over one band or two.

    Args:
        points: from low to high; without any, rows are all there is.
        label: what the number is called, for the axis.
        units: what an attribution is counted in.
        drawn: what line and bands are, in words, for those who cannot see them.
        rows: (value, attribution) of single rows, as dots over the bands.
        unproven: the same of rows that did not converge, as triangles.
    """
    import altair as alt

    data = [point._asdict() for point in points]
    base = alt.Chart(alt.Data(values=data))
    x = alt.X("value:Q", title=label, axis=numbers_axis(alt), scale=alt.Scale(zero=False, nice=False))
    axis = alt.Axis(tickCount=5, grid=True)
    y = alt.Y("low:Q", title=f"attribution ({units})", axis=axis, scale=alt.Scale(zero=True))
    dots = alt.Chart(alt.Data(values=[{"value": value, "low": attribution} for value, attribution in rows]))
    layers = [base.mark_area(color=MIDDLE, opacity=0.28).encode(x=x, y=y, y2=alt.Y2("high:Q"))]
    if any(point.inner_low is not None for point in points):
        layers.append(
            base.mark_area(color=MIDDLE, opacity=0.5).encode(x=x, y=alt.Y("inner_low:Q"), y2=alt.Y2("inner_high:Q"))
        )
    size, opacity = (10, 0.3) if points else (30, 0.7)
    layers += [dots.mark_point(color=INK, filled=True, size=size, opacity=opacity).encode(x=x, y=y)] if rows else []
    if unproven:
        marks = alt.Chart(alt.Data(values=[{"value": value, "low": attribution} for value, attribution in unproven]))
        layers.append(marks.mark_point(color=INK, shape="triangle-up", size=40, opacity=0.9).encode(x=x, y=y))
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=FAINT, strokeWidth=1).encode(y=alt.Y("zero:Q"))
    tooltip = told(alt, {"value:Q": label, "middle:Q": "attribution", "low:Q": "band from", "high:Q": "to"})
    layers += [
        zero,
        base.mark_line(color=ACCENT, strokeWidth=2).encode(x=x, y=alt.Y("middle:Q")),
        base.mark_point(color=ACCENT, filled=True, size=22, opacity=1).encode(
            x=x, y=alt.Y("middle:Q"), tooltip=tooltip
        ),
    ]
    words = f"Line with bands: {drawn} of {len(data)} bins of {label}. The numbers are in the table."
    if not points:
        words = (
            f"Dots: the attributions of {len(rows) + len(unproven)} rows over {label}. The numbers are in the table."
        )
    return Chart(alt.layer(*layers), words, tuple(data), Frame(_ROWS, width=_WIDTH))


def category_marks(marks: Sequence[CategoryMark], units: str, label: str, drawn: str) -> Chart:
    """A bar of the signed mean for each category, over a line that says how its attributions spread.

    Args:
        marks: from top to bottom.
        units: what an attribution is counted in, for the axis.
        label: what the feature is called.
        drawn: what the lines are, in words, for those who cannot see them.
    """
    import altair as alt

    data = [mark._asdict() for mark in marks]
    drawn_rows = [row | {"colour": effect_colour(mark.mean)} for row, mark in zip(data, marks, strict=True)]
    base = alt.Chart(alt.Data(values=drawn_rows))
    y = labels_axis(alt, drawn_rows)
    x = alt.X("mean:Q", title=f"attribution ({units})", axis=numbers_axis(alt), scale=alt.Scale(zero=True))
    bars = base.mark_bar(height=11).encode(
        y=y,
        x=x,
        color=alt.Color("colour:N", scale=None),
        tooltip=told(alt, {"label:N": label, "mean:Q": "signed mean", "low:Q": "from", "high:Q": "to"}),
    )
    spread = base.mark_rule(color=INK, strokeWidth=1.2).encode(y=y, x=alt.X("low:Q"), x2=alt.X2("high:Q"))
    words = (
        f"Bars of the signed mean attribution of {len(data)} categories of {label}, {drawn}; to the right they raise "
        "the output, to the left they lower it. The numbers are in the table."
    )
    return Chart(alt.layer(bars, zero_line(alt), spread), words, tuple(data), Frame(len(data), width=_WIDTH))
