"""How attributions are computed, whatever the method: one value, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass

from ig_tasks.attribution.integrators.base import Integrator
from ig_tasks.attribution.integrators.choice import check_integrator, is_count
from ig_tasks.attribution.tolerances import Tolerances
from ig_tasks.errors import InputError

__all__ = ["PRECISIONS", "MethodOptions"]

PRECISIONS = ("model", "float64", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class MethodOptions:
    """How attributions are computed, whatever the model and the rows.

    Args:
        integrator: a quadrature rule, "auto", "adaptive", "secant" or "exact"; or an `Integrator`.
        steps: nodes of a fixed rule; None where the rule chooses them by row.
        tolerance: relative; holds for both the completeness delta and the estimated L1 error of each row.
        absolute_tolerance: the same in units of the output; a row has to meet the sum of both.
        max_evaluations: gradient evaluations that a row may take.
        precision: what the model computes in: "model" (its own), "float64" or "bfloat16".
        device: where it computes; None: where the model is.
        memory_limit: bytes that the engine may use for its batches; None: what is free.
        seed: recorded; Integrated Gradients draws no random numbers.

    Raises:
        InputError: for a value that fits no model, in one line that names the option.
    """

    integrator: str | Integrator = "auto"
    steps: int | None = None
    tolerance: float = 0.01
    absolute_tolerance: float = 0.0
    max_evaluations: int = 4097
    precision: str = "model"
    device: str | None = None
    memory_limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_integrator(self.integrator, self.steps, self.max_evaluations)
        Tolerances(self.tolerance, self.absolute_tolerance)
        if not is_count(self.seed):
            raise InputError(f"seed: {self.seed!r} is not a whole number, such as 0")
        if self.memory_limit is not None and not is_count(self.memory_limit):
            raise InputError(f"memory_limit: {self.memory_limit!r} is not a whole number of bytes, such as 4 * 2**30")
        if self.precision not in PRECISIONS:
            raise InputError(f"precision: {self.precision!r} is not one of {', '.join(PRECISIONS)}")

    @property
    def tolerances(self) -> Tolerances:
        """When a row is done."""
        return Tolerances(self.tolerance, self.absolute_tolerance)
