"""Integrated Gradients on average over baselines that are drawn, with the error of the draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.methods.described import Described
from ig_tasks.errors import BaselineError

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.call import Call
    from ig_tasks.attribution.result import AttributionResult

__all__ = ["ExpectedGradients"]


@dataclass(frozen=True)
class ExpectedGradients(Described):
    """The expectation of Integrated Gradients over baselines from the data.

    Erion, Janizek, Sturmfels, Lundberg & Lee 2021, "Improving performance of deep learning models with axiomatic
    attribution priors and expected gradients", eq. 3. There one place on the path is drawn for each baseline. Here each
    baseline's path is integrated to the tolerance, which leaves out that part of the variance: every draw covers the
    whole stratum from 0 to 1. `standard_error` is that of the mean over the baselines: what another draw would change.
    The error estimate and the status are about the integrals alone.
    """

    name: ClassVar[str] = "expected_gradients"

    def explain(self, call: Call) -> AttributionResult:
        """Integrated Gradients from each baseline, averaged."""
        count = len(call.starts)
        if count < 2:
            raise BaselineError(
                "baseline: method 'expected_gradients' averages over baselines, and one is given; give Samples(array) "
                "of two or more, or a strategy that draws some, such as 'samples'"
            )
        results = list(call.each())
        mean = call.average(results, call.shares)
        shares = np.full(count, 1.0 / count) if call.shares is None else np.asarray(call.shares, dtype=np.float64)
        if isinstance(mean.attributions, dict):
            error: Any = {
                name: _standard_error([_by_name(each.attributions)[name] for each in results], part, shares)
                for name, part in mean.attributions.items()
            }
        else:
            error = _standard_error([each.attributions for each in results], mean.attributions, shares)
        return replace(mean, standard_error=error)


def _by_name(attributions: Any) -> Mapping[str, npt.NDArray[np.float64]]:
    return attributions if isinstance(attributions, Mapping) else {"": attributions}


def _standard_error(draws: Sequence[Any], mean: Any, shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The error of a mean weighted by `shares`, which sum to one; for equal shares, the sd over sqrt(draws)."""
    total = np.zeros_like(mean)
    for draw, share in zip(draws, shares, strict=True):
        total += share**2 * (draw - mean) ** 2
    kept = 1.0 - float((shares**2).sum())
    return np.asarray(np.sqrt(total / kept))
