"""What every chart shares: colours, axes, and the way from an Altair chart to an `<svg>` for the page."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ig_tasks.looks.colours import FAINT, GRID, INK
from ig_tasks.looks.visible import visible, visible_everywhere
from ig_tasks.reports.typeface import FAMILY, cut, register, room

FONT = f"{FAMILY}, Arial, Helvetica, 'Liberation Sans', sans-serif"
WIDTH = 420
"""Narrow enough that the letters are still read when the chart is scaled to a phone's width."""
STEP, SLACK = 23, 8
"""Pixels of a row, and around a chart: letters drawn a little wider than laid out are still whole."""


LETTERS, LABEL = 12, 165
"""The size of a label's letters, and the most that it takes across, in pixels."""
WORDS: dict[str, Any] = {"labelLimit": LABEL, "labelColor": INK, "ticks": False, "domain": False, "labelPadding": 6}
_SIDES = ("left", "top", "right", "bottom")


def unique_labels(features: Iterable[str], labels: Mapping[str, str]) -> dict[str, str]:
    """What to write for each feature: its label, with the name behind it where two features share one."""
    names = list(features)
    written = [labels.get(name, name) for name in names]
    times = Counter(written)
    told = {
        name: label if times[label] == 1 else f"{label} ({name})" for name, label in zip(names, written, strict=True)
    }
    return fitted(told)


def fitted(labels: Mapping[str, str], limit: int = LABEL) -> dict[str, str]:
    """The labels, those cut short that the chart library cannot measure; none becomes another's."""
    short = {name: cut(label, LETTERS, limit) for name, label in labels.items()}
    times = Counter(short.values())
    return {name: label if times[label] == 1 else labels[name] for name, label in short.items()}


def words_axis(alt: Any, texts: Iterable[str], limit: int = LABEL) -> Any:
    """An axis of words: at least as wide as the texts whose letters the chart library cannot measure."""
    wide = max((room(visible(text), LETTERS) for text in texts), default=0.0)
    return alt.Axis(**WORDS | {"labelLimit": limit} | ({"minExtent": min(wide, limit) + 8} if wide else {}))


def labels_axis(alt: Any, data: Sequence[Mapping[str, Any]]) -> Any:
    labels = [item["label"] for item in data]
    return alt.Y("label:N", title=None, scale=alt.Scale(domain=labels), axis=words_axis(alt, labels))


def numbers_axis(alt: Any) -> Any:
    return alt.Axis(tickCount=5, grid=True, labelFlush=False)


def zero_line(alt: Any) -> Any:
    return alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=FAINT, strokeWidth=1).encode(x="zero:Q")


def drawn_svg(chart: Any, rows: int, words: str, *, width: int = WIDTH, above: int = 0, beyond: float = 0) -> str:
    """The chart as an `<svg>` element for a page: scales with its container, said in `words` to screen readers.

    above, beyond: pixels to add over the rows and to their right
    """
    import altair as alt
    import vl_convert

    drawn = (
        chart.properties(
            width=width + beyond,
            height=STEP * max(rows, 1) + 42 + above,
            autosize=alt.AutoSizeParams(type="fit", contains="padding"),
            background="transparent",
        )
        .configure(font=FONT, padding={side: SLACK + beyond * (side == "right") for side in _SIDES}, aria=False)
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=LETTERS,
            labelColor=FAINT,
            titleFontSize=LETTERS,
            titleFontWeight="normal",
            titleColor=FAINT,
            titlePadding=8,
            gridColor=GRID,
            domain=False,
            tickColor=GRID,
        )
        .configure_axisY(grid=False)
    )
    # The tests validate against Vega-Lite's schema; here that would take longer than the drawing.
    # A control character in any text of it ends the process: vl-convert cannot be caught.
    spec = visible_everywhere(drawn.to_dict(validate=False))
    register()
    svg = vl_convert.vegalite_to_svg(spec, vl_version=".".join(alt.SCHEMA_VERSION.split(".")[:2]))
    opening, _, inside = str(svg).partition(">")
    box = opening.partition('viewBox="')[2].partition('"')[0]
    wide = float(box.split()[2])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" viewBox="{box}" '
        f'style="--wide:{wide * 1.12:.0f}px" aria-label="{html.escape(visible(words))}">{inside}'
    )
