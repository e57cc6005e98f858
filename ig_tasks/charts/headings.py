"""What stands above a chart where no page says it: its heading, and notes below it in lines that fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ig_tasks.charts.typeface import estimate
from ig_tasks.presentation.colours import FAINT, INK

__all__ = ["heading_of", "lines_of", "wrapped"]

_SIZE, _NOTE, _LEADING, _AROUND = 13, 11, 16, 10
"""Letters of a heading and of a note, pixels of a line, and around all of them."""


def heading_of(heading: str, notes: Sequence[str], width: float) -> dict[str, Any]:
    """The heading as Vega-Lite's title, at the chart's left end."""
    return {
        "text": wrapped(heading, width, _SIZE) if heading else "",
        "subtitle": [line for note in notes for line in wrapped(note, width, _NOTE)],
        "anchor": "start",
        "frame": "bounds",
        "align": "left",
        "fontSize": _SIZE,
        "fontWeight": "bold",
        "color": INK,
        "lineHeight": _LEADING,
        "subtitleFontSize": _NOTE,
        "subtitleFontWeight": "normal",
        "subtitleColor": FAINT,
        "subtitleLineHeight": _LEADING,
        "subtitlePadding": 4,
        "offset": 8,
    }


def lines_of(heading: str, notes: Sequence[str], width: float) -> int:
    """Pixels that they take."""
    if not heading and not notes:
        return 0
    lines = len(wrapped(heading, width, _SIZE)) if heading else 0
    return _LEADING * (lines + sum(len(wrapped(note, width, _NOTE)) for note in notes)) + _AROUND


def wrapped(text: str, width: float, size: float) -> list[str]:
    """`text` in lines of at most `width` pixels; a word that is wider than a line is divided."""
    lines: list[str] = []
    for word in text.split():
        if lines and _wide(f"{lines[-1]} {word}", size) <= width:
            lines[-1] = f"{lines[-1]} {word}"
            continue
        while _wide(word, size) > width:
            fits = next((end for end in range(len(word) - 1, 1, -1) if _wide(word[:end], size) <= width), 1)
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    return lines


def _wide(text: str, size: float) -> float:
    return estimate(text, size) * _NARROWER


_NARROWER = 0.92
"""`estimate` reckons with wide letters; whole sentences are narrower."""
