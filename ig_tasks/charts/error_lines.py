"""How the error of a row's attributions falls as gradients are spent, and where this explanation stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.charts.written import Written, field, tooltips
from ig_tasks.presentation.colours import FAINT, INK, LINES

__all__ = ["LEAST", "Spent", "error_lines"]

_WIDTH, _TALL = 460, 285
LEAST = 1e-9
"""Errors below are rounding, and drawn here: a logarithm has no zero."""
_DASHES: tuple[list[int], ...] = ([], [6, 3], [2, 2])


class Spent(NamedTuple):
    """A rule, the gradients that it took, the relative L1 error of its attributions, and its completeness delta."""

    rule: str
    evaluations: int
    error: float
    delta: float


def error_lines(points: Sequence[Spent], own: Spent, tolerance: float, *, row: str) -> Chart:
    """A line for each rule of fixed steps, on logarithmic axes, and a mark for the explanation itself.

    Args:
        points: of fixed rules, in the order of their evaluations.
        own: what the explanation spent, with its own estimate as the error.
        tolerance: relative, which rows were to reach.
        row: how the row is called in the text alternative.
    """
    rules = list(dict.fromkeys(point.rule for point in points))
    data: list[dict[str, Any]] = [{**point._asdict(), "error": max(point.error, LEAST)} for point in points]
    known = own.error == own.error
    mine = [
        {
            **own._asdict(),
            "error": max(own.error if known else own.delta, LEAST),
            "text": f"this explanation: {own.rule}{', exact' if own.error == 0 else ''}",
        }
    ]
    errors = [item["error"] for item in (*data, *mine)] + [tolerance]
    most = max(item["evaluations"] for item in (*data, *mine))
    scale_x = {"type": "log", "domain": [1, most * 1.05], "nice": False}
    scale_y = {"type": "log", "domain": [min(errors) / 1.6, max(errors) * 1.6], "nice": False}
    across = {"grid": False, "tickCount": 6, "format": "~d"}
    x = field("evaluations:Q", title="gradient evaluations", scale=scale_x, axis=across)
    down = {"grid": True, "tickCount": 6, "format": "~e", "labelOverlap": "greedy"}
    y = field("error:Q", title="relative error of the attributions", scale=scale_y, axis=down)
    told = tooltips({"rule:N": "rule", "evaluations:Q": "evaluations", "error:Q": "error", "delta:Q": "delta"}, ".3g")
    limit = [{"error": tolerance, "text": f"tolerance {tolerance:g}"}]
    legend = {"title": None, "orient": "bottom", "direction": "horizontal", "labelColor": INK, "symbolType": "stroke"}
    looks = (
        {"range": list(LINES[: len(rules)]), "domain": rules},
        {"range": list(_DASHES[: len(rules)]), "domain": rules},
    )
    colour = field("rule:N", scale=looks[0], legend=legend)
    dash = field("rule:N", scale=looks[1], legend=legend)
    where_own = mine[0]["evaluations"] > most**0.5
    layers = [
        {
            "data": {"values": limit},
            "mark": {"type": "rule", "color": FAINT, "strokeDash": [4, 3]},
            "encoding": {"y": y},
        },
        {
            "data": {"values": limit},
            "mark": {"type": "text", "align": "right", "dx": -4, "dy": -7, "fontSize": 11, "color": FAINT},
            "encoding": {"x": {"value": "width"}, "y": y, "text": field("text:N")},
        },
        {
            "data": {"name": "points"},
            "mark": {"type": "line", "strokeWidth": 2},
            "encoding": {
                "x": x, "y": y, "detail": field("rule:N"), "color": colour, "strokeDash": dash
            },
        },
        {
            "data": {"name": "points"},
            "mark": {"type": "point", "filled": True, "size": 28, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": colour, "tooltip": told},
        },
        {
            "data": {"name": "own"},
            "mark": {"type": "point", "shape": "diamond", "filled": True, "size": 150, "color": INK, "opacity": 1},
            "encoding": {"x": x, "y": y, "tooltip": told},
        },
        {
            "data": {"name": "own"},
            "mark": {
                "type": "text", "align": "right" if where_own else "left", "dx": -10 if where_own else 10, "dy": -10,
                "fontSize": 11, "fontWeight": "bold", "color": INK,
            },
            "encoding": {"x": x, "y": y, "text": field("text:N")},
        },
    ]  # fmt: skip
    measured = "its own estimate" if known else "its completeness delta, as its rule has no estimate"
    words = (
        f"Lines: the relative error of the attributions of row {row} by {' and by '.join(rules)}, over gradient "
        f"evaluations. The explanation itself, by {own.rule}, took {own.evaluations}, with {measured} at "
        f"{own.error if known else own.delta:.2g}; the tolerance is {tolerance:g}. The numbers are in the table."
    )
    table = (
        {
            "rule": f"this explanation: {own.rule}",
            **{key: value for key, value in own._asdict().items() if key != "rule"},
        },
        *(point._asdict() for point in points),
    )
    datasets = {"points": data, "own": mine}
    return Chart(Written(layers, datasets, {}), words, table, Frame(1, width=_WIDTH, tall=_TALL))
