"""The palette: every colour of page, charts, shading, terminal, notebook and Airflow's graph is set here.

What raises the output has one colour, what lowers it another, everywhere. Orange and blue are told apart by every
common kind of colour-blindness, and can be read on white and on black.
"""

from __future__ import annotations

__all__ = [
    "ACCENT",
    "AT_BEST",
    "DARK",
    "FAINT",
    "GRID",
    "HIGH_VALUE",
    "INK",
    "LIGHT",
    "LINES",
    "LOWERS",
    "LOW_VALUE",
    "MIDDLE",
    "PAGE",
    "PALE",
    "PAPER",
    "RAISES",
    "TASKS",
    "TERMINAL",
    "effect_colour",
    "rgb",
]

RAISES, LOWERS = "#b5520b", "#2a66ad"
INK, FAINT, GRID, PAPER = "#1d252c", "#5b6770", "#e4e8eb", "#ffffff"
"""Words and marks; axes and what is less important; lines behind a chart; the background."""
ACCENT, MIDDLE, PALE = "#17616b", "#5aa3ab", "#f3f8f8"
"""For sizes without a sign: bars; the middle half of a box and the darkest cell of a heat map; its lightest cell."""
LOW_VALUE, HIGH_VALUE = "#8cc5ca", "#0b3238"
"""The ends of a scale of what features held or models said, which neither raises nor lowers."""
LINES = (ACCENT, "#8e3fc4", "#b3126b", "#6e6a00", "#3a2a1e")
"""Lines of one chart that must be followed apart from each other; each has a pattern of dashes too."""
AT_BEST = "#e0a458"
"""The second bar of each model in the chart of the benchmarks."""

PAGE = {
    "ink": INK,
    "accent": ACCENT,
    "raises": RAISES,
    "lowers": LOWERS,
    "paper": PAPER,
    "soft": "#515c65",
    "line": "#dde2e6",
    "panel": "#f5f7f8",
    "good": "#1c6b3f",
    "care": "#855c00",
    "bad": "#a5222a",
    "alarm": "#fcf1f1",
}
"""The page's CSS variables: `soft` for small print, `panel` and `alarm` behind boxes, `good` to `bad` for verdicts."""

LIGHT = {
    **PAGE,
    "faint": FAINT,
    "grid": GRID,
    "middle": MIDDLE,
    "pale": PALE,
    "low-value": LOW_VALUE,
    "high-value": HIGH_VALUE,
    **{f"line-{place}": colour for place, colour in enumerate(LINES[1:], start=2)},
}
"""Every colour of pages and charts by its name: each has one meaning, and a counterpart in DARK."""

DARK = {
    "ink": "#e8edf0",
    "accent": "#62c4cf",
    "raises": "#f2a25c",
    "lowers": "#7fb2f2",
    "paper": "#14191d",
    "soft": "#a9b4bc",
    "line": "#343e46",
    "panel": "#1c2328",
    "good": "#74cf9a",
    "care": "#e3b552",
    "bad": "#ff8d8d",
    "alarm": "#3a1e21",
    "faint": "#9aa6ae",
    "grid": "#2b343b",
    "middle": "#2d737d",
    "pale": "#172528",
    "low-value": "#3b7680",
    "high-value": "#d8fbff",
    "line-2": "#c9a0ff",
    "line-3": "#ff84a8",
    "line-4": "#d8cc4a",
    "line-5": "#f4e4d8",
}
"""The same on a dark background."""

TASKS = {"stage": "#e8eef7", "compute": "#dcebdc", "publish": "#f7efdc", "broken": "#f7dcdc"}
"""Tasks in Airflow's graph, by what they do."""


TERMINAL = {"good": "green", "care": "yellow", "bad": "red", "accent": "cyan", "soft": "dim"}
"""Styles of the terminal, by the same names: the terminal's own colours, which fit its background, light or dark."""


def effect_colour(figure: float | None) -> str:
    """The colour for an effect of this size: RAISES, LOWERS, or FAINT where it is zero or not known.

    >>> effect_colour(0.1) == RAISES, effect_colour(-0.1) == LOWERS, effect_colour(0.0) == FAINT
    (True, True, True)
    """
    if not figure:
        return FAINT
    return RAISES if figure > 0 else LOWERS


def rgb(colour: str) -> tuple[int, int, int]:
    """The red, green and blue parts of a colour such as "#ff8000", 0 to 255.

    >>> rgb("#ff8000")
    (255, 128, 0)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
