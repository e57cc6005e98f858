"""Paths from the baseline to a row: points, and the way the points go, at places along them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend, Points
from ig_tasks.attribution.backends.wrapper import BackendWrapper
from ig_tasks.attribution.contributions import by_feature
from ig_tasks.attribution.problem import Problem

__all__ = ["AlongPath", "Path", "PathPoints", "StraightLine"]

Array = npt.NDArray[np.float64]


class PathPoints(NamedTuple):
    """Points of paths, and their derivatives with respect to the place: {path: (nodes, rows, *shape)}."""

    points: Points
    derivatives: Points


class Path(Protocol):
    """A family of paths, one for each pair of endpoints. The points depend on the endpoints alone."""

    @property
    def name(self) -> str:
        """What results call it."""
        ...

    def points(self, starts: Points, ends: Points, places: Array) -> PathPoints:
        """Points at `places` (nodes,) in [0, 1]: the starts at 0, the ends at 1.

        Args:
            starts: {path: (1 or rows, *shape)}.
            ends: {path: (rows, *shape)}.
        """
        ...


@dataclass(frozen=True)
class StraightLine:
    """start + place x (end - start): the path of Integrated Gradients (Sundararajan, Taly & Yan 2017)."""

    name: ClassVar[str] = "straight_line"

    def points(self, starts: Points, ends: Points, places: Array) -> PathPoints:
        """See `Path`."""
        points, derivatives = {}, {}
        for name, end in ends.items():
            delta = end - starts[name]
            points[name] = starts[name] + places.reshape(-1, *[1] * end.ndim) * delta
            derivatives[name] = np.broadcast_to(delta, points[name].shape)
        return PathPoints(points, derivatives)


class AlongPath(BackendWrapper):
    """A backend whose sums run along other paths than straight lines: every node from the paths' points on."""

    def __init__(self, backend: Backend, path: Path) -> None:
        super().__init__(backend)
        self._path = path

    def start_gradient(self, row: Problem) -> Points:
        """Gradients at the start of a row {path: (1, targets, 1, *shape)}."""
        return self._backend.gradients(row, self._points(row, np.zeros(1)).points)[1]

    def evaluate(
        self,
        batch: Problem,
        nodes: Array,
        weights: Array,
        start_gradient: Points | None = None,
        start_weights: Array | None = None,
    ) -> tuple[Array, Array]:
        """As `Backend.evaluate`; a contribution is gradient x derivative of the path."""
        along = self._points(batch, nodes)
        outputs, gradients = self._backend.gradients(batch, along.points)
        sums = np.einsum("ln,n...->l...", weights, self._contributions(batch, gradients, along.derivatives))
        if start_gradient is not None and start_weights is not None:
            first = self._contributions(batch, start_gradient, self._points(batch, np.zeros(1)).derivatives)
            sums = sums + start_weights.reshape(-1, 1, 1, 1) * first
        return outputs, np.asarray(sums)

    def _points(self, batch: Problem, places: Array) -> PathPoints:
        return self._path.points(*self._backend.path_ends(batch), places)

    def _contributions(self, batch: Problem, gradients: Points, derivatives: Points) -> Array:
        shares: dict[str, Any] = {name: each * derivatives[name][:, None] for name, each in gradients.items()}
        return by_feature(batch, self._backend.route, shares)
