"""The words for an ad-hoc run: what it has otherwise than its spec."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Protocol

__all__ = ["HEADLINE", "override_words"]

HEADLINE = "Ad-hoc run: this is not the official report"
_MOST = 120
"""Characters of a value that are shown."""


class _Override(Protocol):
    @property
    def field(self) -> str: ...
    @property
    def spec(self) -> Any: ...
    @property
    def run(self) -> Any: ...


def override_words(overrides: Iterable[_Override]) -> list[str]:
    """`data.sample is 500, in the spec it is not set`, a line for each."""
    return [
        f"{override.field} is {_value_words(override.run)}, in the spec it is {_value_words(override.spec)}"
        for override in overrides
    ]


def _value_words(value: Any) -> str:
    if value is None:
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"
