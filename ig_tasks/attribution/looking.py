"""One row of a call looked at again: what happens along its path, and how its error falls with the gradients spent.

Both are methods, so that the engine prepares model, baselines, targets and layers as for the explanation itself. They
hand back rows without numbers, and keep what they saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.method_options import MethodOptions
from ig_tasks.attribution.methods.base import MethodResult
from ig_tasks.attribution.methods.integrated_gradients import IntegratedGradients
from ig_tasks.attribution.open_model import OpenModel
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.rows import Rows
from ig_tasks.attribution.tolerances import Tolerances

__all__ = ["AlongPath", "ErrorsByRule", "RuleTried", "SeenPath"]

Array = npt.NDArray[np.float64]

_MOST = 257
_FINE = 1e-5
"""Gradients, and relative error: how good the attributions are that others are compared with."""


class SeenPath(NamedTuple):
    """Outputs (places,), and contributions (places, features): gradient x (row - baseline) of each."""

    outputs: Array
    contributions: Array


class RuleTried(NamedTuple):
    """A rule of fixed steps on the row: its attributions (features,), and F(row) - F(baseline)."""

    rule: str
    evaluations: int
    attributions: Array
    change: float


@dataclass(frozen=True)
class AlongPath:
    """Looks at one row at `places`, from 0, the baseline, to 1, the row; `seen` has one path for each baseline."""

    row: int
    places: tuple[float, ...]
    seen: list[SeenPath] = field(default_factory=list)
    name: ClassVar[str] = "integrated_gradients"

    def run(
        self,
        model: OpenModel,
        problem: Problem,
        options: MethodOptions,  # noqa: ARG002
        tolerances: Tolerances,  # noqa: ARG002
    ) -> MethodResult:
        """Look at the row, and hand back rows without numbers."""
        one, places = problem.take(slice(self.row, self.row + 1)), np.asarray(self.places)
        starts, ends = model.path_ends(one)
        changes = {name: np.asarray(end, np.float64) - starts[name] for name, end in ends.items()}
        points = {
            name: starts[name] + places.reshape(-1, *(1,) * change.ndim) * change for name, change in changes.items()
        }
        outputs, gradients = model.gradients(one, points)
        contributions = {name: gradient * changes[name] for name, gradient in gradients.items()}
        self.seen.append(SeenPath(outputs[:, 0, 0], model.by_feature(one, contributions)[:, 0, 0]))
        return MethodResult(Rows.empty(problem), {})


@dataclass(frozen=True)
class ErrorsByRule:
    """Integrates one row by each of `rules` with each number of `steps`, and as well as the call's own rule can.

    `seen` and `fine` have one entry for each baseline.
    """

    row: int
    rules: tuple[str, ...]
    steps: tuple[int, ...]
    seen: list[Sequence[RuleTried]] = field(default_factory=list)
    fine: list[Array] = field(default_factory=list)
    name: ClassVar[str] = "integrated_gradients"

    def run(self, model: OpenModel, problem: Problem, options: MethodOptions, tolerances: Tolerances) -> MethodResult:
        """Integrate the row, and hand back rows without numbers."""
        one, plain = problem.take(slice(self.row, self.row + 1)), IntegratedGradients()
        strict = replace(tolerances, relative=min(tolerances.relative, _FINE), absolute=0.0)
        free = replace(options, integrator="auto", steps=None, max_evaluations=_MOST)
        self.fine.append(plain.run(model, one, free, strict).rows.attributions[0, 0])
        tried = []
        for rule in self.rules:
            for steps in self.steps:
                fixed = replace(free, integrator=rule, steps=steps)
                rows = plain.run(model, one, fixed, tolerances).rows
                change = float(rows.output[0, 0] - rows.baseline_output[0, 0])
                tried.append(RuleTried(rule, int(rows.evaluations[0]), rows.attributions[0, 0], change))
        self.seen.append(tried)
        return MethodResult(Rows.empty(problem), {})
