"""What a method is given: the rows of one call, their baselines, and the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

from ig_tasks.attribution.layer_places import LayerPlace
from ig_tasks.attribution.methods.base import Method
from ig_tasks.attribution.named_inputs import NamedInputs
from ig_tasks.attribution.result import AttributionResult
from ig_tasks.attribution.tolerances import Tolerances

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

    @property
    def tolerances(self) -> Tolerances:
        """When a row is done."""
        ...

    @property
    def max_evaluations(self) -> int:
        """Gradient evaluations that a row may take."""
        ...

    @property
    def passed_on(self) -> dict[str, Any]:
        """All inputs, to be passed on as they are."""
        ...

    def on(self, model: Any, **changes: Any) -> Self:
        """The same with another model, and fields that go with it; `arrays` are its inputs by name."""
        ...

    def read(self, place: LayerPlace) -> Self:
        """The same with a layer's tensor as the output, every number of it."""
        ...

    def opened(self, start: Mapping[str, Any]) -> AbstractContextManager[Any]:
        """The rows and one of the baselines before the opened model, as `OpenedRows`."""
        ...

    def each(self, method: Method | None = None) -> Iterator[AttributionResult]:
        """The rows from each baseline, one after the other; by Integrated Gradients unless told otherwise."""
        ...

    def average(self, results: Sequence[AttributionResult], shares: Sequence[float] | None) -> AttributionResult:
        """The mean of results over baselines, with its error bound and status."""
        ...
