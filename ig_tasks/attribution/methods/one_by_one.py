"""Several targets through a backend that takes one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.problem import Problem

__all__ = ["OneByOne"]


class OneByOne:
    """A backend whose `evaluate` and `secant` are called for every target of a batch. All else is the backend's."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    @property
    def lanes(self) -> int:
        return 1

    def start_gradient(self, row: Problem) -> list[Any]:
        return [self._backend.start_gradient(one) for one in _each(row)]

    def evaluate(
        self, batch: Problem, nodes: Any, weights: Any, start_gradient: Any = None, start_weights: Any = None
    ) -> tuple[Any, Any]:
        gradients = [None] * len(batch.targets) if start_gradient is None else start_gradient
        return _together(
            self._backend.evaluate(one, nodes, weights, gradient, start_weights)
            for one, gradient in zip(_each(batch), gradients, strict=True)
        )

    def secant(self, batch: Problem, edges: Callable[[Any], Any], segments: Any) -> tuple[Any, Any]:
        outputs, sums = _together(self._backend.secant(one, edges, segments) for one in _each(batch))
        return np.moveaxis(outputs, 1, 2), sums


def _each(batch: Problem) -> Iterator[Problem]:
    for targets in batch.targets:
        yield batch.explaining(targets[None])


def _together(found: Iterator[tuple[Any, Any]]) -> tuple[Any, Any]:
    outputs, sums = zip(*found, strict=True)
    return np.stack(outputs, axis=1), np.stack(sums, axis=1)
