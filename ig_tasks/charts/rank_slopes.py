"""Two reports side by side: the ranks of features before and after, and their importance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ig_tasks.charts.axes import labels_axis, numbers_axis, told
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.charts.typeface import cut
from ig_tasks.presentation.colours import ACCENT, FAINT, INK, PAPER
from ig_tasks.presentation.shortening import shortened, shortened_apart
from ig_tasks.presentation.visible import visible

__all__ = ["Pair", "Slope", "importance_pairs", "rank_slopes"]

_MOVED, _MOST = 3, 20
"""Ranks from which a move stands out, and the last rank with a place of its own."""
_WIDTH, _BESIDE, _LETTERS = 420, 1.5, 18
"""Pixels across, how many times as much room as the lines the names have on either side, and letters of a name."""
_NAMES = int(_WIDTH * _BESIDE / (1.0 + 2.0 * _BESIDE)) - 12
_AT = {"before": 0.0, "after": 1.0}


class Slope(NamedTuple):
    """A feature's label and its ranks; None where a report does not have it."""

    label: str
    before: int | None
    after: int | None


class Pair(NamedTuple):
    """A feature's label and its importance in both reports; None where one does not have it."""

    label: str
    before: float | None
    after: float | None


def rank_slopes(slopes: Sequence[Slope], before: str, after: str) -> Chart:
    """A line for each feature from its rank before to its rank after, 1 on top; far moves stand out.

    Args:
        slopes: the features, in any order. Ranks beyond 20 share the place below it.
        before, after: what the two reports are called, above their sides.
    """
    import altair as alt

    sides = {"before": before, "after": after}
    short = shortened_apart({slope.label: shortened(slope.label, _LETTERS) for slope in slopes}, _LETTERS)
    data = [point for slope in slopes for point in _points(slope, short[slope.label])]
    lowest = max((point["place"] for point in data), default=1)
    # Names stand within the chart: what reaches beyond it would take the lines' room.
    x = alt.X("at:Q", scale=alt.Scale(domain=[-_BESIDE, 1.0 + _BESIDE], nice=False, zero=False), axis=None)
    y = alt.Y("place:Q", scale=alt.Scale(domain=[lowest + 0.5, 0.2], nice=False, zero=False), axis=None)
    colour = alt.Color("colour:N", scale=None)
    base = alt.Chart(alt.Data(values=data))
    columns = {"label:N": "feature", "rank_before:Q": "rank before", "rank_after:Q": "rank after"}
    layers = [
        base.mark_line(strokeWidth=1.8).encode(x=x, y=y, detail=alt.Detail("label:N"), color=colour),
        base.mark_point(filled=True, size=45, opacity=1).encode(
            x=x, y=y, color=colour, tooltip=told(alt, columns, "d")
        ),
    ]
    for side, align, shift in (("before", "right", -10), ("after", "left", 10)):
        words: dict[str, Any] = {"align": align, "dx": shift, "fontSize": 11, "limit": _NAMES, "clip": False}
        of_side = alt.Chart(alt.Data(values=[point for point in data if point["side"] == side]))
        layers.append(of_side.mark_text(color=INK, **words).encode(x=x, y=y, text=alt.Text("text:N")))
        title = {"at": _AT[side], "place": 0.35, "text": cut(visible(sides[side]), 11, _NAMES)}
        head = alt.Chart(alt.Data(values=[title]))
        layers.append(head.mark_text(color=FAINT, fontWeight="bold", **words).encode(x=x, y=y, text=alt.Text("text:N")))
    moved = sum(_is_far(slope) for slope in slopes)
    said = (
        f"Slope chart: the ranks of {len(slopes)} features in {before} and in {after}, {moved} of which moved by "
        f"{_MOVED} ranks or more. The numbers are in the table."
    )
    table = tuple({"label": slope.label, "rank before": slope.before, "rank after": slope.after} for slope in slopes)
    return Chart(alt.layer(*layers), said, table, Frame(lowest, width=_WIDTH, above=10))


def _points(slope: Slope, name: str) -> list[dict[str, Any]]:
    colour = ACCENT if _is_far(slope) else FAINT
    return [
        {
            "side": side,
            "at": _AT[side],
            "label": slope.label,
            "place": min(rank, _MOST + 1),
            "text": visible(f"{rank}  {name}" if side == "after" else f"{name}  {rank}"),
            "colour": colour,
            "rank_before": slope.before,
            "rank_after": slope.after,
        }
        for side, rank in (("before", slope.before), ("after", slope.after))
        if rank is not None
    ]


def _is_far(slope: Slope) -> bool:
    return slope.before is not None and slope.after is not None and abs(slope.before - slope.after) >= _MOVED


def importance_pairs(pairs: Sequence[Pair], title: str) -> Chart:
    """Two marks for each feature, joined by a line: hollow before, filled after.

    Args:
        pairs: from top to bottom.
        title: what the figures are, with their units, for the axis.
    """
    import altair as alt

    data = [pair._asdict() for pair in pairs]
    base = alt.Chart(alt.Data(values=data))
    y = labels_axis(alt, data)
    x = alt.X("before:Q", title=title, axis=numbers_axis(alt), scale=alt.Scale(zero=True))
    tooltip = told(alt, {"label:N": "feature", "before:Q": "before", "after:Q": "after"})
    layers = [
        base.mark_rule(color=FAINT, strokeWidth=1.5).encode(y=y, x=x, x2=alt.X2("after:Q")),
        base.mark_point(filled=True, fill=PAPER, stroke=FAINT, strokeWidth=1.8, size=50, opacity=1).encode(
            y=y, x=x, tooltip=tooltip
        ),
        base.mark_point(filled=True, color=ACCENT, size=60, opacity=1).encode(y=y, x=alt.X("after:Q"), tooltip=tooltip),
    ]
    words = f"Marks: {title} of {len(data)} features, hollow before and filled after. The numbers are in the table."
    return Chart(alt.layer(*layers), words, tuple(data), Frame(len(data)))
