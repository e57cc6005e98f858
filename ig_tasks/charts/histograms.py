"""How many rows hold a value: bars over the intervals of a number, or a bar for each of its categories."""

from __future__ import annotations

from collections.abc import Sequence

from ig_tasks.charts.axes import labels_axis, numbers_axis, told
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.presentation.colours import ACCENT, FAINT, MIDDLE, PAPER

__all__ = ["category_counts", "histogram", "shares_before_and_after"]

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


def shares_before_and_after(
    edges: Sequence[float], before: Sequence[float], after: Sequence[float], label: str
) -> Chart:
    """Grey bars for the shares of rows before, and an outline for those after.

    Args:
        edges: of the intervals, from low to high, one more than there are shares.
        label: what is counted, for the axis.
    """
    import altair as alt

    rows = list(zip(edges[:-1], edges[1:], before, after, strict=True))
    data = [{"low": low, "high": high, "before": first, "after": second} for low, high, first, second in rows]
    # The outline begins and ends on the axis.
    steps = [{"at": edges[0], "after": 0.0}, *({"at": low, "after": second} for low, _, _, second in rows)]
    steps += [{"at": edges[-1], "after": rows[-1][3]}, {"at": edges[-1], "after": 0.0}]
    steps = [{**step, "order": place} for place, step in enumerate(steps)]
    x = alt.X("low:Q", title=label, axis=numbers_axis(alt), scale=alt.Scale(zero=False, nice=False, padding=4))
    shares = alt.Axis(tickCount=4, grid=True, format=".2~%")
    y = alt.Y("before:Q", title="share of rows", axis=shares, scale=alt.Scale(zero=True))
    columns = {"low:Q": "from", "high:Q": "to", "before:Q": "before", "after:Q": "after"}
    bars = (
        alt.Chart(alt.Data(values=data))
        .mark_rect(color=FAINT, opacity=0.45, stroke=PAPER, strokeWidth=0.5)
        .encode(x=x, x2=alt.X2("high:Q"), y=y, y2=alt.Y2Datum(0), tooltip=told(alt, columns))
    )
    outline = (
        alt.Chart(alt.Data(values=steps))
        .mark_line(color=ACCENT, strokeWidth=2, interpolate="step-after")
        .encode(x=alt.X("at:Q"), y=alt.Y("after:Q"), order=alt.Order("order:Q"))
    )
    words = f"Histogram: shares of rows in {len(data)} intervals of {label}, grey bars before and an outline after."
    return Chart(alt.layer(bars, outline), words, tuple(data), Frame(_ROWS, width=_WIDTH))
