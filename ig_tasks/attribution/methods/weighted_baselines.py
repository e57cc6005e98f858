"""Integrated Gradients on average over baselines that do not count alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ig_tasks.attribution.methods.described import Described
from ig_tasks.errors import BaselineError, InputError

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.call import Call
    from ig_tasks.attribution.result import AttributionResult

__all__ = ["WeightedBaselines"]


@dataclass(frozen=True)
class WeightedBaselines(Described):
    """The weighted mean of Integrated Gradients from several baselines.

    A mean of attributions from one baseline each is the attribution from their distribution; weights say how likely
    each is (Sundararajan, Taly & Yan 2017, on the choice of the baseline; Tran et al. 2025, "Weighted Integrated
    Gradients for Feature Attribution", eq. 6, for weights that a criterion finds).

    Args:
        weights: one for each baseline, in their order; 0 or more, scaled to sum to one.
    """

    name: ClassVar[str] = "weighted_baselines"

    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        numbers = isinstance(self.weights, tuple | list) and all(
            isinstance(weight, int | float | np.number) and not isinstance(weight, bool) for weight in self.weights
        )
        if not numbers or not self.weights or not np.isfinite(self.weights).all() or min(self.weights) < 0.0:
            raise InputError(
                f"method '{self.name}': weights {self.weights!r} are not numbers from 0 up, one for each baseline"
            )
        if sum(self.weights) == 0.0:
            raise InputError(f"method '{self.name}': all weights are 0; give one that is greater")
        object.__setattr__(self, "weights", tuple(float(weight) for weight in self.weights))

    def explain(self, call: Call) -> AttributionResult:
        """Integrated Gradients from each baseline, averaged by the weights."""
        if len(call.starts) != len(self.weights):
            raise BaselineError(
                f"baseline: method '{self.name}' has {len(self.weights)} weights, and the baseline is "
                f"{len(call.starts)}; give one weight for each"
            )
        total = sum(self.weights)
        return call.average(list(call.each()), [weight / total for weight in self.weights])
