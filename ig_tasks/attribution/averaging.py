"""Rows explained from several baselines, and their average as one explanation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.engine import attribute
from ig_tasks.attribution.feeds import Layers
from ig_tasks.attribution.named_inputs import NamedInputs
from ig_tasks.attribution.options import EngineOptions
from ig_tasks.attribution.result import AttributionResult
from ig_tasks.attribution.tolerances import Tolerances

__all__ = ["attribute_averaged", "average", "join"]

Array = npt.NDArray[np.float64]


def attribute_averaged(
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
    """Attribute the same rows from each of several baselines, and average.

    Args:
        starts: the baselines, {input name: one row's array, or one per row} each; one at least.
        shares: what each counts in the average, which sum to one; None: all the same.
        model, inputs, options, fixed, target, layers, refuse: as for `attribute`.

    Returns:
        The explanation from the only baseline, else the average with its error bound and status.

    Raises:
        UserError: what `attribute` raises.
    """
    named = NamedInputs.of(model, inputs)
    results = [
        attribute(
            model,
            named,
            named.as_given(start),
            options=options,
            fixed=fixed,
            target=target,
            layers=layers,
            refuse=refuse,
        )
        for start in starts
    ]
    return average(results, options.tolerances, shares)


def average(
    results: Sequence[AttributionResult], tolerances: Tolerances, shares: Sequence[float] | None = None
) -> AttributionResult:
    """The mean over baselines, as one explanation whose `baseline_output` is the mean F(b).

    Args:
        shares: what each explanation counts, which sum to one; None: all the same.

    Errors are bounded by the triangle inequality: where attributions of different baselines cancel, the
    relative error of the mean is larger than that of any of them, and the status says so.
    """
    first = results[0]
    if len(results) == 1:
        return first
    count = len(results)
    parts = [_arrays_by_input(each) for each in results]

    def of_all(arrays: list[Array]) -> Array:
        return np.asarray(np.mean(arrays, axis=0) if shares is None else np.average(arrays, axis=0, weights=shares))

    def averaged(field: Callable[[AttributionResult], Array]) -> Array:
        return of_all([field(each) for each in results])

    mean = {name: of_all([part[name] for part in parts]) for name in parts[0]}

    output, baseline_output = averaged(lambda e: e.output), averaged(lambda e: e.baseline_output)
    delta = averaged(lambda e: e.convergence_delta)
    tolerances = replace(tolerances, epsilon=first.details.get("epsilon", 0.0))
    axes = output.ndim
    size = _size(mean, axes)
    error = of_all([each.error_estimate * _size(part, axes) for each, part in zip(results, parts, strict=True)])
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = np.where(error == 0.0, 0.0, error / size)
    status, relative, below = tolerances.judge(delta, (output, baseline_output), size, estimate)
    return AttributionResult(
        attributions=mean if isinstance(first.attributions, dict) else next(iter(mean.values())),
        output=output,
        baseline_output=baseline_output,
        convergence_delta=delta,
        relative_delta=relative,
        error_estimate=estimate,
        evaluations=np.sum([each.evaluations for each in results], axis=0, dtype=np.int32),
        status=status,
        details={**first.details, "baselines": count, "below_rounding": int(below.sum())},
        refused={row: why for each in results for row, why in each.refused.items()},
    )


def join(results: Sequence[AttributionResult]) -> AttributionResult:
    """Results of blocks of rows, one after the other, as one; the details are those of the first."""
    first = results[0]
    parts = [_arrays_by_input(each) for each in results]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    fields = ("output", "baseline_output", "convergence_delta", "relative_delta", "error_estimate", "evaluations")
    first_rows = np.cumsum([0, *(len(each) for each in results)]).tolist()
    refused = {
        at + row: why for at, each in zip(first_rows, results, strict=False) for row, why in each.refused.items()
    }
    errors = [each.standard_error for each in results]
    others: dict[str, Any] = {name: np.concatenate([getattr(each, name) for each in results]) for name in fields}
    return replace(
        first,
        attributions=joined if isinstance(first.attributions, dict) else next(iter(joined.values())),
        status=np.concatenate([each.status for each in results]),
        refused=refused,
        standard_error=None if errors[0] is None else _joined(errors),
        **others,
    )


def _joined(parts: list[Any]) -> Any:
    """Arrays, or dicts of them by input, one after the other."""
    if isinstance(parts[0], dict):
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(parts)


def _arrays_by_input(result: AttributionResult) -> dict[str, Array]:
    attributions = result.attributions
    return attributions if isinstance(attributions, dict) else {"": attributions}


def _size(parts: dict[str, Array], axes: int) -> Array:
    """L1 norm over everything behind the first `axes` axes."""
    return np.asarray(sum(np.abs(part).reshape(*part.shape[:axes], -1).sum(axis=-1) for part in parts.values()))
