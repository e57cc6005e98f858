"""The beeswarm: a point for each row and feature, at its attribution, shaded by what the feature held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ig_tasks.charts.axes import WORDS, fitted
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.charts.written import Written, field, tooltips
from ig_tasks.presentation.colours import FAINT, HIGH_VALUE, LOW_VALUE

__all__ = ["Swarm", "spread", "swarms"]

_WIDTH, _BINS, _ROW = 500, 100, 30


class Swarm(NamedTuple):
    """A feature: its label, and of each row drawn its attribution, its value as a share and in words, and its mark.

    shades: 0 (the least value) to 1; None where values have no order or are missing.
    """

    label: str
    attributions: Sequence[float]
    shades: Sequence[float | None]
    values: Sequence[str]


def swarms(features: Sequence[Swarm], rows: Sequence[str], proven: Sequence[bool], units: str) -> Chart:
    """A line of points for each feature, the most important on top.

    Args:
        features: from top to bottom.
        rows: how each row drawn is called.
        proven: whether it converged; the others are triangles.
        units: what an attribution is counted in.
    """
    short = fitted({feature.label: feature.label for feature in features})
    points: list[dict[str, Any]] = []
    size = 22 if len(rows) <= 300 else 12
    for feature in features:
        offsets = spread(np.asarray(feature.attributions, float), _extent(features))
        for place, row in enumerate(rows):
            points.append(
                {
                    "label": short[feature.label],
                    "attribution": float(feature.attributions[place]),
                    "offset": float(offsets[place]),
                    "shade": feature.shades[place],
                    "value": feature.values[place],
                    "row": row,
                    "shape": "circle" if proven[place] else "triangle-up",
                    "size": size if proven[place] else 60,
                }
            )
    shaded = any(point["shade"] is not None for point in points)
    domain = [short[feature.label] for feature in features]
    x = field(
        "attribution:Q",
        title=f"attribution ({units})" if units else "attribution",
        axis={"tickCount": 6, "grid": True, "labelFlush": False},
    )
    y = field("label:N", title=None, scale={"type": "band", "domain": domain, "padding": 0.1}, axis=dict(WORDS))
    aside = field("offset:Q", scale={"domain": [-1.15, 1.15]})
    legend = {
        "title": "value of the feature", "orient": "bottom", "direction": "horizontal", "gradientLength": 110,
        "gradientThickness": 8, "values": [0, 1], "labelExpr": "datum.value < 0.5 ? 'low' : 'high'",
        "titleFontWeight": "normal", "titleColor": FAINT, "labelColor": FAINT, "titleOrient": "left",
    }  # fmt: skip
    scale = {"domain": [0, 1], "range": [LOW_VALUE, HIGH_VALUE]}
    told = {"label:N": "feature", "value:N": "value", "attribution:Q": "attribution", "row:N": "row"}
    mark = {"type": "point", "filled": True, "opacity": 0.8}
    common = {
        "x": x,
        "y": y,
        "yOffset": aside,
        "shape": field("shape:N", scale=None),
        "size": field("size:Q", scale=None),
    }
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "color": FAINT, "strokeWidth": 1},
            "encoding": {"x": field("zero:Q")},
        }
    ]
    if any(point["shade"] is None for point in points):
        layers.append(
            {
                "data": {"name": "points"},
                "transform": [{"filter": "datum.shade === null"}],
                "mark": {**mark, "color": FAINT},
                "encoding": {**common, "tooltip": tooltips(told)},
            }
        )
    if shaded:
        layers.append(
            {
                "data": {"name": "points"},
                "transform": [{"filter": "datum.shade !== null"}],
                "mark": mark,
                "encoding": {
                    **common, "color": field("shade:Q", scale=scale, legend=legend), "tooltip": tooltips(told)
                },
            }
        )  # fmt: skip
    counted = f"{len(rows)} row{'s' * (len(rows) != 1)}"
    words = (
        f"Beeswarm: the attributions of {len(features)} features to {counted}, a point each; to the right of "
        "zero they raise the output, to the left they lower it"
        f"{'; points are shaded by the value' if shaded else ''}. The numbers are in the table."
    )
    table = tuple(
        {key: point[key] for key in ("label", "row", "value", "attribution")}
        for point in points
    )  # fmt: skip
    tall = _ROW * max(len(features), 1) + 42 + (34 if shaded else 0)
    return Chart(Written(layers, {"points": points}, {}), words, table, Frame(1, width=_WIDTH, tall=tall))


def _extent(features: Sequence[Swarm]) -> tuple[float, float]:
    ends = [float(end) for feature in features for end in (min(feature.attributions), max(feature.attributions))]
    return min(ends), max(ends)


def spread(attributions: np.ndarray, extent: tuple[float, float]) -> np.ndarray:
    """How far from its line each point stands, -1 to 1: points of about one attribution stand apart.

    >>> spread(np.array([0.0, 0.0, 0.0, 9.0]), (0.0, 9.0)).round(2).tolist()
    [0.0, 0.12, -0.12, 0.0]
    """
    low, high = extent
    bins = np.floor((attributions - low) / ((high - low) or 1.0) * (_BINS - 1)).astype(int)
    offsets = np.zeros(len(attributions))
    fullest = 1
    for own in np.unique(bins):
        members = np.flatnonzero(bins == own)
        steps = np.arange(1, members.size + 1) // 2 * np.where(np.arange(members.size) % 2, 1, -1)
        offsets[members] = steps
        fullest = max(fullest, members.size // 2)
    return np.asarray(offsets / max(fullest, 8))
