"""A chart as a file: a picture of points, a picture of lines, or a page."""

from __future__ import annotations

import html
from pathlib import Path
from typing import IO, Any

from ig_tasks.charts.drawn import Drawn
from ig_tasks.charts.notebook import page_of
from ig_tasks.charts.typeface import font_faces
from ig_tasks.errors import InputError
from ig_tasks.presentation.colours import DARK, LIGHT
from ig_tasks.presentation.visible import visible

__all__ = ["FORMATS", "save_chart"]

FORMATS = ("png", "svg", "html")


def save_chart(chart: Drawn, to: str | Path | IO[Any], format: str | None, *, dark: bool, scale: float) -> None:  # noqa: A002
    """Write a chart to a path, or to a file that is open.

    Raises:
        InputError: for an ending that is not in FORMATS.
    """
    kind = format or (Path(to).suffix.lstrip(".") if isinstance(to, str | Path) else "")
    if kind.lower() not in FORMATS:
        given = f"'{to}' ends in none of them" if isinstance(to, str | Path) and format is None else f"not {kind!r}"
        raise InputError(f"save: a chart is written as {', '.join(FORMATS)}; {given}")
    content: str | bytes
    if kind.lower() == "png":
        content = chart.png(dark=dark, scale=scale)
    elif kind.lower() == "svg":
        content = standalone_svg(chart, dark=dark)
    else:
        content = page_of([chart])
    if isinstance(to, str | Path):
        Path(to).write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return
    try:
        to.write(content)
    except TypeError:  # an open file of the other kind
        to.write(content.decode("latin-1") if isinstance(content, bytes) else content.encode("utf-8"))


def standalone_svg(chart: Drawn, *, dark: bool = False) -> str:
    """The chart as an SVG file: with its own font, its paper, and the text alternative as its title."""
    svg = chart.svg(dark=dark)
    opening, _, inside = svg.partition(">")
    box = opening.partition('viewBox="')[2].partition('"')[0].split()
    style = f"<style>{font_faces(svg)}</style>"
    paper = f'<rect width="100%" height="100%" fill="{(DARK if dark else LIGHT)["paper"]}"/>'
    size = f' width="{box[2]}" height="{box[3]}"'
    title = f"<title>{html.escape(visible(chart.alternative))}</title>"
    return f"{opening}{size}>{title}{style}{paper}{inside}"
