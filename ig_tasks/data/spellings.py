"""How categories are spelled: the one spelling of a value, and the known category that another spelling means."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

__all__ = ["Spellings", "category_name", "category_names", "normal_form"]

_TRUE, _FALSE = {"true", "t", "yes", "y", "on", "1"}, {"false", "f", "no", "n", "off", "0"}
_TEXT = {"str", "string"}
"""Names of the types of text of pandas, whose values are their own names."""
_COMPARED = 2000
"""Known categories that an unknown one is compared with letter by letter."""


def category_name(value: object) -> str:
    """The one spelling of a category, in a vocabulary as in the data.

    A whole number has no decimal point: a column of integers with a missing value arrives as floats,
    and month 1 must not become category "1.0".
    """
    if isinstance(value, float | np.floating) and math.isfinite(value) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def category_names(distinct: Any) -> list[str]:
    """The `category_name` of each of an array's values; of a missing one anything."""
    if str(distinct.dtype) in _TEXT:
        return list(distinct.to_numpy(dtype=object))
    return [category_name(value) for value in distinct]


@lru_cache(maxsize=1 << 14)
def normal_form(text: str) -> str:
    """`text` without what two spellings of one category differ in: case, blanks, invisible letters, a number's form."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    visible = "".join(letter for letter in folded if unicodedata.category(letter)[0] != "C" or letter.isspace())
    plain = " ".join(visible.split())
    if "_" in plain:
        return plain  # Python reads 1_0 as a number, and no data have it for 10
    try:
        number = float(plain)
    except ValueError:
        return plain
    if not math.isfinite(number) or not plain.isascii() or plain.strip("+-").startswith(("inf", "nan")):
        return plain
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


class Spellings:
    """The categories that a model knows, found by other spellings of them."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(known)

    def alike(self, text: str) -> str | None:
        """The known category that differs from `text` in case, blanks or a number's form alone; None without one."""
        form = normal_form(text)
        category = self._by_form.get(form)
        if category is None and self._truth_values:
            category = self._truth_values.get(form in _TRUE) if form in _TRUE | _FALSE else None
        return None if category == text else category

    def nearest(self, text: str) -> str | None:
        """`alike`, else a known category that is nearly spelled so; None where nothing is near."""
        category = self.alike(text)
        if category is not None:
            return category
        form = normal_form(text)
        if any(letter.isdigit() for letter in form):
            return None  # an id or a code is another one, not a slip of the pen
        near = [name for name in self._by_form if abs(len(name) - len(form)) <= 2 and name[:1] == form[:1]]
        close = get_close_matches(form, near[:_COMPARED], n=1, cutoff=0.85)
        return self._by_form[close[0]] if close else None

    def alike_among(self, counts: Mapping[str, int]) -> int:
        """How many of these cells, {spelling: cells}, are `alike` a known category."""
        return sum(count for text, count in counts.items() if self.alike(text) is not None)

    def with_nearest(self, texts: Sequence[str]) -> list[tuple[str, str | None]]:
        """Each text with its `nearest`."""
        return [(text, self.nearest(text)) for text in texts]

    @cached_property
    def _by_form(self) -> dict[str, str]:
        by_form: dict[str, str] = {}
        for name in self._known:
            by_form.setdefault(normal_form(name), name)
        return by_form

    @cached_property
    def _truth_values(self) -> dict[bool, str]:
        """The two truth values, where the vocabulary is made of them."""
        if not 0 < len(self._by_form) <= 2 or not set(self._by_form) <= _TRUE | _FALSE:
            return {}
        return {form in _TRUE: name for form, name in self._by_form.items()}
