"""What every chart shares: axes, the line at zero, and labels that fit beside them.

Features, categories and levels are values of fixed columns (`label`, `low`, ...), never field names, so that no name
is read as chart shorthand. Altair is imported when a chart is made: DAG files must not pay for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ig_tasks.charts.typeface import cut, room
from ig_tasks.presentation.colours import FAINT, INK
from ig_tasks.presentation.shortening import shortened_apart
from ig_tasks.presentation.visible import visible

__all__ = [
    "LABEL",
    "LETTERS",
    "WORDS",
    "fitted",
    "labels_axis",
    "numbers_axis",
    "told",
    "unique_labels",
    "words_axis",
    "zero_line",
]

LETTERS, LABEL, _APART = 12, 165, 25
"""The size of a label's letters, the greatest width of a label, in pixels, and letters that surely fit into it."""
WORDS: dict[str, Any] = {"labelLimit": LABEL, "labelColor": INK, "ticks": False, "domain": False, "labelPadding": 6}
"""How an axis of words looks."""


def unique_labels(features: Iterable[str], labels: Mapping[str, str]) -> dict[str, str]:
    """What to write for each feature: its label, followed by its name where two features share the label."""
    names = list(features)
    written = [labels.get(name, name) for name in names]
    times = Counter(written)
    texts = {
        name: label if times[label] == 1 else f"{label} ({name})" for name, label in zip(names, written, strict=True)
    }
    return fitted(shortened_apart(texts, _APART))


def fitted(labels: Mapping[str, str], limit: int = LABEL) -> dict[str, str]:
    """The labels, with those cut short that the chart library cannot measure; no two become the same."""
    short = {name: cut(label, LETTERS, limit) for name, label in labels.items()}
    times = Counter(short.values())
    return {name: label if times[label] == 1 else labels[name] for name, label in short.items()}


def words_axis(alt: Any, texts: Iterable[str], limit: int = LABEL) -> Any:
    """An axis of words: at least as wide as the texts whose letters the chart library cannot measure."""
    wide = max((room(visible(text), LETTERS) for text in texts), default=0.0)
    return alt.Axis(**WORDS | {"labelLimit": limit} | ({"minExtent": min(wide, limit) + 8} if wide else {}))


def labels_axis(alt: Any, data: Sequence[Mapping[str, Any]]) -> Any:
    """The vertical axis: the labels of the rows, in their order."""
    labels = [item["label"] for item in data]
    return alt.Y("label:N", title=None, scale=alt.Scale(domain=labels), axis=words_axis(alt, labels))


def numbers_axis(alt: Any) -> Any:
    """An axis of numbers with few ticks and a grid."""
    return alt.Axis(tickCount=5, grid=True, labelFlush=False)


def told(alt: Any, titles: Mapping[str, str], figures: str = ".4g") -> list[Any]:
    """What a page says of a mark under the pointer: {column: what to call it}; numbers are those after the label.

    Args:
        titles: {column with its type, as in `mean:Q`: its name in words}.
        figures: how numbers are written.
    """
    return [
        alt.Tooltip(column, title=title, **({"format": figures} if column.endswith(":Q") else {}))
        for column, title in titles.items()
    ]


def zero_line(alt: Any) -> Any:
    """A vertical line at zero."""
    return alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=FAINT, strokeWidth=1).encode(x=alt.X("zero:Q"))
