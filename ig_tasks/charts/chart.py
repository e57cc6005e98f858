"""A chart as a value: what it draws, what it says in words, the numbers beside it, and its SVG."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ig_tasks.charts.axes import LETTERS
from ig_tasks.charts.recolouring import recoloured
from ig_tasks.charts.typeface import FAMILY, register
from ig_tasks.presentation.colours import DARK, FAINT, GRID, LIGHT
from ig_tasks.presentation.visible import visible, visible_everywhere

__all__ = ["FONT", "Chart", "Frame", "unvalidated"]

FONT = f"{FAMILY}, Arial, Helvetica, 'Liberation Sans', sans-serif"
_ROW, _SLACK = 23, 8
"""Pixels of a row, and around a chart: letters drawn a little wider than laid out are still whole."""
_SIDES = ("left", "top", "right", "bottom")
_CONFIG = {
    "font": FONT,
    "aria": False,
    "axis": {
        "labelFontSize": LETTERS,
        "labelColor": FAINT,
        "titleFontSize": LETTERS,
        "titleFontWeight": "normal",
        "titleColor": FAINT,
        "titlePadding": 8,
        "gridColor": GRID,
        "domain": False,
        "tickColor": GRID,
    },
    "axisY": {"grid": False},
}
"""What all charts have in common: fonts, and the colours of what is not data."""


@dataclass(frozen=True)
class Frame:
    """The size of a chart on a page, in pixels except for `rows`."""

    rows: int
    """Rows of bars or cells; each takes the same height."""
    width: int = 420
    """Narrow enough that the letters are still read when the chart is scaled to a phone's width."""
    above: int = 0
    """Added above the rows, for slanted names."""
    beyond: float = 0
    """Added on the right, for slanted names that reach beyond the last column."""


@dataclass(frozen=True)
class Chart:
    """One chart. Whoever shows it shows `words` to those who cannot see it, and offers `table` beside it."""

    spec: Any
    """The Altair chart: data, marks and encodings, without the page's sizes and fonts, so that it can be combined."""
    words: str
    """The text alternative: what the chart shows, in one or two sentences."""
    table: tuple[Mapping[str, Any], ...]
    """The numbers that are drawn: a mapping of column to value for each bar, box, cell or step, in drawing order."""
    frame: Frame

    names: Mapping[str, str] = field(default_factory=dict)
    """{label: the feature that it stands for}, where labels stand for features: a page can link them."""

    levels: Mapping[str, str] = field(default_factory=dict)
    """The same for levels of `column`, where labels stand for parts of the data."""
    column: str = ""

    @property
    def width(self) -> float:
        """Pixels across, where the page has room for them."""
        return self.frame.width + self.frame.beyond

    @property
    def height(self) -> int:
        """Pixels down."""
        return _ROW * max(self.frame.rows, 1) + 42 + self.frame.above

    @cached_property
    def document(self) -> dict[str, Any]:
        """The chart as Vega-Lite, with sizes and fonts; control characters in its texts are visible escapes."""
        # The tests validate against Vega-Lite's schema; here that would take longer than the drawing. Sizes and fonts
        # are set in the document: Altair copies a chart, data and all, for each of its calls.
        document = self.spec.to_dict(validate=False)
        sides = {side: _SLACK + self.frame.beyond * (side == "right") for side in _SIDES}
        config = document.get("config", {})
        document |= {
            "width": self.width,
            "height": self.height,
            "autosize": {"type": "fit", "contains": "padding"},
            "background": "transparent",
            "config": {**config, **_CONFIG, "padding": sides, "view": {**config.get("view", {}), "stroke": None}},
        }
        # A control character in any text of it ends the process: vl-convert cannot be caught.
        shown: dict[str, Any] = visible_everywhere(document)
        return shown

    def svg(self, *, dark: bool = False) -> str:
        """The chart as an `<svg>` element for a page, without script.

        It scales with its container, and screen readers read `words`. Control characters in any text become visible
        escapes.

        Args:
            dark: in the colours of a dark page.
        """
        import altair as alt
        import vl_convert

        document = self.document
        if dark:
            document = recoloured(document, {colour: DARK[name] for name, colour in LIGHT.items()})
        register()
        svg = vl_convert.vegalite_to_svg(document, vl_version=".".join(alt.SCHEMA_VERSION.split(".")[:2]))
        opening, _, inside = str(svg).partition(">")
        box = opening.partition('viewBox="')[2].partition('"')[0]
        wide = float(box.split()[2])
        # Vega gives every group of marks a role without a name. `words` stand for all of it.
        drawing = inside.removesuffix("</svg>")
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" viewBox="{box}" '
            f'style="--wide:{wide * 1.12:.0f}px" aria-label="{html.escape(visible(self.words))}">'
            f'<g aria-hidden="true">{drawing}</g></svg>'
        )


def warm_up() -> None:
    """Import what draws charts and start its engine, which takes a second: for a process that draws later."""
    import altair as alt
    import vl_convert

    register()
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    vl_convert.vegalite_to_svg({"data": {"values": [{}]}, "mark": "point"}, vl_version=version)


@contextmanager
def unvalidated() -> Iterator[None]:
    """Altair compares each part of a chart with Vega-Lite's schema as it is made: a third of the time of making them.

    The tests compare the whole charts.
    """
    from altair.utils import schemapi

    with schemapi.debug_mode(False):
        yield
