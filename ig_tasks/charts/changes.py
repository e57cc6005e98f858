"""Changes of importance between two reports: a mark and its interval for each feature, beside what counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ig_tasks.charts.axes import labels_axis, numbers_axis, told, zero_line
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.presentation.colours import ACCENT, FAINT, GRID, MIDDLE, PAGE
from ig_tasks.presentation.percentages import percent

__all__ = ["FARTHEST", "Change", "Move", "change_marks", "moved_bars"]


class Move(NamedTuple):
    """A feature's label, and the Jensen-Shannon divergence of its values before and after; None where not known."""

    label: str
    bits: float | None


class Change(NamedTuple):
    """A feature's label, its change and the ends of its interval (of what was before), and its state."""

    label: str
    change: float
    low: float | None
    high: float | None
    state: str
    """`alarm`, or a state of drift."""


_COLOURS = {"alarm": PAGE["bad"], "changed": ACCENT, "cancelled": ACCENT}
FARTHEST = 3.0
"""One change far beyond the others would leave nothing to be seen of them."""


def change_marks(changes: Sequence[Change], practical: float) -> Chart:
    """A mark and a 95 % interval for each change, over a band of changes too small to count.

    Args:
        changes: from top to bottom; what exceeds -100 % or +300 % is cut off.
        practical: the least relative change that counts.
    """
    import altair as alt

    data = [change._asdict() for change in changes]
    drawn = [
        {
            **row,
            "at": _clipped(row["change"]),
            "low": _clipped(row["change"] if row["low"] is None else row["low"]),
            "high": _clipped(row["change"] if row["high"] is None else row["high"]),
            "colour": _COLOURS.get(row["state"], FAINT),
        }
        for row in data
    ]
    y = labels_axis(alt, drawn)
    base = alt.Chart(alt.Data(values=drawn))
    signed = "datum.value == 0 ? '0%' : format(datum.value, '+.0%')"
    axis = alt.Axis(labelExpr=signed, tickCount=5, labelFlush=False, labelOverlap="greedy")
    band = (
        alt.Chart(alt.Data(values=[{"from": -practical, "to": practical}]))
        .mark_rect(color=GRID, opacity=0.7)
        .encode(
            x=alt.X("from:Q", title="change of importance", axis=axis, scale=alt.Scale(padding=10)), x2=alt.X2("to:Q")
        )
    )
    colour = alt.Color("colour:N", scale=None)
    rule = base.mark_rule(strokeWidth=2).encode(y=y, x=alt.X("low:Q"), x2=alt.X2("high:Q"), color=colour)
    tooltip = told(alt, {"label:N": "feature", "change:Q": "change of importance", "state:N": "state"}, "+.1%")
    mark = base.mark_point(filled=True, size=70, opacity=1).encode(y=y, x=alt.X("at:Q"), color=colour, tooltip=tooltip)
    alarms = sum(change.state == "alarm" for change in changes)
    words = (
        f"Marks with 95 % intervals: change of importance of {len(data)} features, as a share of what it was before, "
        f"{alarms} of them with an alarm; changes within {percent(practical)} do not count. The numbers are "
        "in the table."
    )
    return Chart(alt.layer(band, zero_line(alt), rule, mark), words, tuple(data), Frame(len(data)))


def _clipped(change: float) -> float:
    """A change, or the end of its interval, where the chart ends; importance does not fall below nothing."""
    return min(max(change, -1.0), FARTHEST)


def moved_bars(moves: Sequence[Move]) -> Chart:
    """A bar for how far each feature's own values moved: 0 is the same distribution, 1 bit nothing in common.

    Args:
        moves: from top to bottom, in the order of the changes beside them.
    """
    import altair as alt

    data = [move._asdict() for move in moves]
    base = alt.Chart(alt.Data(values=data))
    x = alt.X(
        "bits:Q", title="how far its values moved (bits)", axis=numbers_axis(alt), scale=alt.Scale(zero=True, nice=True)
    )
    tooltip = told(alt, {"label:N": "feature", "bits:Q": "its values moved by (bits)"}, ".3f")
    bars = base.mark_bar(color=MIDDLE, height=11).encode(y=labels_axis(alt, data), x=x, tooltip=tooltip)
    words = (
        f"Bars: the Jensen-Shannon divergence between the values before and after, of {len(data)} features, from 0 "
        "(the same) to 1 bit. The numbers are in the table."
    )
    return Chart(alt.layer(bars), words, tuple(data), Frame(len(data)))
