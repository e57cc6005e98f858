"""Bars of importance by cohort: how much each feature matters to rows of one kind and of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ig_tasks.charts.axes import WORDS, fitted
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.charts.written import Written, field, tooltips
from ig_tasks.presentation.colours import FAINT, INK, LINES

__all__ = ["MOST", "CohortBar", "cohort_bars"]

MOST = len(LINES)
"""Cohorts that can be told apart."""
_WIDTH, _BAR, _BETWEEN = 460, 12, 10


class CohortBar(NamedTuple):
    """One feature in one cohort: labels, the mean |attribution| with its 95 % interval, the signed mean."""

    label: str
    cohort: str
    abs_mean: float
    mean: float
    low: float | None
    high: float | None


def cohort_bars(bars: Sequence[CohortBar], labels: Sequence[str], cohorts: Sequence[str], units: str) -> Chart:
    """A bar for each feature and cohort, with its 95 % interval.

    Args:
        bars: in any order.
        labels: of the features, from top to bottom.
        cohorts: at most MOST, from top to bottom within a feature.
        units: what an attribution is counted in.
    """
    short = fitted({label: label for label in labels})
    data: list[dict[str, Any]] = [bar._asdict() for bar in bars]
    drawn = [{**row, "label": short[row["label"]]} for row in data]
    domain = [short[label] for label in labels]
    y = field("label:N", title=None, scale={"type": "band", "domain": domain, "paddingInner": 0.28}, axis=dict(WORDS))
    aside = field("cohort:N", scale={"domain": list(cohorts), "paddingInner": 0.12}, title=None)
    title = f"mean |attribution| ({units})" if units else "mean |attribution|"
    axis = {"tickCount": 5, "grid": True, "labelFlush": False}
    x = field("abs_mean:Q", title=title, axis=axis, scale={"zero": True})
    legend = {"title": None, "orient": "bottom", "direction": "vertical", "labelLimit": _WIDTH - 60, "labelColor": INK,
              "symbolType": "square", "columns": 1}  # fmt: skip
    colour = field("cohort:N", scale={"domain": list(cohorts), "range": list(LINES[: len(cohorts)])}, legend=legend)
    told = tooltips({"cohort:N": "rows", "label:N": "feature", "abs_mean:Q": "mean |attribution|",
                     "mean:Q": "signed mean", "low:Q": "95 % interval from", "high:Q": "to"})  # fmt: skip
    places = {"y": y, "yOffset": aside}
    shown = {"name": "bars"}
    layers: list[dict[str, Any]] = [
        {"data": shown, "mark": {"type": "bar"}, "encoding": {**places, "x": x, "color": colour, "tooltip": told}},
        {
            "data": shown,
            "transform": [{"filter": "datum.low !== null"}],
            "mark": {"type": "rule", "color": FAINT, "strokeWidth": 1.6},
            "encoding": {**places, "x": field("low:Q", scale={"zero": True}), "x2": {"field": "high"}},
        },
    ]
    words = (
        f"Bars: mean absolute attribution of {len(labels)} features in {len(cohorts)} groups of rows, with 95 % "
        "confidence intervals. The numbers are in the table."
    )
    tall = len(labels) * (len(cohorts) * _BAR + _BETWEEN) + 52 + 18 * len(cohorts)
    return Chart(Written(layers, {"bars": drawn}, {}), words, tuple(data), Frame(1, width=_WIDTH, tall=tall))
