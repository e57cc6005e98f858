"""How many rows hold a value: bars over the intervals of a number, or a bar for each of its categories."""

from __future__ import annotations

from collections.abc import Sequence

from ig_tasks.charts.axes import labels_axis, numbers_axis, told
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.presentation.colours import MIDDLE, PAPER

__all__ = ["category_counts", "histogram"]

_ROWS, _WIDTH = 8, 380


def histogram(edges: Sequence[float], counts: Sequence[int], label: str) -> Chart:
    """A bar for each interval.

    Args:
        edges: from low to high, one more than there are counts; two that are the same are one value.
        counts: rows of each interval.
        label: what is counted, for the axis.
    """
    import altair as alt

    data = [
        {"low": low, "high": high, "rows": rows} for low, high, rows in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    x = alt.X("low:Q", title=label, axis=numbers_axis(alt), scale=alt.Scale(zero=False, nice=False, padding=4))
    y = alt.Y("rows:Q", title="rows", axis=alt.Axis(tickCount=5, grid=True), scale=alt.Scale(zero=True))
    base = alt.Chart(alt.Data(values=data))
    tooltip = told(alt, {"low:Q": "from", "high:Q": "to", "rows:Q": "rows"})
    if len(data) == 1 and data[0]["low"] == data[0]["high"]:
        bars = base.mark_bar(color=MIDDLE, width=24).encode(x=x, y=y, tooltip=tooltip)
    else:
        bars = base.mark_rect(color=MIDDLE, stroke=PAPER, strokeWidth=0.5).encode(
            x=x, x2=alt.X2("high:Q"), y=y, y2=alt.Y2Datum(0), tooltip=tooltip
        )
    words = f"Histogram: rows in {len(data)} intervals of {label}. The numbers are in the table."
    return Chart(alt.layer(bars), words, tuple(data), Frame(_ROWS, width=_WIDTH))


def category_counts(levels: Sequence[tuple[str, int]], label: str) -> Chart:
    """A bar for each category: its label, and how many rows hold it; from top to bottom."""
    import altair as alt

    data = [{"label": name, "rows": rows} for name, rows in levels]
    x = alt.X("rows:Q", title="rows", axis=numbers_axis(alt), scale=alt.Scale(zero=True))
    bars = (
        alt.Chart(alt.Data(values=data))
        .mark_bar(color=MIDDLE, height=11)
        .encode(y=labels_axis(alt, data), x=x, tooltip=told(alt, {"label:N": label, "rows:Q": "rows"}))
    )
    words = f"Bars: rows that hold each of {len(data)} categories of {label}. The numbers are in the table."
    return Chart(alt.layer(bars), words, tuple(data), Frame(len(data), width=_WIDTH))
