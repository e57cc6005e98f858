"""Figures over the partitions of the data: a line with intervals, and the ranks of several features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.charts.typeface import cut, estimate
from ig_tasks.charts.written import Written, field, tooltips
from ig_tasks.presentation.colours import ACCENT, FAINT, GRID, LINES
from ig_tasks.presentation.visible import visible

__all__ = ["Moment", "figure_over_time", "ranks_over_time"]

_WIDTH, _ROWS, _NAMES = 360, 5, 170
_WIDE, _NARROW, _NARROW_NAMES = 560, 350, 96
_MOVED = 3
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 2])
"""One for each of LINES: who sees few colours tells them apart by these."""


class Moment(NamedTuple):
    """A figure of one partition, and the ends of its interval; None where it is not known: there the line has a gap."""

    partition: str
    value: float | None
    low: float | None = None
    high: float | None = None


def figure_over_time(
    moments: Sequence[Moment], label: str, units: str, *, marks: Mapping[str, str] | None = None, figures: str = ""
) -> Chart:
    """A line over the partitions, from zero, with the interval of each point.

    Args:
        moments: in the order of the partitions, with those that are missing.
        label: what is drawn, for those who cannot see it.
        units: for the axis.
        marks: {partition: what changed there}, a dashed line each.
        figures: how the axis writes its figures; "": as they are.
    """
    data = [row | {"piece": piece} for row, piece in zip(_rows(moments), _pieces(moments), strict=True)]
    known = [row for row in data if row["value"] is not None]
    axis = {"tickCount": 4, "grid": True, **({"format": figures} if figures else {})}
    # Shares that are all zero lie on the axis, and not in the middle of nothing.
    top = {"domainMax": 0.01} if known and not any(row["high"] for row in known) else {}
    y = field("value:Q", title=units, axis=axis, scale={"zero": True, **top})
    columns = {"partition:N": "partition", "value:Q": units, "low:Q": "95 % interval from", "high:Q": "to"}
    rows = {"data": {"name": "moments"}}
    layers = [
        *_mark_lines(marks or {}),
        {
            **rows,
            "mark": {"type": "line", "color": ACCENT, "strokeWidth": 1.8},
            "encoding": {"y": y, "detail": field("piece:N")},
        },
        {
            **rows,
            "mark": {"type": "rule", "color": ACCENT, "strokeWidth": 2.4, "opacity": 0.5},
            "encoding": {"y": field("low:Q"), "y2": {"field": "high"}},
        },
        {
            **rows,
            "mark": {"type": "point", "color": ACCENT, "filled": True, "size": 22, "opacity": 1},
            "encoding": {"y": y, "tooltip": tooltips(columns, figures or ".4g")},
        },
    ]
    gaps = len(data) - len(known)
    words = (
        f"Line with 95 % intervals: {label} over {len(data)} partitions"
        f"{f', {gaps} of them without a figure' if gaps else ''}. The numbers are in the table."
    )
    table = tuple(moment._asdict() for moment in moments)
    shared = {"x": _partitions_axis([moment.partition for moment in moments])}
    return Chart(Written(layers, {"moments": known}, shared), words, table, Frame(_ROWS, width=_WIDTH, above=20))


def ranks_over_time(
    ranks: Mapping[str, Sequence[int | None]],
    partitions: Sequence[str],
    *,
    marks: Mapping[str, str] | None = None,
    narrow: bool = False,
) -> Chart:
    """A line for each feature over its ranks, 1 on top.

    The few that moved most, by three ranks or more, have colours and dashes of their own.

    Args:
        ranks: {label: its rank in each partition}, None where it has none.
        marks: as for `figure_over_time`.
        narrow: for the width of a phone, with names cut short.
    """
    names = _NARROW_NAMES if narrow else _NAMES
    data: list[dict[str, Any]] = []
    ends: list[dict[str, Any]] = []
    styles = _styles(ranks)
    for label, ranks_of_label in ranks.items():
        if all(rank is None for rank in ranks_of_label):
            continue
        colour, dash = styles.get(label, (FAINT, _DASHES[0]))
        style = {"colour": colour, "dash": dash}
        pieces = _pieces([Moment(name, rank) for name, rank in zip(partitions, ranks_of_label, strict=True)])
        rows = [
            {"partition": name, "rank": rank, "label": label, "piece": f"{label}/{piece}", **style}
            for name, rank, piece in zip(partitions, ranks_of_label, pieces, strict=True)
            if rank is not None
        ]
        data += rows
        ends.append({**rows[-1], "partition": partitions[-1], "text": cut(visible(label), 11, names)})
    most = max((row["rank"] for row in data), default=1)
    axis = {"values": list(range(1, most + 1)), "format": "d", "grid": True}
    y = field("rank:Q", title="rank", axis=axis, scale={"domain": [most + 0.4, 0.6], "nice": False, "zero": False})
    colour_of = field("colour:N", scale=None)
    tooltip = tooltips({"label:N": "feature", "partition:N": "partition", "rank:Q": "rank"}, "d")
    rows_of_ranks = {"data": {"name": "ranks"}}
    layers = [
        *_mark_lines(marks or {}),
        {
            **rows_of_ranks,
            "mark": {"type": "line", "strokeWidth": 1.8},
            "encoding": {
                "y": y,
                "detail": field("piece:N"),
                "color": colour_of,
                "strokeDash": field("dash:N", scale=None),
            },
        },
        {
            **rows_of_ranks,
            "mark": {"type": "point", "filled": True, "size": 40, "opacity": 1},
            "encoding": {"y": y, "color": colour_of, "tooltip": tooltip},
        },
        {
            "data": {"name": "ends"},
            "mark": {"type": "text", "align": "left", "dx": 10, "fontSize": 11, "clip": False},
            "encoding": {"y": y, "text": field("text:N"), "color": colour_of},
        },
    ]
    words = (
        f"Lines: the ranks of {len(ends)} features over {len(partitions)} partitions, the most important on top. "
        "The numbers are in the table."
    )
    table = tuple(
        {"label": label, **dict(zip(partitions, ranks_of_label, strict=True))}
        for label, ranks_of_label in ranks.items()
    )
    beyond = 0.0 if narrow else max((min(estimate(end["text"], 11), _NAMES) for end in ends), default=0.0)
    return Chart(
        Written(layers, {"ranks": data, "ends": ends}, {"x": _partitions_axis(partitions)}),
        words,
        table,
        Frame(max(most, 4), width=_NARROW if narrow else _WIDE, above=30, beyond=beyond),
    )


def _styles(ranks: Mapping[str, Sequence[int | None]]) -> dict[str, tuple[str, list[int]]]:
    """{label: colour and dashes} of those that moved most."""
    moved: dict[str, int] = {}
    for label, ranks_of_label in ranks.items():
        known_ranks = [rank for rank in ranks_of_label if rank is not None]
        if known_ranks and max(known_ranks) - min(known_ranks) >= _MOVED:
            moved[label] = max(known_ranks) - min(known_ranks)
    most = sorted(moved, key=lambda label: -moved[label])[: len(LINES)]
    return {label: (LINES[place], _DASHES[place]) for place, label in enumerate(most)}


def _rows(moments: Sequence[Moment]) -> list[dict[str, Any]]:
    return [
        {
            **moment._asdict(),
            "low": moment.value if moment.low is None else moment.low,
            "high": moment.value if moment.high is None else moment.high,
        }
        for moment in moments
    ]


def _pieces(moments: Sequence[Moment]) -> list[int]:
    """The number of the unbroken piece that each belongs to: a line must not bridge what is not known."""
    pieces, piece = [], 0
    for moment in moments:
        piece += moment.value is None
        pieces.append(piece)
    return pieces


def _partitions_axis(partitions: Sequence[str]) -> dict[str, Any]:
    axis = {
        "labelAngle": -40 if len(partitions) > 5 else 0,
        "labelOverlap": "greedy",
        "grid": False,
        "ticks": False,
        "domain": True,
        "domainColor": GRID,
        "labelPadding": 4,
        "labelLimit": 90,
    }
    scale = {"type": "point", "domain": list(partitions), "padding": 0.4}
    return field("partition:N", title=None, scale=scale, axis=axis)


def _mark_lines(marks: Mapping[str, str]) -> list[dict[str, Any]]:
    if not marks:
        return []
    rows = {"data": {"values": [{"partition": name, "what": event} for name, event in marks.items()]}}
    text = {"align": "center", "baseline": "bottom", "fontSize": 10, "color": FAINT, "dy": -2}
    return [
        {**rows, "mark": {"type": "rule", "color": FAINT, "strokeDash": [4, 3], "strokeWidth": 1}},
        {**rows, "mark": {"type": "text", **text}, "encoding": {"y": {"value": 0}, "text": field("what:N")}},
    ]
