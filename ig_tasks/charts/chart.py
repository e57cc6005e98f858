"""A chart as a value: what it draws, what it says in words, the numbers beside it, and its SVG."""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from ig_tasks.charts.axes import LETTERS
from ig_tasks.charts.headings import heading_of, lines_of
from ig_tasks.charts.recolouring import recoloured
from ig_tasks.charts.typeface import FAMILY, register
from ig_tasks.presentation.colours import DARK, FAINT, GRID, LIGHT
from ig_tasks.presentation.visible import visible, visible_everywhere

__all__ = ["FONT", "Chart", "Frame", "unvalidated"]

FONT = f"{FAMILY}, Arial, Helvetica, 'Liberation Sans', sans-serif"
_ROW, _SLACK = 23, 8
"""Pixels of a row, and around a chart: letters drawn a little wider than laid out are still whole."""
_SIDES = ("left", "top", "right", "bottom")
_IDS = re.compile(r'(id="|url\(#)([A-Za-z_][\w-]*)')
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
    tall: int = 0
    """The height of what is not made of rows; 0: that of `rows`."""


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

    heading: str = ""
    """What stands above the chart where no page says it: in notebooks and files."""
    notes: tuple[str, ...] = ()
    """Below the heading: rows that did not converge, and what was left out."""

    @property
    def width(self) -> float:
        """Pixels across, where the page has room for them."""
        return self.frame.width + self.frame.beyond

    @property
    def height(self) -> int:
        """Pixels down."""
        own = self.frame.tall or _ROW * max(self.frame.rows, 1) + 42
        return own + self.frame.above + lines_of(self.heading, self.notes, self.width)

    @property
    def alternative(self) -> str:
        """The text alternative with the heading and the notes, which are letters in a picture."""
        return " ".join(part for part in (self.heading and f"{self.heading}.", self.words, *self.notes) if part)

    @property
    def marks(self) -> int:
        """About how many marks are drawn."""
        return _count_rows(self.document)

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
        if self.heading or self.notes:
            document["title"] = heading_of(self.heading, self.notes, self.width)
        # A control character in any text of it ends the process: vl-convert cannot be caught.
        shown: dict[str, Any] = visible_everywhere(document)
        return shown

    def coloured(self, *, dark: bool = False) -> dict[str, Any]:
        """The document in the colours of a light or a dark page."""
        if not dark:
            return self.document
        document: dict[str, Any] = recoloured(self.document, {colour: DARK[name] for name, colour in LIGHT.items()})
        return document

    def to_dict(self) -> dict[str, Any]:
        """The chart as Vega-Lite, without the page's sizes and fonts, as Altair gives it."""
        drawn: dict[str, Any] = self.spec.to_dict()
        return drawn

    def save(
        self,
        to: str | Path | IO[Any],
        format: str | None = None,  # noqa: A002 - Altair's name
        *,
        dark: bool = False,
        scale: float = 2.0,
    ) -> None:
        """Write the chart to a file: `chart.png`, `chart.svg`, or `chart.html` with its figures as a table.

        Args:
            to: a path, or an open file.
            format: png, svg or html; None: by the path's ending.
            dark: in the colours of a dark page; an HTML page follows its reader.
            scale: pixels of a PNG for each pixel of the chart.

        Raises:
            InputError: for another ending.
        """
        from ig_tasks.charts.saving import save_chart

        save_chart(self, to, format, dark=dark, scale=scale)

    def png(self, *, dark: bool = False, scale: float = 2.0) -> bytes:
        """The chart as PNG, on the paper of a light or a dark page; `scale` pixels for each of the chart's."""
        import altair as alt
        import vl_convert

        register()
        document = self.coloured(dark=dark) | {"background": (DARK if dark else LIGHT)["paper"]}
        version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
        return bytes(vl_convert.vegalite_to_png(document, vl_version=version, scale=scale))

    def _repr_html_(self) -> str:
        """The chart in a notebook's cell: light or dark, in words for those who cannot see it, its figures below."""
        from ig_tasks.charts.notebook import figure, section

        return section(figure(self))

    def svg(self, *, dark: bool = False) -> str:
        """The chart as an `<svg>` element for a page, without script.

        It scales with its container, and screen readers read `words`. Control characters in any text become visible
        escapes.

        Args:
            dark: in the colours of a dark page.
        """
        import altair as alt
        import vl_convert

        register()
        svg = vl_convert.vegalite_to_svg(
            self.coloured(dark=dark), vl_version=".".join(alt.SCHEMA_VERSION.split(".")[:2])
        )
        opening, _, inside = _with_own_ids(str(svg)).partition(">")
        box = opening.partition('viewBox="')[2].partition('"')[0]
        wide = float(box.split()[2])
        # Vega gives every group of marks a role without a name. `words` stand for all of it.
        drawing = inside.removesuffix("</svg>")
        # Pictures within it are named by an attribute of another language; a file of its own says which.
        xlink = ' xmlns:xlink="http://www.w3.org/1999/xlink"' if "xlink:" in drawing else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg"{xlink} class="chart" role="img" viewBox="{box}" '
            f'style="--wide:{wide * 1.12:.0f}px" aria-label="{html.escape(visible(self.alternative))}">'
            f'<g aria-hidden="true">{drawing}</g></svg>'
        )


def warm_up() -> None:
    """Import what draws charts and start its engine, which takes a second: for a process that draws later."""
    import altair as alt
    import vl_convert

    register()
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    vl_convert.vegalite_to_svg({"data": {"values": [{}]}, "mark": "point"}, vl_version=version)


def _with_own_ids(svg: str) -> str:
    """The SVG with ids that no other chart on its page has: a gradient or a clip is found by its id."""
    if 'id="' not in svg:
        return svg
    own = f"c{zlib.crc32(svg.encode()):08x}-"
    return _IDS.sub(lambda match: f"{match[1]}{own}{match[2]}", svg)


def _count_rows(part: Any) -> int:
    if isinstance(part, Mapping):
        rows = part.get("values")
        own = len(rows) if isinstance(rows, list) else 0
        named = sum(len(rows) for rows in part.get("datasets", {}).values()) if "datasets" in part else 0
        return own + named + sum(_count_rows(item) for key, item in part.items() if key not in ("values", "datasets"))
    return sum(map(_count_rows, part)) if isinstance(part, list) else 0


@contextmanager
def unvalidated() -> Iterator[None]:
    """Altair compares each part of a chart with Vega-Lite's schema as it is made: a third of the time of making them.

    The tests compare the whole charts.
    """
    from altair.utils import schemapi

    with schemapi.debug_mode(False):
        yield
