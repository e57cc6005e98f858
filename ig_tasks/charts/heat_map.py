"""A heat map of importance: parts of the data down, features across, the number in each cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ig_tasks.charts.axes import LABEL, LETTERS, WORDS, told, words_axis
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.charts.typeface import estimate
from ig_tasks.presentation.colours import INK, MIDDLE, PALE, PAPER
from ig_tasks.presentation.visible import visible

__all__ = ["Cell", "heat_map"]

_COLUMN, _SLANT = 58, 35
"""Pixels from one column of a heat map to the next, and degrees by which their names rise."""


class Cell(NamedTuple):
    """One cell: which level of the segment column, which feature, its mean absolute attribution, and its text."""

    level: str
    feature: str
    abs_mean: float | None
    text: str


def heat_map(cells: Sequence[Cell], levels: Sequence[str], features: Sequence[str]) -> Chart:
    """A heat map of the mean absolute attribution.

    Each feature has a scale of its own, from 0 to its greatest cell: a heat map compares levels, and beside a feature
    that is ten times as important the others' differences would all be pale. The numbers compare features.

    Args:
        cells: the cells in any order; those that are absent stay empty.
        levels: the labels of the rows, from top to bottom.
        features: the labels of the columns, from left to right.
    """
    import altair as alt

    greatest: dict[str, float] = {}
    for cell in cells:
        greatest[cell.feature] = max(greatest.get(cell.feature, 0.0), cell.abs_mean or 0.0)
    data = [
        {
            "label": cell.level,
            "feature": cell.feature,
            "shade": (cell.abs_mean or 0.0) / (greatest[cell.feature] or 1.0),
            "text": cell.text,
        }
        for cell in cells
    ]
    y = alt.Y("label:N", title=None, scale=alt.Scale(domain=list(levels)), axis=words_axis(alt, levels))
    across = alt.Axis(labelAngle=-_SLANT, orient="top", labelAlign="left", labelBaseline="bottom", **WORDS)
    x = alt.X("feature:N", title=None, scale=alt.Scale(domain=list(features)), axis=across)
    base = alt.Chart(alt.Data(values=data)).encode(y=y, x=x)
    shaded = base.mark_rect(stroke=PAPER, strokeWidth=1.5).encode(
        color=alt.Color("shade:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[PALE, MIDDLE])),
        tooltip=told(alt, {"label:N": "segment", "feature:N": "feature", "text:N": "mean |attribution|"}),
    )
    text = base.mark_text(fontSize=11, color=INK).encode(text=alt.Text("text:N"))
    words = (
        f"Heat map: mean absolute attribution of {len(features)} features in {len(levels)} segments, each feature on "
        "a scale of its own. "
        "The numbers are in the table."
    )
    table = tuple({"level": cell.level, "feature": cell.feature, "abs_mean": cell.abs_mean} for cell in cells)
    frame = Frame(len(levels), width=150 + 62 * max(len(features), 2), above=90, beyond=_overhang(features))
    return Chart(alt.layer(shaded, text), words, table, frame)


def _overhang(names: Sequence[str]) -> float:
    """Pixels by which slanted names of columns reach beyond the last one, which the chart library leaves out."""
    slope = math.cos(math.radians(_SLANT))
    ends = [
        slope * min(estimate(visible(name), LETTERS), LABEL) - (place + 0.5) * _COLUMN
        for place, name in enumerate(reversed(names))
    ]
    return max(0.0, *ends)
