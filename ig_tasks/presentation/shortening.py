"""Names that are too long for their place, shortened so that they can still be told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

__all__ = ["shortened", "shortened_apart"]

_END = 8
"""Letters kept of a name's end: what numbers a feature, or names its version, stands there."""


def shortened(text: str, letters: int, end: int = _END) -> str:
    """`text` in at most a number of letters: its beginning and its end.

    >>> shortened("late_payments_over_90_days_v7", 20)
    'late_paymen…_days_v7'
    """
    if len(text) <= letters:
        return text
    return f"{text[: max(letters - end - 1, 1)].rstrip()}…{text[-end:].lstrip()}"


def shortened_apart(texts: Mapping[str, str], letters: int) -> dict[str, str]:
    """The texts, of which those lose their middle that would read alike if they were cut at their end.

    Where the shortened texts would be alike too, they stay whole.
    """
    heads = Counter(text[: letters - 1] for text in texts.values())
    short = {key: shortened(text, letters) if heads[text[: letters - 1]] > 1 else text for key, text in texts.items()}
    times = Counter(short.values())
    return {key: text if times[text] == 1 else texts[key] for key, text in short.items()}
