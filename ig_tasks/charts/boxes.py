"""Quantile boxes: how each feature's attributions are spread over the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ig_tasks.charts.axes import labels_axis, numbers_axis, told, zero_line
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.presentation.colours import ACCENT, INK, MIDDLE
from ig_tasks.presentation.percentages import percent

__all__ = ["QUANTILES", "Box", "quantile_boxes"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Ends of the line, of the bar, and the mark between them, from low to high."""


class Box(NamedTuple):
    """A feature's label, and its attributions at QUANTILES."""

    label: str
    low: float
    inner_low: float
    median: float
    inner_high: float
    high: float


def quantile_boxes(boxes: Sequence[Box], units: str, noun: str = "features") -> Chart:
    """A box for each feature: a line from the 5 % to the 95 % quantile, a bar over the middle half, a median mark."""
    import altair as alt

    data = [box._asdict() for box in boxes]
    y = labels_axis(alt, data)
    base = alt.Chart(alt.Data(values=data))
    outer = base.mark_rule(color=ACCENT, strokeWidth=1.5).encode(
        y=y, x=alt.X("low:Q", title=f"attribution ({units})", axis=numbers_axis(alt)), x2=alt.X2("high:Q")
    )
    ends = {f"{name}:Q": f"{percent(q)} quantile" for name, q in zip(Box._fields[1:], QUANTILES, strict=True)}
    inner_bar = base.mark_bar(color=MIDDLE, height=12).encode(
        y=y, x=alt.X("inner_low:Q"), x2=alt.X2("inner_high:Q"), tooltip=told(alt, {"label:N": "feature", **ends})
    )
    median = base.mark_tick(color=INK, thickness=2, size=17).encode(y=y, x=alt.X("median:Q"))
    words = f"Quantile boxes of the attributions of {len(data)} {noun}. The numbers are in the table."
    return Chart(alt.layer(zero_line(alt), outer, inner_bar, median), words, tuple(data), Frame(len(data)))
