"""Predicted and observed: how far a model's predictions are from what came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ig_tasks.charts.axes import numbers_axis, told
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.presentation.colours import ACCENT, FAINT

__all__ = ["Tenth", "calibration_points"]

_WIDTH, _ROWS = 320, 11


class Tenth(NamedTuple):
    """A part of the rows by prediction: the mean prediction, the mean outcome, and how many rows there are."""

    predicted: float
    observed: float
    rows: int


def calibration_points(tenths: Sequence[Tenth], units: str) -> Chart:
    """A point for each part of the rows, beside the line on which predicted and observed are the same.

    Args:
        tenths: from the least prediction to the greatest.
        units: what is predicted, for the axes.
    """
    import altair as alt

    data = [tenth._asdict() for tenth in tenths]
    ends = [tenth.predicted for tenth in tenths] + [tenth.observed for tenth in tenths]
    low, high = min(0.0, *ends), max(ends)
    domain = [low, high + 0.04 * ((high - low) or 1.0)]
    scale = alt.Scale(domain=domain, nice=False)
    x = alt.X("predicted:Q", title=f"predicted ({units})", axis=numbers_axis(alt), scale=scale)
    y = alt.Y("observed:Q", title="observed", axis=alt.Axis(tickCount=5, grid=True), scale=scale)
    same = (
        alt.Chart(alt.Data(values=[{"predicted": at, "observed": at} for at in domain]))
        .mark_line(color=FAINT, strokeDash=[4, 3], strokeWidth=1)
        .encode(x=x, y=y)
    )
    base = alt.Chart(alt.Data(values=data))
    tooltip = told(alt, {"predicted:Q": "predicted", "observed:Q": "observed", "rows:Q": "rows"})
    points = base.mark_point(color=ACCENT, filled=True, size=55, opacity=1).encode(x=x, y=y, tooltip=tooltip)
    line = base.mark_line(color=ACCENT, strokeWidth=1.5).encode(x=x, y=y)
    words = (
        f"Points: predicted against observed in {len(data)} parts of the rows; on the dashed line both are the same. "
        "The numbers are in the table."
    )
    return Chart(alt.layer(same, line, points), words, tuple(data), Frame(_ROWS, width=_WIDTH))
