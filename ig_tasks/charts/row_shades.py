"""A heat map of rows and features: what raises and what lowers the output of each row, at one glance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ig_tasks.charts.axes import LETTERS, WORDS, fitted
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.charts.typeface import estimate
from ig_tasks.charts.written import Written, field, tooltips
from ig_tasks.presentation.colours import FAINT, GRID, HIGH_VALUE, LOW_VALUE, LOWERS, PAPER, RAISES
from ig_tasks.presentation.shortening import shortened_apart
from ig_tasks.presentation.visible import visible

__all__ = ["row_shades"]

_WIDTH, _NAMED, _TOP = 560, 24, "Model output"
_LONGEST, _LETTERS = 104, 15
"""Pixels and letters of a row's name below its column."""


def row_shades(
    matrix: np.ndarray,
    labels: Sequence[str],
    rows: Sequence[str],
    outputs: Sequence[float],
    proven: Sequence[bool],
    units: str,
) -> Chart:
    """Features down, rows across, with the output of each row on top.

    Args:
        matrix: attributions (rows, features), in the order in which they are drawn.
        labels: of the features, from top to bottom.
        rows: how each row is called, from left to right.
        outputs: of the rows.
        proven: whether each converged; a mark stands above those that did not.
        units: what an attribution is counted in.
    """
    short = list(fitted({label: label for label in labels}).values())
    extreme = float(np.quantile(np.abs(matrix), 0.995)) if matrix.size else 0.0
    extreme = extreme or float(np.abs(matrix).max(initial=0.0)) or 1.0
    low, high = min(outputs), max(outputs)
    named = len(rows) <= _NAMED
    columns = _columns(rows) if named else [str(place) for place in range(len(rows))]
    cells: list[dict[str, Any]] = []
    tops: list[dict[str, Any]] = []
    for place, row in enumerate(rows):
        mark = "" if proven[place] else "▲"
        tops.append(
            {
                "column": columns[place], "label": _TOP, "row": row, "output": float(outputs[place]), "mark": mark,
                "level": (float(outputs[place]) - low) / ((high - low) or 1.0),
            }
        )  # fmt: skip
        for k, label in enumerate(short):
            part = float(matrix[place, k])
            cells.append(
                {
                    "column": columns[place], "label": label, "row": row, "attribution": part,
                    "shade": max(-extreme, min(extreme, part)),
                }
            )  # fmt: skip
    longest = min(max((estimate(visible(name), LETTERS) for name in columns), default=0.0), _LONGEST)
    upright = longest > _WIDTH / max(len(rows), 1) - 6
    axis: dict[str, Any] = {"labels": named, "ticks": False, "domain": False, "grid": False}
    axis |= {"labelAngle": -90 if upright else 0, "labelLimit": _LONGEST, "labelPadding": 4, "labelOverlap": False}
    title = "rows, from the least output to the greatest"
    across = {"type": "band", "domain": columns, "padding": 0.04 if len(rows) <= 60 else 0}
    x = field("column:N", title=title, scale=across, axis=axis)
    y = field(
        "label:N", title=None, scale={"type": "band", "domain": [_TOP, *short], "padding": 0.06}, axis=dict(WORDS)
    )
    legend = {
        "title": f"attribution ({units})" if units else "attribution", "orient": "bottom", "direction": "horizontal",
        "gradientLength": 160, "gradientThickness": 8, "titleFontWeight": "normal", "titleColor": FAINT,
        "labelColor": FAINT, "titleOrient": "left", "tickCount": 3,
    }  # fmt: skip
    scale = {"domain": [-extreme, 0, extreme], "range": [LOWERS, PAPER, RAISES], "interpolate": "rgb"}
    told = tooltips({"row:N": "row", "label:N": "feature", "attribution:Q": "attribution"}, "+.4g")
    layers: list[dict[str, Any]] = [
        {
            "data": {"name": "cells"},
            "mark": {"type": "rect", **({"stroke": GRID, "strokeWidth": 0.4} if len(rows) <= 60 else {})},
            "encoding": {"x": x, "y": y, "color": field("shade:Q", scale=scale, legend=legend), "tooltip": told},
        },
        {
            "data": {"name": "tops"},
            "mark": {"type": "rect"},
            "encoding": {
                "x": x, "y": y,
                "fill": field("level:Q", scale={"domain": [0, 1], "range": [LOW_VALUE, HIGH_VALUE]}, legend=None),
                "tooltip": tooltips({"row:N": "row", "output:Q": "model output"}),
            },
        },
    ]  # fmt: skip
    if not all(proven):
        layers.append(
            {
                "data": {"name": "tops"},
                "mark": {"type": "text", "fontSize": 9, "color": PAPER},
                "encoding": {"x": x, "y": y, "text": field("mark:N")},
            }
        )
    counted = f"{len(rows)} row{'s' * (len(rows) != 1)}"
    words = (
        f"Heat map: the attributions of {len(labels)} features to {counted}; orange raises the output, blue "
        "lowers it. The numbers are in the table."
    )
    table = tuple(
        {
            "row": row,
            "output": float(outputs[place]),
            **{label: float(matrix[place, k]) for k, label in enumerate(labels)},
        }
        for place, row in enumerate(rows)
    )
    below = (longest + 8 if upright else 16) if named else 0
    tall = round(22 * (len(labels) + 1) + 42 + 40 + below)
    drawn = Written(layers, {"cells": cells, "tops": tops}, {})
    return Chart(drawn, words, table, Frame(1, width=_WIDTH, tall=tall))


def _columns(rows: Sequence[str]) -> list[str]:
    """The rows' names, no two the same."""
    texts = shortened_apart({str(place): row for place, row in enumerate(rows)}, _LETTERS)
    rows = list(texts.values())
    times = Counter(rows)
    return [name if times[name] == 1 else f"{name} ({place})" for place, name in enumerate(rows)]
