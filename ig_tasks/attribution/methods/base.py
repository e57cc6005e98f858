"""What an attribution method is: a model, rows and options become attributions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from ig_tasks.attribution.method_options import MethodOptions
from ig_tasks.attribution.open_model import OpenModel
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.rows import Rows
from ig_tasks.attribution.tolerances import Tolerances

__all__ = ["Method", "MethodResult"]


@dataclass(frozen=True)
class MethodResult:
    """The attributions of all rows, and how they were computed."""

    rows: Rows
    details: dict[str, Any] = field(default_factory=dict)
    """What `AttributionResult.details` says of the method, such as the integrator and why it was chosen."""


@runtime_checkable
class Method(Protocol):
    """A definition of attributions. It is chosen by name or given as an object, and never substituted."""

    name: ClassVar[str]
    """How people choose it, and what results call it."""

    def run(self, model: OpenModel, problem: Problem, options: MethodOptions, tolerances: Tolerances) -> MethodResult:
        """Explain `problem.targets` of all rows of `problem`. Numbers of a row do not depend on the others.

        Args:
            model: outputs and gradients at any points of the paths, in batches that fit.
            problem: the rows, one at least: where each path starts and ends, which outputs are explained.
            options: integrator, steps, max_evaluations, seed.
            tolerances: when a row is done; they know the rounding of the outputs.

        Returns:
            `Rows` of all rows, in the problem's order. `Rows.judge` writes rows that have an error estimate (NaN where
            completeness alone is known); `Rows.unproven` rows of a method for which completeness means nothing.

        Raises:
            UserError: for options that the method cannot use.
        """
        ...
