"""`attribute_by_method`: the rows of one call by whichever method was chosen, from one or several baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ig_tasks.attribution.averaging import average
from ig_tasks.attribution.backends import as_model
from ig_tasks.attribution.engine import attribute
from ig_tasks.attribution.feeds import Layers
from ig_tasks.attribution.layer_calls import EVERY, OpenedRows, opened_rows
from ig_tasks.attribution.layer_models import layer_model
from ig_tasks.attribution.layer_places import LayerPlace
from ig_tasks.attribution.methods import IntegratedGradients, Method, choose_method
from ig_tasks.attribution.methods.described import Described
from ig_tasks.attribution.named_inputs import NamedInputs
from ig_tasks.attribution.options import EngineOptions
from ig_tasks.attribution.result import NOT_FINITE, UNVERIFIED, AttributionResult
from ig_tasks.attribution.tolerances import Tolerances

__all__ = ["attribute_by_method"]


def attribute_by_method(
    model: Any,
    inputs: Any,
    starts: Sequence[Mapping[str, Any]],
    options: EngineOptions,
    *,
    shares: Sequence[float] | None = None,
    fixed: Mapping[str, Any] | None = None,
    target: Any = None,
    layers: Layers | None = None,
    refuse: bool = True,
) -> AttributionResult:
    """Attribute the rows by `options.method`; the arguments are those of `attribute_averaged`.

    The result's details name the method and its parameters. What a method does not have is NaN: its rows have no delta
    without completeness, and are `unverified` without an error estimate.

    Raises:
        UserError: what `attribute` raises, and for baselines that do not fit the method.
    """
    method = choose_method(options.method)
    model = as_model(model, inputs)
    call = MethodCall(
        model, NamedInputs.of(model, inputs), starts, options, shares, fixed, target, layers, refuse=refuse
    )
    if not isinstance(method, Described):
        return call.average(list(call.each(method)), shares)
    result = method.explain(call)
    named = {"method": method.name, "method_parameters": method.parameters}
    return replace(result, details={**result.details, **named})


@dataclass(frozen=True)
class MethodCall:
    """The rows of one call, their baselines, and the engine: what a method of another definition is given."""

    model: Any
    named: NamedInputs
    starts: Sequence[Mapping[str, Any]]
    options: EngineOptions
    shares: Sequence[float] | None
    fixed: Mapping[str, Any] | None
    target: Any
    layers: Layers | None
    refuse: bool

    @property
    def tolerances(self) -> Tolerances:
        """When a row is done."""
        return self.options.tolerances

    @property
    def max_evaluations(self) -> int:
        """Gradient evaluations that a row may take."""
        return self.options.max_evaluations

    def each(self, method: Method | None = None) -> Iterator[AttributionResult]:
        """The rows from each baseline, one after the other; by Integrated Gradients unless told otherwise.

        A method that knows of no baseline takes the first alone.
        """
        chosen = method or IntegratedGradients()
        knows = not isinstance(chosen, Described) or chosen.needs_baseline
        for start in self.starts if knows else self.starts[:1]:
            yield attribute(
                self.model,
                self.named,
                self.named.as_given(start),
                options=replace(self.options, method=chosen),
                fixed=self.fixed,
                target=self.target,
                layers=self.layers,
                refuse=self.refuse,
            )

    def on(self, model: Any, **changes: Any) -> MethodCall:
        """The same with another model, and fields that go with it; `arrays` are its inputs by name."""
        arrays = changes.pop("arrays", None)
        if arrays is not None:
            changes["named"] = NamedInputs.of(model, arrays)
        return replace(self, model=model, **changes)

    def read(self, place: LayerPlace) -> MethodCall:
        """The same with a layer's tensor as the output, every number of it."""
        return self.on(layer_model(self.model, [place], "read", self.named), target=EVERY)

    @contextmanager
    def opened(self, start: Mapping[str, Any]) -> Iterator[OpenedRows]:
        """The rows and one of the baselines before the opened model."""
        with opened_rows(
            self.model,
            self.named,
            self.named.as_given(start),
            options=self.options,
            fixed=self.fixed,
            target=self.target,
            layers=self.layers,
        ) as rows:
            yield rows

    @property
    def passed_on(self) -> dict[str, Any]:
        """All inputs, to be passed on as they are."""
        return {**self.named.arrays, **self.named.absent, **(self.fixed or {})}

    def average(self, results: Sequence[AttributionResult], shares: Sequence[float] | None) -> AttributionResult:
        """The mean of results over baselines, with its error bound and status."""
        if len(results) == 1:
            return results[0]
        mean = average(results, self.options.tolerances, shares)
        if not all(np.isnan(each.convergence_delta).all() for each in results):
            return mean
        # A method without completeness has nothing to judge.
        status = np.where(np.isfinite(mean.attribution_size), UNVERIFIED, NOT_FINITE)
        return replace(mean, status=status, details={**mean.details, "below_rounding": 0})
