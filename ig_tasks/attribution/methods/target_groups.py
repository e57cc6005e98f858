"""More targets than a backend takes at once: some of them after the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ig_tasks.attribution.backends.wrapper import BackendWrapper
from ig_tasks.attribution.problem import Problem

__all__ = ["TargetGroups"]


class TargetGroups(BackendWrapper):
    """A backend whose `evaluate` and `secant` are called for groups of a batch's targets. All else is the backend's."""

    def start_gradient(self, row: Problem) -> list[Any]:
        """The gradient at the common start for each group of targets."""
        return [self._backend.start_gradient(group) for group in self._groups(row)]

    def evaluate(
        self, batch: Problem, nodes: Any, weights: Any, start_gradient: Any = None, start_weights: Any = None
    ) -> tuple[Any, Any]:
        """As the backend's `evaluate`, for all targets: the groups' results side by side."""
        groups = list(self._groups(batch))
        gradients = [None] * len(groups) if start_gradient is None else start_gradient
        outputs, sums = zip(
            *(
                self._backend.evaluate(group, nodes, weights, gradient, start_weights)
                for group, gradient in zip(groups, gradients, strict=True)
            ),
            strict=True,
        )
        return np.concatenate(outputs, axis=1), np.concatenate(sums, axis=1)

    def secant(self, batch: Problem, edges: Callable[[Any], Any], segments: Any) -> tuple[Any, Any]:
        """As the backend's `secant`, for all targets: the groups' results side by side."""
        results = (self._backend.secant(group, edges, segments) for group in self._groups(batch))
        outputs, sums = zip(*results, strict=True)
        return np.concatenate(outputs, axis=2), np.concatenate(sums, axis=1)

    def _groups(self, batch: Problem) -> Iterator[Problem]:
        for first in range(0, len(batch.targets), self._backend.targets_at_once):
            yield batch.explaining(batch.targets[first : first + self._backend.targets_at_once])
