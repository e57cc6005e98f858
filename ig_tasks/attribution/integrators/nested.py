"""Sums for levels that are still to come, without a gradient taken twice.

A node belongs to its own level and to all finer ones, with another weight in each. While a row has fewer nodes than
there are levels to come, its nodes' contributions are kept; from then on one sum per level. Most rows are done by then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.integrators.stages import Stage

__all__ = ["Nested"]

Array = npt.NDArray[np.float64]


class Nested:
    """The stages of a nested rule, and what was found at those that are over."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages
        self._kept: list[tuple[Stage, Array]] = []  # contributions (nodes, targets, rows, features) of single nodes
        self._sums: Array | None = None  # (levels from the present one on, targets, rows, features)
        self._first = 0

    def weights(self, number: int) -> Array:
        """Weights (sums, nodes) that are wanted of a stage: of its nodes one by one, or of all levels to come."""
        stage = self._stages[number]
        return np.eye(stage.nodes.size) if self._single(number) else stage.weights

    def levels(self, number: int, sums: Array) -> list[Array]:
        """Attributions (targets, rows, features) at the levels that the stage completes, from its weighted `sums`."""
        stage = self._stages[number]
        if self._single(number):
            self._kept.append((stage, sums))
            return [self._sum(level) for level in range(stage.first, stage.last + 1)]
        if self._kept:
            self._sums = np.stack([self._sum(level) for level in range(stage.first, self._levels)])
            self._kept = []
        elif self._sums is not None:
            self._sums = self._sums[stage.first - self._first :]
        self._sums = sums if self._sums is None else self._sums + sums
        self._first = stage.first
        return [self._sums[level - stage.first] for level in range(stage.first, stage.last + 1)]

    def keep(self, rows: npt.NDArray[np.intp]) -> None:
        """Give up all rows but these."""
        self._kept = [(stage, terms[:, :, rows]) for stage, terms in self._kept]
        if self._sums is not None:
            self._sums = self._sums[:, :, rows]

    @property
    def _levels(self) -> int:
        return self._stages[-1].last + 1

    def _single(self, number: int) -> bool:
        nodes = sum(stage.nodes.size for stage in self._stages[: number + 1])
        return nodes < len(self._stages[number].weights)

    def _sum(self, level: int) -> Array:
        """The level's sum over the nodes that are kept."""
        # Not as a matrix product: numpy's BLAS would leave threads of its own spinning for milliseconds afterwards,
        # on the cores where the model is about to run.
        with np.errstate(invalid="ignore"):  # rows that are not finite stay so, and are told by their status
            total = sum(
                np.einsum("n,n...->...", stage.weights[level - stage.first], each) for stage, each in self._kept
            )
        return np.asarray(total)
