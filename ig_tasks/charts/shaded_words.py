"""A text whose words are shaded by their attributions, in lines as it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.charts.typeface import estimate
from ig_tasks.charts.written import Written, field, tooltips
from ig_tasks.presentation.colours import INK, LOWERS, RAISES, effect_colour
from ig_tasks.presentation.shading import depth, word_text
from ig_tasks.presentation.visible import visible

__all__ = ["shaded_words"]

_WIDTH, _SIZE, _LEADING, _PAD = 580, 15, 27, 4
_STRETCH = 0.93
"""Share of the estimated width: the words are measured as letter by letter, a little too wide."""
_LONGEST = 40
"""Letters of one word that are drawn."""


def shaded_words(words: Sequence[tuple[str, float]], units: str, *, row: str, strongest: int = 5) -> Chart:
    """The words in their order: what raises the output in orange, what lowers it in blue, the deeper the more.

    Args:
        words: (word, attribution).
        units: what an attribution is counted in.
        row: how the row is called in the text alternative.
        strongest: words that the text alternative names.
    """
    greatest = max((abs(size) for _, size in words), default=0.0)
    data: list[dict[str, Any]] = []
    x, line = 0.0, 0
    for place, (word, size) in enumerate(words):
        shown = word_text(word)
        shown = shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
        wide = estimate(visible(shown), _SIZE) * _STRETCH + 2 * _PAD
        if x and x + wide > _WIDTH:
            x, line = 0.0, line + 1
        data.append(
            {
                "place": place, "word": shown, "attribution": size, "x": x, "x2": x + wide, "middle": x + wide / 2,
                "y": line * _LEADING + 2, "y2": (line + 1) * _LEADING - 3, "line": line * _LEADING + _LEADING / 2,
                "colour": effect_colour(size), "depth": depth(size, greatest),
            }
        )  # fmt: skip
        x += wide + 2
    text_tall = (line + 1) * _LEADING
    legend = [
        {"x": 0, "x2": 14, "y": text_tall + 14, "y2": text_tall + 26, "middle": 20, "line": text_tall + 20,
         "word": "raises the output", "colour": RAISES, "depth": depth(1, 1)},
        {"x": 150, "x2": 164, "y": text_tall + 14, "y2": text_tall + 26, "middle": 170, "line": text_tall + 20,
         "word": "lowers it", "colour": LOWERS, "depth": depth(1, 1)},
    ]  # fmt: skip
    tall = text_tall + 34
    across = {"title": None, "axis": None, "scale": {"domain": [0, _WIDTH], "nice": False, "zero": False}}
    down = {"title": None, "axis": None, "scale": {"domain": [tall, 0], "nice": False, "zero": False}}
    told = tooltips({"word:N": "word", "attribution:Q": f"attribution{f' ({units})' if units else ''}"}, "+.4g")
    layers = [
        layer
        for name, align in (("words", "center"), ("legend", "left"))
        for layer in (_boxes(name, across, down, told if name == "words" else []), _letters(name, align, across, down))
    ]
    leading = sorted(words, key=lambda pair: -abs(pair[1]))[:strongest]
    listed = ", ".join(f"“{word_text(word)}” {size:+.3g}" for word, size in leading)
    said = (
        f"Text of row {row}: {len(words)} words shaded by their attributions{f', in {units}' if units else ''}; the "
        f"strongest are {listed or 'not there'}. The numbers are in the table."
    )
    table = tuple({"word": word_text(word), "attribution": size} for word, size in words)
    return Chart(
        Written(layers, {"words": data, "legend": legend}, {}), said, table, Frame(1, width=_WIDTH, tall=tall + 16)
    )


def _boxes(name: str, across: dict[str, Any], down: dict[str, Any], told: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "data": {"name": name},
        "mark": {"type": "rect", "cornerRadius": 3},
        "encoding": {
            "x": field("x:Q", **across), "x2": {"field": "x2"}, "y": field("y:Q", **down), "y2": {"field": "y2"},
            "color": field("colour:N", scale=None), "opacity": field("depth:Q", scale=None, legend=None),
            **({"tooltip": told} if told else {}),
        },
    }  # fmt: skip


def _letters(name: str, align: str, across: dict[str, Any], down: dict[str, Any]) -> dict[str, Any]:
    size = _SIZE if name == "words" else 12
    return {
        "data": {"name": name},
        "mark": {"type": "text", "align": align, "baseline": "middle", "fontSize": size, "color": INK},
        "encoding": {"x": field("middle:Q", **across), "y": field("line:Q", **down), "text": field("word:N")},
    }
