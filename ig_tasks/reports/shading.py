"""Words and pixels shaded by their attributions: what raises the output in orange, what lowers it in blue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ig_tasks.presentation.colours import LOWERS, RAISES, rgb
from ig_tasks.presentation.shading import depth, joined, word_text
from ig_tasks.reports.numerals import number
from ig_tasks.store.report import Example, Heatmap, Passage, Report

__all__ = ["HeatmapView", "PassageView", "Shade", "heatmap_views", "passage_views"]

WORDS, STRONGEST, NUMBERED = 300, 8, 8
_RAISES, _LOWERS = rgb(RAISES), rgb(LOWERS)


@dataclass(frozen=True)
class Shade:
    """A word or a cell, and its colour; a constant of ours with two numbers, nothing of the data."""

    text: str
    attribution: float | None
    colour: str


@dataclass(frozen=True)
class PassageView:
    """The words of one text, or the categories of a bag, in their order, and the strongest of them."""

    label: str
    noun: str
    """`word` or `category`."""
    nouns: str
    words: tuple[Shade, ...]
    strongest: tuple[tuple[int, Shade], ...]
    left: int


@dataclass(frozen=True)
class HeatmapView:
    """An image's grid; numbers stand in the cells where they have room."""

    label: str
    rows: tuple[tuple[Shade, ...], ...]
    numbered: bool


def passage_views(example: Example, report: Report) -> tuple[PassageView, ...]:
    """A view for each text or bag of the row that holds words."""
    return tuple(_passage(passage, report) for passage in example.tokens if passage.words)


def heatmap_views(example: Example, report: Report) -> tuple[HeatmapView, ...]:
    """A view for each image of the row that is explained in a grid."""
    return tuple(_heatmap(heatmap, report) for heatmap in example.heatmaps if heatmap.rows)


def _passage(passage: Passage, report: Report) -> PassageView:
    feature = passage.feature or passage.input
    bag = any(item.kind == "bag" for item in report.features if item.name == feature)
    pairs = [(word.text, word.attribution) for word in passage.words]
    words = pairs if bag else joined(pairs)
    greatest = _greatest(size for _, size in words)
    shades = [Shade(word_text(word), size, _colour(size, greatest)) for word, size in words]
    numbered = sorted(enumerate(shades, 1), key=lambda item: -abs(item[1].attribution or 0.0))
    return PassageView(
        report.label(feature),
        *(("category", "categories") if bag else ("word", "words")),
        tuple(shades[:WORDS]),
        tuple(numbered[:STRONGEST]),
        max(0, len(shades) - WORDS),
    )


def _heatmap(heatmap: Heatmap, report: Report) -> HeatmapView:
    greatest = _greatest(value for row in heatmap.rows for value in row)
    numbered = len(heatmap.rows[0]) <= NUMBERED
    rows = tuple(
        tuple(Shade(_two_digits(value, greatest) if numbered else "", value, _colour(value, greatest)) for value in row)
        for row in heatmap.rows
    )
    return HeatmapView(report.label(heatmap.input), rows, numbered)


def _two_digits(value: float | None, greatest: float) -> str:
    """Two digits; a power of ten, for which a cell has no room, only where it is not next to nothing."""
    written = number(value, 2)
    return "≈\u00a00" if "×" in written and abs(value or 0.0) < 0.001 * greatest else written


def _greatest(values: Iterable[float | None]) -> float:
    return max((abs(value) for value in values if value is not None), default=0.0)


def _colour(value: float | None, greatest: float) -> str:
    if value is None or not greatest:
        return "transparent"
    red, green, blue = _RAISES if value > 0 else _LOWERS
    return f"rgba({red},{green},{blue},{depth(value, greatest):.3f})"
