"""The chart of docs/benchmarks.md and the README: how many times faster, model by model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.results import Suite
from benchmarks.tables import peer_as_it_comes, peer_at_its_best, times
from ig_tasks.charts.chart import FONT
from ig_tasks.presentation.colours import ACCENT, AT_BEST, FAINT, GRID, INK, PAPER

__all__ = ["chart", "chart_data"]

AS_IT_COMES, AT_ITS_BEST = "as it comes", "at its best: its best batch, at equal error where that differs"
COLOURS = {AS_IT_COMES: ACCENT, AT_ITS_BEST: AT_BEST}
BAR = 11
"""Height of a bar; a model has one or two."""


def chart_data(suites: Sequence[Suite]) -> list[dict[str, Any]]:
    """One item per bar, in the order in which they stand below each other."""
    items = []
    for suite in suites:
        if not suite.ours:
            continue
        for kind, peer in ((AS_IT_COMES, peer_as_it_comes(suite)), (AT_ITS_BEST, peer_at_its_best(suite))):
            if peer is not None:
                faster = peer.row_seconds / suite.ours[0].row_seconds
                items.append(
                    {"peer": peer.library, "model": suite.title, "kind": kind, "faster": faster, "text": times(faster)}
                )
    return items


def chart(suites: Sequence[Suite]) -> Any:
    """An Altair chart: a group of bars per model, one panel per peer, on one logarithmic axis."""
    import altair as alt

    data = chart_data(suites)
    greatest, least = (pick(item["faster"] for item in data) for pick in (max, min))
    scale = alt.Scale(type="log", domain=[min(1.0, 0.8 * least), 1.6 * greatest], nice=False)
    peers = list(dict.fromkeys(item["peer"] for item in data))
    panels = [
        _panel(alt, [item for item in data if item["peer"] == peer], scale, last=peer == peers[-1]).properties(
            title=f"Times faster than {peer}"
        )
        for peer in peers
    ]
    return (
        alt.vconcat(*panels, spacing=14)
        .resolve_scale(color="shared", x="shared")
        .configure(font=FONT, background=PAPER, padding=10)
        .configure_view(stroke=None)
        .configure_title(anchor="start", frame="group", fontSize=13, color=INK, offset=6)
        .configure_axis(
            labelFontSize=12,
            labelColor=INK,
            titleFontSize=12,
            titleFontWeight="normal",
            titleColor=FAINT,
            gridColor=GRID,
        )
        .configure_legend(
            orient="top", labelFontSize=12, labelColor=INK, labelLimit=400, title=None, symbolType="square"
        )
    )


def _panel(alt: Any, data: list[dict[str, Any]], scale: Any, *, last: bool) -> Any:
    models = list(dict.fromkeys(item["model"] for item in data))
    kinds = list(COLOURS)
    base = alt.Chart(alt.Data(values=data)).encode(
        y=alt.Y(
            "model:N",
            title=None,
            scale=alt.Scale(domain=models, paddingInner=0.28, paddingOuter=0.1),
            axis=alt.Axis(labelLimit=320, ticks=False, domain=False, labelPadding=8, grid=False),
        ),
        yOffset=alt.YOffset("kind:N", scale=alt.Scale(domain=kinds, paddingInner=0.1)),
    )
    ticks = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
    across = alt.Axis(
        values=ticks,
        labelExpr="format(datum.value, ',') + 'x'",
        domain=False,
        ticks=False,
        grid=True,
        labels=last,
        labelColor=FAINT,
    )
    x = alt.X("faster:Q", title=None, scale=scale, axis=across)
    bars = base.mark_bar().encode(
        x=x, x2=alt.datum(1), color=alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=list(COLOURS.values())))
    )
    # Behind a bar's right end, which is at 1 where the peer is the faster.
    end = alt.X("end:Q", title=None, scale=scale, axis=across)
    text = (
        base.mark_text(align="left", dx=4, fontSize=11, color=INK)
        .transform_calculate(end="max(1, datum.faster)")
        .encode(x=end, text="text:N")
    )
    return alt.layer(bars, text).properties(width=430, height=len(models) * (2 * BAR + 12))
