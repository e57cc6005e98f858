"""The decision chart: how rows come from the output at the baseline to their own, feature by feature, as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ig_tasks.charts.axes import WORDS, fitted
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.charts.typeface import estimate
from ig_tasks.charts.written import Written, field, tooltips
from ig_tasks.presentation.colours import FAINT, INK, effect_colour

__all__ = ["FROM", "Line", "decisions"]

FROM = "Baseline"
_WIDTH, _FEW = 460, 12
"""Pixels across, and lines up to which each can be followed."""


class Line(NamedTuple):
    """A row: its name, the output at its baseline, its attributions in the labels' order, whether it converged.

    `beside` are figures for each label, drawn where there is one line only.
    """

    row: str
    start: float
    parts: Sequence[float]
    proven: bool
    beside: Sequence[str] = ()


def decisions(lines: Sequence[Line], labels: Sequence[str], units: str) -> Chart:
    """A line for each row, from the bottom up: the least important feature first, the output on top.

    Args:
        lines: the rows; those that did not converge are dashed.
        labels: the features, the most important first, on top.
        units: what the output is counted in.
    """
    short = list(fitted({label: label for label in labels}).values())
    order = [*short, FROM]
    points: list[dict[str, Any]] = []
    table = []
    for place, line in enumerate(lines):
        level = line.start
        colour = effect_colour(sum(line.parts))
        own = {"line": place, "row": line.row, "colour": colour, "dash": [] if line.proven else [4, 3]}
        steps = [{**own, "label": FROM, "at": level, "place": 0, "part": 0.0, "figure": ""}]
        for upwards in range(len(labels)):
            k = len(labels) - 1 - upwards
            level += float(line.parts[k])
            figure = line.beside[k] if line.beside and len(lines) == 1 else ""
            part = float(line.parts[k])
            steps.append({**own, "label": short[k], "at": level, "place": upwards + 1, "part": part, "figure": figure})
        points += steps
        parts = dict(zip(labels, map(float, line.parts), strict=True))
        table.append({"row": line.row, "from": line.start, "to": level, **parts})
    starts = [line.start for line in lines]
    low, high = min([point["at"] for point in points]), max([point["at"] for point in points])
    room = ((high - low) or 1.0) * 0.06
    scale = {"domain": [low - room, high + room], "nice": False, "zero": False}
    axis = {"tickCount": 5, "grid": True, "labelFlush": False}
    x = field("at:Q", title=f"model output ({units})" if units else "model output", scale=scale, axis=axis)
    y = field("label:N", title=None, scale={"type": "point", "domain": order, "padding": 0.4}, axis=dict(WORDS))
    few = len(lines) <= _FEW
    shown = {"name": "points"}
    layers = [
        {
            "data": {"values": [{"at": sum(starts) / len(starts)}]},
            "mark": {"type": "rule", "color": FAINT, "strokeDash": [2, 3]},
            "encoding": {"x": x},
        },
        {
            "data": shown,
            "mark": {"type": "line", "strokeWidth": 2 if few else 1.2, "opacity": 0.9 if few else 0.45},
            "encoding": {
                "x": x, "y": y, "detail": field("line:N"), "order": field("place:Q"),
                "color": field("colour:N", scale=None), "strokeDash": field("dash:N", scale=None),
            },
        },
    ]  # fmt: skip
    if few:
        said = tooltips({"row:N": "row", "label:N": "feature", "part:Q": "attribution", "at:Q": "output"}, "+.4g")
        layers.append(
            {
                "data": shown,
                "mark": {"type": "point", "filled": True, "size": 26, "opacity": 1},
                "encoding": {"x": x, "y": y, "color": field("colour:N", scale=None), "tooltip": said},
            }
        )
    if len(lines) == 1:
        layers.append(
            {
                "data": shown,
                "mark": {"type": "text", "align": "left", "dx": 8, "fontSize": 11, "color": INK},
                "encoding": {"x": {"value": "width"}, "y": y, "text": field("figure:N")},
            }
        )
    many = f"{len(lines)} rows" if len(lines) > 1 else f"row {lines[0].row}"
    words = (
        f"Decision chart: how the output of {many} comes about over {len(labels)} features, from the baseline at the "
        "bottom to the output on top; orange ends above its baseline, blue below. The numbers are in the table."
    )
    drawn = Written(layers, {"points": points}, {})
    beside = max((estimate(point["figure"], 11) for point in points), default=0.0)
    return Chart(drawn, words, tuple(table), Frame(len(order), width=_WIDTH, beyond=beside + 8 if beside else 0))
