"""What a method is given: the rows of one call, their baselines, and the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from ig_tasks.attribution.methods.base import Method
from ig_tasks.attribution.named_inputs import NamedInputs
from ig_tasks.attribution.result import AttributionResult

__all__ = ["Call"]


class Call(Protocol):
    """One call of the engine by a method of another definition."""

    @property
    def model(self) -> Any:
        """The model."""
        ...

    @property
    def named(self) -> NamedInputs:
        """The rows."""
        ...

    @property
    def starts(self) -> Sequence[Mapping[str, Any]]:
        """The baselines, {input name: one row's array, or one per row} each."""
        ...

    @property
    def shares(self) -> Sequence[float] | None:
        """What each counts in the average; None: all the same."""
        ...

    def each(self, method: Method | None = None) -> Iterator[AttributionResult]:
        """The rows from each baseline, one after the other; by Integrated Gradients unless told otherwise."""
        ...

    def average(self, results: Sequence[AttributionResult], shares: Sequence[float] | None) -> AttributionResult:
        """The mean of results over baselines, with its error bound and status."""
        ...
