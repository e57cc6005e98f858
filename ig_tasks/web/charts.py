"""Charts of the browser's pages: Vega draws them where scripts run, and a picture stands in where none does.

A picture takes a fifth of a second of CPU, so it is drawn when a reader without script asks for it: its address is that
of its page with `picture=`, the chart's number on the page. The page's route answers it, to those who may see the page.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape

from ig_tasks.charts import Chart
from ig_tasks.charts.recolouring import recoloured
from ig_tasks.presentation.visible import visible
from ig_tasks.reports.numerals import count, number
from ig_tasks.web.latest_cache import LatestCache
from ig_tasks.web.palette import VARIABLES
from ig_tasks.web.turns import Turns

__all__ = ["Pictures", "chart_figure", "chart_place"]

PICTURE = "picture"
_TURNS, _WAITING = Turns(at_once=2, waiting=6), 10.0
_svgs: LatestCache[str] = LatestCache(48)
_WANTED = re.compile(r"[0-9]{1,3}d?")
_WIDE, _LEAST, _GROWTH = 420, 280, 1.3
"""Pixels: a wider chart scrolls rather than shrink to a phone's width; the least width; how far a chart may grow."""
_HEADS = {
    "abs_mean": "mean |attribution|",
    "mean": "signed mean",
    "bits": "values moved (bits)",
    "low": "from",
    "high": "to",
    "inner_low": "inner from",
    "inner_high": "inner to",
    "std_dev": "std. deviation",
    "label": "",
}
"""What stands above a chart's columns, where their names are not words."""


class Pictures:
    """The charts of one page, numbered in their order, and the answer to whoever asks for one of them as a picture."""

    def __init__(self, request: Request) -> None:
        self._charts: list[Chart] = []
        self._query = [(key, text) for key, text in request.query_params.multi_items() if key != PICTURE]
        self._wanted = request.query_params.get(PICTURE)

    def add(self, chart: Chart) -> tuple[str, str]:
        """The addresses of its picture, on a light page and on a dark one, relative to the page's."""
        place = len(self._charts)
        self._charts.append(chart)
        light, dark = (f"?{urlencode([*self._query, (PICTURE, f'{place}{mark}')])}" for mark in ("", "d"))
        return light, dark

    @property
    def wanted(self) -> bool:
        """Whether a picture was asked for, and not the page."""
        return self._wanted is not None

    def answer(self) -> Response | None:
        """The picture that was asked for, after the page was rendered; None where the page itself was."""
        if self._wanted is None:
            return None
        place = int(self._wanted.rstrip("d")) if _WANTED.fullmatch(self._wanted) else len(self._charts)
        if place >= len(self._charts):
            return PlainTextResponse("There is no such picture on this page.", status_code=404)
        chart, dark = self._charts[place], self._wanted.endswith("d")
        key = hashlib.sha256(json.dumps([chart.document, chart.words, dark], sort_keys=True).encode()).digest()
        return Response(_svgs.get(key, lambda: _drawn(chart, dark=dark)), media_type="image/svg+xml")


def _drawn(chart: Chart, *, dark: bool) -> str:
    with _TURNS.required(_WAITING, "Many pictures are being drawn at this moment. Try again in a few seconds."):
        return chart.svg(dark=dark)


def chart_figure(
    chart: Chart,
    pictures: Pictures,
    *,
    links: Mapping[str, str] | None = None,
    caption: str = "",
    table: bool = True,
    title: str = "The figures",
) -> Markup:
    """A `<figure>` of the chart.

    Args:
        chart: the chart.
        pictures: those of its page.
        links: {label in the chart: address}: where a click on a bar goes, or Enter.
        caption: what to say under it.
        table: whether its figures follow as a table that can be opened; False where the page has them in a table.
        title: what that table is called.
    """
    place = chart_place(chart, pictures, links)
    figcaption = Markup("<figcaption>{}</figcaption>").format(caption) if caption else ""
    figures = _table(chart, links or {}, title) if table else ""
    return Markup('<figure class="chart-figure">{}{}{}</figure>').format(place, figcaption, figures)


def chart_place(chart: Chart, pictures: Pictures, links: Mapping[str, str] | None = None) -> Markup:
    """What is within the figure: the place for the drawing, its document, and the picture for those without script."""
    light, dark = pictures.add(chart)
    if pictures.wanted:  # the page is not shown, and documents of charts take most of its time
        return Markup("")
    addresses = {visible(label): address for label, address in (links or {}).items()}
    document = recoloured(chart.document, VARIABLES)
    contents = {
        "spec": {**document, "width": "container"},
        "links": addresses,
        "rows": [[_line(row), addresses.get(_name(row))] for row in chart.table],
    }
    wide = round(chart.width * _GROWTH)
    least = _LEAST if chart.width <= _WIDE else min(round(chart.width), 560)
    words = visible(chart.words)
    return Markup(
        '<div class="chart-frame"><div class="chart-place" tabindex="0" role="img" aria-label="{words}" '
        'data-height="{height}" data-wide="{wide}" data-least="{least}"></div></div>'
        '<p class="chart-says" aria-live="polite"></p>'
        '<script type="application/json" class="chart-document">{contents}</script>'
        '<noscript><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        '<img class="chart-picture" src="{light}" alt="{words}" width="{wide}" height="{tall}" loading="lazy">'
        "</picture></noscript>"
    ).format(
        words=words,
        height=chart.height,
        tall=round(chart.height * _GROWTH),
        wide=wide,
        least=least,
        contents=htmlsafe_json_dumps(contents, allow_nan=False),
        light=light,
        dark=dark,
    )


def _table(chart: Chart, links: Mapping[str, str], title: str) -> Markup:
    columns = _columns(chart)
    heads = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(Markup(' class="n"') if place else "", _head(column))
        for place, column in enumerate(columns)
    )
    lines = Markup("").join(_row(row, columns, links) for row in chart.table)
    return Markup(
        '<details class="chart-table"><summary>{title}</summary>'
        '<div class="scroll" role="region" aria-label="{title}" tabindex="0"><table class="compact">'
        "<caption>{words}</caption><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div></details>"
    ).format(title=title, words=visible(chart.words), heads=heads, lines=lines)


def _row(row: Mapping[str, Any], columns: list[str], links: Mapping[str, str]) -> Markup:
    # A page has thousands of cells: `Markup.format` would take most of its time for them.
    first, *others = columns
    name = escape(_cell_text(row.get(first)))
    if address := links.get(str(row.get(first))):
        name = Markup('<a href="{}">{}</a>').format(address, name)
    cells = "".join(f'<td class="n">{escape(_cell_text(row.get(column)))}</td>' for column in others)
    return Markup(f'<tr><th scope="row">{name}</th>{cells}</tr>')  # noqa: S704 - all of it is escaped


def _columns(chart: Chart) -> list[str]:
    """The columns of all rows, in the order in which they come up."""
    return list(dict.fromkeys(column for row in chart.table for column in row))


def _head(column: str) -> str:
    return visible(_HEADS.get(column, column.replace("_", " ")))


def _name(row: Mapping[str, Any]) -> str:
    return visible(str(next(iter(row.values()), "")))


def _line(row: Mapping[str, Any]) -> str:
    """A row in words: what is read out to those who go through a chart with the arrow keys."""
    (_, name), *others = row.items()
    figures = ", ".join(f"{_head(column)} {_cell_text(value)}".strip() for column, value in others if value is not None)
    return f"{_cell_text(name)}: {figures}" if figures else _cell_text(name)


def _cell_text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return visible(str(value))
    return count(value) if isinstance(value, int) else number(value)
