"""The way from the baseline to a row: the output and its slope, and where the most of the change comes about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.charts.waterfall import Mark
from ig_tasks.charts.written import Written, field, tooltips
from ig_tasks.presentation.colours import ACCENT, FAINT, INK, LINES, MIDDLE
from ig_tasks.presentation.percentages import percent

__all__ = ["PathPoint", "path_lines"]

_WIDTH, _TALL = 460, 250


class PathPoint(NamedTuple):
    """A place on the path, 0 at the baseline and 1 at the row: the output there, and its slope along the path."""

    alpha: float
    output: float
    slope: float


def path_lines(
    points: Sequence[PathPoint],
    start: Mark,
    end: Mark,
    units: str,
    *,
    row: str,
    within: tuple[float, float],
    share: float,
) -> Chart:
    """The output as a line, and its slope as a dashed one on an axis of its own.

    Args:
        points: from the baseline to the row.
        start: the output at the baseline.
        end: the output for the row.
        units: what the output is counted in.
        row: how the row is called in the text alternative.
        within: the places between which the output changes by `share` of all its change, shaded.
        share: of the change.
    """
    data = [point._asdict() for point in points]
    counted = f" ({units})" if units else ""
    scale = {"domain": [0, 1], "nice": False}
    x = field("alpha:Q", title="alpha: 0 is the baseline, 1 the row", scale=scale, axis={"tickCount": 5, "grid": False})
    left = {"tickCount": 5, "grid": True, "titleColor": ACCENT}
    right = {"tickCount": 5, "grid": False, "orient": "right", "titleColor": LINES[1]}
    output = field("output:Q", title=f"model output{counted}", axis=left, scale={"zero": False, "padding": 14})
    slope = field("slope:Q", title="slope of the output", axis=right, scale={"zero": True, "padding": 14})
    told = tooltips({"alpha:Q": "alpha", "output:Q": "output", "slope:Q": "slope"})
    ends = [
        {"alpha": 0, "output": start.at, "text": f"baseline {start.figure}", "align": "left"},
        {"alpha": 1, "output": end.at, "text": f"output {end.figure}", "align": "right"},
    ]
    rises = end.at >= start.at
    of_output: list[dict[str, object]] = [
        {
            "data": {"values": [{"from": within[0], "to": within[1]}]},
            "mark": {"type": "rect", "color": MIDDLE, "opacity": 0.16},
            "encoding": {"x": field("from:Q", title=x["title"], scale=scale, axis=x["axis"]), "x2": {"field": "to"}},
        },
        {
            "data": {"name": "points"},
            "mark": {"type": "line", "color": ACCENT, "strokeWidth": 2.2},
            "encoding": {"x": x, "y": output},
        },
        {
            "data": {"name": "ends"},
            "mark": {"type": "point", "filled": True, "size": 60, "color": INK, "opacity": 1},
            "encoding": {"x": x, "y": output},
        },
    ]
    for place, align in ((0, "left"), (1, "right")):
        above = (place == 1) == rises
        mark = {"type": "text", "align": align, "dx": 8 if place == 0 else -8, "dy": -12 if above else 14,
                "fontSize": 11, "fontWeight": "bold", "color": INK}  # fmt: skip
        of_output.append(
            {
                "data": {"name": "ends"},
                "transform": [{"filter": {"field": "align", "equal": align}}],
                "mark": mark,
                "encoding": {"x": x, "y": output, "text": field("text:N")},
            }
        )
    of_slope = [
        {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "color": FAINT, "strokeWidth": 0.8, "strokeDash": [2, 3]},
            "encoding": {"y": field("zero:Q", title=slope["title"], axis=right, scale=slope["scale"])},
        },
        {
            "data": {"name": "points"},
            "mark": {"type": "line", "color": LINES[1], "strokeWidth": 1.8, "strokeDash": [5, 3]},
            "encoding": {"x": x, "y": slope, "tooltip": told},
        },
    ]
    words = (
        f"Lines: the output for row {row} on the path from the baseline, {start.figure}, to the row, {end.figure}"
        f"{f', in {units}' if units else ''}, and its slope. {percent(share)} of the change comes between alpha "
        f"{within[0]:.2f} and {within[1]:.2f}. The numbers are in the table."
    )
    return Chart(
        _TwoAxes([{"layer": of_output}, {"layer": of_slope}], {"points": data, "ends": ends}, {}),
        words,
        tuple(data),
        Frame(1, width=_WIDTH, tall=_TALL),
    )


class _TwoAxes(Written):
    """Layers of which each has a vertical axis of its own."""

    def to_dict(self, validate: bool = True) -> dict[str, object]:
        return {**super().to_dict(validate), "resolve": {"scale": {"y": "independent"}}}
