"""Where along its path a row's output changes: gradients at a few places, closer together towards both ends.

The secant rule is complete whatever its cells are, so that its delta tells nothing of a path of which nearly all
happens within one cell. A transform that saturates (log1p of an amount, tanh of a large number) is such a path: it is
over at a thousandth of the way, and the units behind it flip there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.problem import Problem

__all__ = ["GRADED", "Grading"]

Array = npt.NDArray[np.float64]

_HALF = 4.0 ** -np.arange(10, 0, -1)  # 1e-6, ... 0.25
GRADED: Array = np.concatenate([[0.0], _HALF, [0.5], 1.0 - _HALF[::-1], [1.0]])
"""Places on the path, (places,): the same from either end, so that swapped endpoints negate."""


@dataclass(frozen=True)
class Grading:
    """How much of a row's change lies before each of the places, as a share (places, rows): from 0 to 1."""

    before: Array

    @classmethod
    def of(cls, backend: Backend, problem: Problem, batches: Batches) -> Self:
        """Look at all rows of a problem: one gradient evaluation per row and place.

        What changes between two places is the integral of the L1 norm of the contributions by the trapezoidal rule,
        or the change of the output itself where that is more. Rows without finite numbers have NaN.
        """
        size = np.zeros((GRADED.size, problem.rows))
        outputs = np.zeros((GRADED.size, *problem.targets.shape))

        def evaluate(part: Rectangle) -> None:
            rows, some = slice(part.row, part.row_end), slice(part.node, part.node_end)
            batch, places = problem.take(rows), GRADED[some]
            values, found = backend.evaluate(batch, places, np.eye(places.size))
            contributions = backend.unfold(batch, found) if backend.folded else found
            contributions = contributions.reshape(places.size, *batch.targets.shape, -1)
            size[some, rows] = np.abs(contributions).sum(axis=(1, 3))
            outputs[some, :, rows] = np.asarray(values).reshape(places.size, *batch.targets.shape)

        batches.run(problem.rows, GRADED.size, evaluate)
        within = 0.5 * (size[1:] + size[:-1]) * np.diff(GRADED)[:, None]
        within = np.maximum(within, np.abs(np.diff(outputs, axis=0)).sum(axis=1))
        before = np.concatenate([np.zeros((1, problem.rows)), np.cumsum(within, axis=0)])
        with np.errstate(invalid="ignore", divide="ignore"):
            return cls(before / before[-1])

    def take(self, rows: slice | npt.NDArray[np.intp]) -> Grading:
        return Grading(self.before[:, rows])

    def places(self, count: int) -> Array:
        """Places (rows, count) between which equal shares of each row's change lie; NaN where nothing changes."""
        shares = (np.arange(count) + 0.5) / count
        rows = self.before.shape[1]
        passed = np.stack([(self.before[1:-1] <= share).sum(axis=0) for share in shares])  # the interval of each share
        row = np.arange(rows)
        low, high = self.before[passed, row], self.before[passed + 1, row]
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(high > low, (shares[:, None] - low) / (high - low), 0.5)
        found = GRADED[passed] + np.clip(part, 0.0, 1.0) * np.diff(GRADED)[passed]
        return np.where(np.isfinite(self.before[-1]), found, np.nan).T
