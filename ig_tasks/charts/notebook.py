"""Charts and tables as HTML for a notebook's cell or a page of their own: light or dark as the reader has it.

Nothing here runs script, so that a notebook that is not trusted, or is sent on, shows the same.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ig_tasks.charts.drawn import Drawn
from ig_tasks.charts.typeface import FAMILY, font_faces
from ig_tasks.presentation.colours import DARK, LIGHT
from ig_tasks.presentation.visible import visible

__all__ = ["figure", "page_of", "section", "table"]

_MARKS = 1_500
"""Marks from which a chart is a picture of points in a cell: as lines it would be megabytes."""
_ROWS = 60
"""Rows of the table under a chart."""
_NAMES = ("ink", "soft", "line", "panel", "paper", "accent", "raises", "lowers", "good", "care", "bad", "alarm")
# Notebooks say which theme they have in their own ways; without one the reader's choice for all pages counts.
_ARE_DARK = ('[data-jp-theme-light="false"]', ".vscode-dark", 'html[theme="dark"]', '[data-md-color-scheme="slate"]')
_ARE_LIGHT = (
    '[data-jp-theme-light="true"]',
    ".vscode-light",
    'html[theme="light"]',
    '[data-md-color-scheme="default"]',
)


def section(*parts: str, title: str = "") -> str:
    """Parts of HTML, one below the other, in the page's colours."""
    heading = f"<h4>{_text(title)}</h4>" if title else ""
    return f'<div class="ig-view"><style>{_style()}</style>{heading}{"".join(parts)}</div>'


def figure(chart: Drawn, *, figures: bool = True) -> str:
    """A chart in both themes' colours, of which the reader's is shown, and its figures as a table that opens."""
    light, dark = (f'<div class="ig-{name}">{_drawn(chart, dark=name == "dark")}</div>' for name in ("light", "dark"))
    return f"<figure>{light}{dark}{_figures(chart) if figures else ''}</figure>"


def page_of(charts: Sequence[Drawn]) -> str:
    """A page of its own, which needs nothing from elsewhere."""
    body = section(*(figure(chart) for chart in charts))
    title = _text(next((chart.heading or chart.words for chart in charts), ""))
    style = f"{font_faces(body)} body {{ margin: 1.5rem; }} {_page_colours()}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{style}</style></head><body>{body}</body></html>\n'
    )


def table(rows: Sequence[Mapping[str, Any]], heads: Mapping[str, str] | None = None, *, more: str = "") -> str:
    """Rows as an HTML table, all of it escaped.

    Args:
        rows: {column: text or number}; None is a dash.
        heads: {column: what stands above it}; all columns of the rows unless given.
        more: what to say below, of rows that were left out.
    """
    heads = heads or {name: name.replace("_", " ") for name in dict.fromkeys(name for row in rows for name in row)}
    numeric = {name for name in heads if all(_is_number(row.get(name)) for row in rows)}

    def cell(tag: str, name: str, text: str) -> str:
        return f"<{tag}{' class=n' if name in numeric else ''}>{_text(text)}</{tag}>"

    top = "".join(cell("th", name, text) for name, text in heads.items())
    lines = "".join(f"<tr>{''.join(cell('td', name, _written(row.get(name))) for name in heads)}</tr>" for row in rows)
    below = f"<p class=ig-soft>{_text(more)}</p>" if more else ""
    return f"<div class=ig-scroll><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>{below}"


def _drawn(chart: Drawn, *, dark: bool) -> str:
    if chart.marks <= _MARKS:
        return chart.svg(dark=dark)
    picture = base64.b64encode(chart.png(dark=dark)).decode("ascii")
    return f'<img src="data:image/png;base64,{picture}" alt="{_text(chart.alternative)}" width="{chart.width:.0f}">'


def _figures(chart: Drawn) -> str:
    left = len(chart.table) - _ROWS
    more = f"{left:,} more rows are in the chart's table." if left > 0 else ""
    words = f"<p class=ig-soft>{_text(chart.words)}</p>"
    return f"<details><summary>The figures</summary>{words}{table(chart.table[:_ROWS], more=more)}</details>"


def _text(text: str) -> str:
    return html.escape(visible(text))


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _written(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", "\u2212")
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _variables(colours: Mapping[str, str]) -> str:
    return " ".join(f"--ig-{name}: {colours[name]};" for name in _NAMES)


def _style() -> str:
    def shown(name: str, colours: Mapping[str, str], within: str) -> str:
        other = "dark" if name == "light" else "light"
        return (
            f"{within}.ig-view {{ color-scheme: {name}; {_variables(colours)} }} "
            f"{within}.ig-view .ig-{other} {{ display: none; }} {within}.ig-view .ig-{name} {{ display: block; }}"
        )

    themes = [f"@media (prefers-color-scheme: dark) {{ {shown('dark', DARK, '')} }}"]
    themes += [shown("light", LIGHT, f"{where} ") for where in _ARE_LIGHT]
    themes += [shown("dark", DARK, f"{where} ") for where in _ARE_DARK]
    return f"{shown('light', LIGHT, '')} {' '.join(themes)} {_LOOKS} @media print {{ {shown('light', LIGHT, '')} }}"


_LOOKS = (
    f".ig-view {{ font-family: '{FAMILY}', Arial, Helvetica, sans-serif; font-size: 13px; line-height: 1.45; "
    "color: var(--ig-ink); background: var(--ig-paper); padding: 10px 12px; border-radius: 4px; max-width: 900px; } "
    ".ig-view h4 { margin: 0 0 6px; font-size: 15px; color: var(--ig-ink); } .ig-view p { margin: 4px 0; } "
    ".ig-view figure { margin: 8px 0; } .ig-view svg { max-width: 100%; width: var(--wide); height: auto; } "
    ".ig-view img { max-width: 100%; height: auto; } .ig-view summary { cursor: pointer; color: var(--ig-accent); } "
    ".ig-view .ig-soft { color: var(--ig-soft); } .ig-view .ig-good { color: var(--ig-good); } "
    ".ig-view .ig-care { color: var(--ig-care); } .ig-view .ig-bad { color: var(--ig-bad); } "
    ".ig-view .ig-scroll { overflow-x: auto; max-height: 420px; } "
    ".ig-view table { border-collapse: collapse; margin: 6px 0; font-size: 12px; background: transparent; } "
    ".ig-view td, .ig-view th { padding: 3px 9px; text-align: left; border-bottom: 1px solid var(--ig-line); "
    "color: var(--ig-ink); background: transparent; white-space: nowrap; max-width: 340px; overflow: hidden; "
    "text-overflow: ellipsis; } .ig-view .n { text-align: right; font-variant-numeric: tabular-nums; }"
)


def _page_colours() -> str:
    return (
        f"body {{ background: {LIGHT['paper']}; }} "
        f"@media screen and (prefers-color-scheme: dark) {{ body {{ background: {DARK['paper']}; }} }}"
    )
