"""The waterfall of one row: from the output at the baseline to the output for the row, a bar for each feature."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from ig_tasks.charts.axes import told, words_axis
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.presentation.colours import INK, LOWERS, RAISES

__all__ = ["AT_BASELINE", "FOR_ROW", "Mark", "Step", "waterfall"]

_WIDTH, _GAP, _PLAIN, _BOLD = 200, 10, 6.2, 6.6
"""Pixels: across the bars in the narrowest picture, from a bar to its figure, of one of its letters."""
_TITLE = 60
"""Letters in a line of the title."""
AT_BASELINE, FOR_ROW = "Output at the baseline", "Output for this row"


class Step(NamedTuple):
    """A bar: what moves the output, from where, to where, and the figure beside it."""

    words: str
    start: float
    end: float
    figure: str


class Mark(NamedTuple):
    """An end of the picture: an output, and how it is written."""

    at: float
    figure: str


def waterfall(
    steps: Sequence[Step], start: Mark, end: Mark, units: str, *, row: str, note: str = "", title: str = ""
) -> Chart:
    """The steps from `start` to `end`, with their figures beside the bars.

    Args:
        steps: the bars, from top to bottom; each starts where the one before it ends.
        start: the output at the baseline.
        end: the output for the row.
        units: what the outputs are counted in, for the axis; "" leaves it out.
        row: how the row is called in the text alternative.
        note: what else to say of the figures, after the units.
        title: what to say above the chart; "" leaves it out.
    """
    import altair as alt

    bars = [
        {
            "feature": step.words,
            "from": step.start,
            "to": step.end,
            "attribution": step.end - step.start,
            "effect": "lowers" if step.end < step.start else "raises",
            "beside": max(step.start, step.end),
            "figure": step.figure,
        }
        for step in steps
    ]
    ends = [
        {"feature": place, "from": mark.at, "figure": mark.figure}
        for place, mark in ((AT_BASELINE, start), (FOR_ROW, end))
    ]
    order = [AT_BASELINE, *dict.fromkeys(step.words for step in steps), FOR_ROW]
    y = alt.Y("feature:N", title=None, scale=alt.Scale(domain=order), axis=words_axis(alt, order, limit=200))
    axis_note = "; ".join(part for part in (units, note) if part)
    scale = alt.Scale(domain=_domain(steps, start, end), nice=False, zero=False)
    x = alt.X(
        "from:Q",
        title=f"model output ({axis_note})" if axis_note else "model output",
        axis=alt.Axis(tickCount=5, grid=True, labelFlush=False, labelOverlap="greedy", labelSeparation=6),
        scale=scale,
    )
    colour = alt.Color(
        "effect:N", legend=None, scale=alt.Scale(domain=["raises", "lowers"], range=[RAISES, LOWERS]), title=None
    )
    tooltip = told(alt, {"feature:N": "feature", "attribution:Q": "attribution"}, "+.4g")
    moved, stood = alt.Chart(), alt.Chart(alt.Data(values=ends))
    chart = alt.layer(
        moved.mark_bar(height=14).encode(y=y, x=x, x2=alt.X2("to:Q"), color=colour, tooltip=tooltip),
        moved.mark_text(align="left", dx=5, fontSize=11, color=INK).encode(
            y=y, x=alt.X("beside:Q"), text=alt.Text("figure:N")
        ),
        stood.mark_tick(color=INK, thickness=3, size=17).encode(y=y, x=alt.X("from:Q")),
        stood.mark_text(align="left", dx=6, fontSize=11, fontWeight="bold", color=INK).encode(
            y=y, x=alt.X("from:Q"), text=alt.Text("figure:N")
        ),
        data=alt.Data(values=bars),
    )
    if title:
        lines = textwrap.wrap(title, _TITLE)
        chart = chart.properties(title=alt.Title(lines, anchor="start", fontSize=11, fontWeight="normal", color=INK))
    words = (
        f"Waterfall chart: from the output at the baseline, {start.figure}, to the output for row {row}, "
        f"{end.figure}{f', in {units}' if units else ''}. The numbers are in the table."
    )
    table = [
        {"step": step.words, "from": step.start, "to": step.end, "attribution": step.end - step.start} for step in steps
    ]
    return Chart(chart, words, tuple(table), Frame(len(steps) + 2))


def _domain(steps: Sequence[Step], start: Mark, end: Mark) -> list[float]:
    """From the least to where every figure ends that stands to the right of its bar or mark."""
    reached = [start.at, end.at, *(place for step in steps for place in (step.start, step.end))]
    low, high = min(reached), max(reached)
    low -= 0.05 * ((high - low) or 1.0)
    high = max(high, low + 1e-300)
    figures = [(mark.at, mark.figure, _BOLD) for mark in (start, end)]
    figures += [(max(step.start, step.end), step.figure, _PLAIN) for step in steps]
    for at, figure, letter in figures:
        room = min(len(figure) * letter + _GAP, 0.7 * _WIDTH)
        high = max(high, low + (at - low) * _WIDTH / (_WIDTH - room))
    return [low, high]
