"""One row of a call looked at again: what happens along its path, and how its error falls with the gradients spent.

Both are methods, so that the engine prepares model, baselines, targets and layers as for the explanation itself. They
hand back rows without numbers, and keep what they saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.choice import choose_control
from ig_tasks.attribution.control import Control, Tolerances
from ig_tasks.attribution.methods.integrated_gradients import IntegratedGradients
from ig_tasks.attribution.methods.rows import Rows
from ig_tasks.attribution.problem import Problem

__all__ = ["AlongPath", "ErrorsByRule", "RuleTried", "SeenPath"]

Array = npt.NDArray[np.float64]

_MOST = 4097
_FINE = 1e-6
"""Relative; the attributions that others are compared with are that good, where the rule gets there."""


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
class AlongPath(IntegratedGradients):
    """Looks at one row at `places`, from 0, the baseline, to 1, the row; `seen` has one path for each baseline."""

    row: int = 0
    places: tuple[float, ...] = (0.0, 1.0)
    seen: list[SeenPath] = field(default_factory=list)

    def run(
        self,
        backend: Backend,
        problem: Problem,
        control: Control,  # noqa: ARG002
        tolerances: Tolerances,  # noqa: ARG002
        batches: Batches,
    ) -> Rows:
        """Look at the row, and hand back rows without numbers."""
        one, nodes = problem.take(slice(self.row, self.row + 1)), np.asarray(self.places)
        outputs: list[Array] = []
        contributions: list[Array] = []

        def evaluate(part: Rectangle) -> None:
            own = nodes[part.node : part.node_end]
            output, sums = backend.evaluate(one, own, np.eye(own.size))
            whole = backend.unfold(one, sums.reshape(own.size, 1, 1, -1)) if backend.folded else sums
            outputs.append(output.reshape(own.size))
            contributions.append(np.asarray(whole, np.float64).reshape(own.size, -1))

        batches.run(1, nodes.size, evaluate)
        self.seen.append(SeenPath(np.concatenate(outputs), np.concatenate(contributions)))
        return Rows.empty(problem)


@dataclass(frozen=True)
class ErrorsByRule(IntegratedGradients):
    """Integrates one row by each of `rules` with each number of `steps`, and as well as the call's own rule can.

    `seen` and `fine` have one entry for each baseline.
    """

    row: int = 0
    rules: tuple[str, ...] = ()
    steps: tuple[int, ...] = ()
    seen: list[Sequence[RuleTried]] = field(default_factory=list)
    fine: list[Array] = field(default_factory=list)

    def run(
        self, backend: Backend, problem: Problem, control: Control, tolerances: Tolerances, batches: Batches
    ) -> Rows:
        """Integrate the row, and hand back rows without numbers."""
        one, plain = problem.take(slice(self.row, self.row + 1)), IntegratedGradients()
        strict = replace(tolerances, relative=min(tolerances.relative, _FINE), absolute=0.0)
        self.fine.append(plain.run(backend, one, control, strict, batches).attributions[0, 0])
        tried = []
        for rule in self.rules:
            for steps in self.steps:
                rows = plain.run(backend, one, choose_control(rule, steps, _MOST), tolerances, batches)
                change = float(rows.output[0, 0] - rows.baseline_output[0, 0])
                tried.append(RuleTried(rule, int(rows.evaluations[0]), rows.attributions[0, 0], change))
        self.seen.append(tried)
        return Rows.empty(problem)
