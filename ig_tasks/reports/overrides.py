"""The words for an ad-hoc run: what it has otherwise than its spec."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Protocol

from ig_tasks.store.report import Report

__all__ = ["HEADLINE", "leading", "override_words", "verdict"]

HEADLINE = "Ad-hoc run: this is not the official report"
_LEADING = 3
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
    return [f"{one.field} is {_said(one.run)}, in the spec it is {_said(one.spec)}" for one in overrides]


def verdict(report: Report) -> str:
    """What came of a run: `published`, `withheld`, or `ad-hoc` where its settings were not the spec's own."""
    return report.state if report.official or not report.published else "ad-hoc"


def leading(report: Report) -> list[str]:
    """The three features that lead the ranking of the first target, as people call them."""
    return [report.label(row.feature) for row in report.ranking()[:_LEADING]]


def _said(value: Any) -> str:
    if value is None:
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"
