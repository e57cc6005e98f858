"""The forces on one row's output: what pushes it up from the left, and what pushes it down from the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.charts.waterfall import Mark
from ig_tasks.charts.written import Written, field, tooltips
from ig_tasks.presentation.colours import FAINT, INK, LOWERS, PAPER, RAISES

__all__ = ["Push", "force"]

_WIDTH, _LINE, _BAR, _NUMBERED = 560, 17, 24, 13
"""Pixels across, of a line of words, of the bar, and of the narrowest part that has room for its number."""
_ENDS = 40
"""Pixels above the bar, for both outputs."""


class Push(NamedTuple):
    """What moves the output: in words, by how much, and the figure beside it."""

    words: str
    size: float
    figure: str


def force(pushes: Sequence[Push], start: Mark, end: Mark, units: str, *, row: str) -> Chart:
    """One bar from the least to the greatest that the parts alone would reach; the output stands where both sides meet.

    Args:
        pushes: the parts, the greatest of each side first; those of size 0 are left out.
        start: the output at the baseline.
        end: the output for the row.
        units: what the outputs are counted in, for the axis; "" leaves it out.
        row: how the row is called in the text alternative.
    """
    parts = [*_laid(pushes, end.at, 1.0), *_laid(pushes, end.at, -1.0)]
    ends = [start.at, end.at, *(part[edge] for part in parts for edge in ("from", "to"))]
    low, high = min(ends), max(ends)
    room = 0.04 * ((high - low) or 1.0)
    low, high = low - room, high + room
    middle = _ENDS + _BAR / 2
    for part in parts:
        wide = abs(part["to"] - part["from"]) / (high - low) * _WIDTH
        part |= {
            "middle": (part["from"] + part["to"]) / 2,
            "shown": str(part["number"]) if wide >= _NUMBERED else "",
            "y": middle,
        }
    lines = max([sum(part["effect"] == effect for part in parts) for effect in ("raises", "lowers")] or [0])
    first = _ENDS + _BAR + 48
    tall = first + _LINE * (lines + 1)
    words = [*_listed(parts, "raises", low, first), *_listed(parts, "lowers", high, first)]
    places = [
        {"at": start.at, "text": f"Baseline {start.figure}", "line": 6},
        {"at": end.at, "text": f"Output {end.figure}", "line": 24},
    ]
    for place in places:
        share = (place["at"] - low) / (high - low)
        place |= {"align": "left" if share < 0.25 else "right" if share > 0.75 else "center"}
    table = [
        {"step": part["words"], "attribution": part["size"], "effect": part["effect"]}
        for part in sorted(parts, key=lambda part: -abs(part["size"]))
    ]
    said = (
        f"Force chart: the output for row {row}, {end.figure}{f', in {units}' if units else ''}, from "
        f"{start.figure} at the baseline; {sum(part['effect'] == 'raises' for part in parts)} parts raise it, "
        f"{sum(part['effect'] == 'lowers' for part in parts)} lower it. The numbers are in the table."
    )
    return Chart(
        Written(
            _layers((low, high), tall, units),
            {"parts": parts, "words": words, "places": places},
            {},
        ),
        said,
        tuple(table),
        Frame(1, width=_WIDTH, tall=tall + 8),
    )


def _laid(pushes: Sequence[Push], output: float, sign: float) -> list[dict[str, Any]]:
    """The parts of one side, side by side, away from the output: those that raise it to its left."""
    at, laid = output, []
    effect, colour = ("raises", RAISES) if sign > 0 else ("lowers", LOWERS)
    mine = sorted((push for push in pushes if push.size * sign > 0), key=lambda push: -abs(push.size))
    for number, push in enumerate(mine, 1):
        to = at - push.size
        laid.append(
            {
                "words": push.words, "size": push.size, "figure": push.figure, "from": at, "to": to,
                "effect": effect, "colour": colour, "number": number,
            }
        )  # fmt: skip
        at = to
    return laid


def _listed(parts: Sequence[dict[str, Any]], effect: str, at: float, first: float) -> list[dict[str, Any]]:
    mine = [part for part in parts if part["effect"] == effect]
    colour = RAISES if effect == "raises" else LOWERS
    head = {"raises": "raise the output →", "lowers": "← lower the output"}[effect]
    lines = [head if mine else f"nothing {effect} it"]
    lines += [f"{part['number']}: {part['figure']}  {part['words']}" for part in mine]
    return [
        {"at": at, "line": first + _LINE * place, "text": text, "colour": colour if not place else INK, "side": effect}
        for place, text in enumerate(lines)
    ]


def _layers(domain: tuple[float, float], tall: int, units: str) -> list[dict[str, Any]]:
    title = f"model output ({units})" if units else "model output"
    across = {"domain": list(domain), "nice": False, "zero": False}
    axis = {"tickCount": 5, "labelFlush": True, "offset": -(tall - _ENDS - _BAR - 8), "domain": False, "grid": False}
    x = {"title": title, "scale": across, "axis": axis}
    down = {"title": None, "axis": None, "scale": {"domain": [tall, 0], "nice": False, "zero": False}}
    pushed = tooltips({"words:N": "feature", "size:Q": "attribution"}, "+.4g")
    half = {"limit": _WIDTH / 2 - 12, "fontSize": 12, "baseline": "middle"}
    layers: list[dict[str, Any]] = [
        {
            "data": {"name": "parts"},
            "mark": {"type": "rule", "strokeWidth": _BAR, "strokeCap": "butt"},
            "encoding": {
                "x": field("from:Q", **x), "x2": {"field": "to"}, "y": field("y:Q", **down),
                "color": field("colour:N", scale=None), "tooltip": pushed,
            },
        },
        {
            "data": {"name": "parts"},
            "mark": {"type": "tick", "color": PAPER, "thickness": 2, "size": _BAR, "orient": "vertical"},
            "encoding": {"x": field("to:Q", **x), "y": field("y:Q", **down)},
        },
        {
            "data": {"name": "parts"},
            "mark": {"type": "text", "fontSize": 11, "color": PAPER, "fontWeight": "bold"},
            "encoding": {"x": field("middle:Q", **x), "y": field("y:Q", **down), "text": field("shown:N")},
        },
    ]  # fmt: skip
    for side, align, shift in (("raises", "left", 2), ("lowers", "right", -2)):
        layers.append(
            {
                "data": {"name": "words"},
                "transform": [{"filter": {"field": "side", "equal": side}}],
                "mark": {"type": "text", "align": align, "dx": shift, **half},
                "encoding": {
                    "x": field("at:Q", **x), "y": field("line:Q", **down), "text": field("text:N"),
                    "color": field("colour:N", scale=None),
                },
            }
        )  # fmt: skip
    layers += [
        {
            "data": {"name": "places"},
            "transform": [{"filter": {"field": "align", "equal": align}}],
            "mark": {"type": "text", "align": align, "fontSize": 12, "color": INK, "baseline": "middle"},
            "encoding": {"x": field("at:Q", **x), "y": field("line:Q", **down), "text": field("text:N")},
        }
        for align in ("left", "center", "right")
    ]
    layers.append(
        {
            "data": {"name": "places"},
            "mark": {"type": "rule", "color": FAINT, "strokeWidth": 1.5},
            "encoding": {
                "x": field("at:Q", **x), "y": {"datum": _ENDS - 8, **down}, "y2": {"datum": _ENDS + _BAR + 3},
            },
        }
    )  # fmt: skip
    return layers
