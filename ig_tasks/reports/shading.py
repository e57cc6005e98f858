"""Words and pixels shaded by their attributions: what raises the output in orange, what lowers it in blue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ig_tasks.store.report import Example, Heatmap, Passage

__all__ = ["HeatmapView", "PassageView", "Shade", "heatmap_views", "passage_views"]

WORDS, STRONGEST, NUMBERED = 300, 8, 8
_RAISES, _LOWERS = (181, 82, 11), (42, 102, 173)
_DEEPEST = 0.62
"""The strongest shade still leaves dark letters readable on it, at a contrast of 4.5 to 1."""


@dataclass(frozen=True)
class Shade:
    """A word or a cell, and its colour; a constant of ours with two numbers, nothing of the data."""

    text: str
    attribution: float | None
    colour: str


@dataclass(frozen=True)
class PassageView:
    """The words of one input in their order, and the strongest of them."""

    input: str
    words: tuple[Shade, ...]
    strongest: tuple[tuple[int, Shade], ...]
    left: int


@dataclass(frozen=True)
class HeatmapView:
    """An image's grid; numbers stand in the cells where they have room."""

    input: str
    rows: tuple[tuple[Shade, ...], ...]
    numbered: bool


def passage_views(example: Example) -> tuple[PassageView, ...]:
    return tuple(_passage(passage) for passage in example.tokens if passage.words)


def heatmap_views(example: Example) -> tuple[HeatmapView, ...]:
    return tuple(_heatmap(heatmap) for heatmap in example.heatmaps if heatmap.rows)


def _passage(passage: Passage) -> PassageView:
    greatest = _greatest(word.attribution for word in passage.words)
    shades = [Shade(_shown(word.text), word.attribution, _colour(word.attribution, greatest)) for word in passage.words]
    numbered = sorted(enumerate(shades, 1), key=lambda item: -abs(item[1].attribution or 0.0))
    return PassageView(
        passage.input,
        tuple(shades[:WORDS]),
        tuple(numbered[:STRONGEST]),
        max(0, len(shades) - WORDS),
    )


def _heatmap(heatmap: Heatmap) -> HeatmapView:
    greatest = _greatest(value for row in heatmap.rows for value in row)
    rows = tuple(tuple(Shade("", value, _colour(value, greatest)) for value in row) for row in heatmap.rows)
    return HeatmapView(heatmap.input, rows, numbered=len(rows[0]) <= NUMBERED)


def _greatest(values: Iterable[float | None]) -> float:
    return max((abs(value) for value in values if value is not None), default=0.0)


def _colour(value: float | None, greatest: float) -> str:
    if value is None or not greatest:
        return "transparent"
    red, green, blue = _RAISES if value > 0 else _LOWERS
    return f"rgba({red},{green},{blue},{_DEEPEST * abs(value) / greatest:.3f})"


def _shown(text: str) -> str:
    """A token without the mark that some tokenizers put in place of the blank before it."""
    return text.replace("Ġ", "").replace("▁", "") or text
