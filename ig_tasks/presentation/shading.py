"""How deep the shade of a word or a pixel is, and how pieces of words are put together: page, charts, notebook."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["DEEPEST", "depth", "joined", "word_text"]

DEEPEST = 0.62
"""The strongest shade still leaves dark letters readable on it, at a contrast of 4.5 to 1."""
_PIECE = "##"


def depth(size: float | None, greatest: float) -> float:
    """The opacity of a shade, from 0 to DEEPEST.

    >>> depth(0.5, 1.0), depth(None, 1.0), depth(0.0, 0.0)
    (0.31, 0.0, 0.0)
    """
    return DEEPEST * abs(size) / greatest if size and greatest else 0.0


def joined(words: Iterable[tuple[str, float | None]]) -> list[tuple[str, float | None]]:
    """Pieces of one word as that word, with the sum of their attributions: WordPiece writes all but the first as `##`.

    The sum is not known where a part of it is not.

    >>> joined([("un", 1.0), ("##kind", 2.0), ("now", 0.5)])
    [('unkind', 3.0), ('now', 0.5)]
    """
    whole: list[tuple[str, float | None]] = []
    for text, size in words:
        if whole and text.startswith(_PIECE) and text != _PIECE:
            before, first = whole.pop()
            total = None if first is None or size is None else first + size
            whole.append((before + text.removeprefix(_PIECE), total))
            continue
        whole.append((text, size))
    return whole


def word_text(token: str) -> str:
    """A token without the mark that some tokenizers put in place of the blank before it."""
    return token.replace("Ġ", "").replace("▁", "") or token
