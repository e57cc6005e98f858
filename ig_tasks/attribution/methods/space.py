"""Rows in the coordinates in which paths run: the numbers of inputs, and the vectors of layers that embed ids."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Points
from ig_tasks.attribution.open_model import OpenModel
from ig_tasks.attribution.problem import Places, Problem
from ig_tasks.attribution.tolerances import Tolerances

__all__ = ["Space"]

Array = npt.NDArray[np.float64]


@dataclass
class Space:
    """Some rows and one of their baselines as points (rows, numbers), and a model of one output on such points.

    `ends` are the rows, `starts` the baselines. Points in between belong to a row: its inputs that are passed on as
    they are (`fixed`, ids beside their vectors) come with them.
    """

    model: OpenModel
    problem: Problem  # of one target
    tolerances: Tolerances
    max_evaluations: int
    ends_given: Array | None = None

    @property
    def rows(self) -> int:
        """Rows of the space."""
        return self.problem.rows

    @property
    def features(self) -> int:
        """Attributions of a row."""
        return self.problem.features

    @cached_property
    def _path_ends(self) -> tuple[Points, Points]:
        return self.model.path_ends(self.problem)

    @cached_property
    def starts(self) -> Array:
        """(rows, numbers)."""
        return self._flat(self._path_ends[0])

    @cached_property
    def ends(self) -> Array:
        """(rows, numbers)."""
        return self._flat(self._path_ends[1]) if self.ends_given is None else self.ends_given

    def _flat(self, parts: Points) -> Array:
        rows = self.problem.rows
        shaped = (np.broadcast_to(parts[path], (rows, *shape)) for path, shape in self.shapes.items())
        return np.concatenate([part.reshape(rows, math.prod(part.shape[1:])) for part in shaped], axis=1)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """{path: shape of a row's point}, in the order of the numbers."""
        return {path: end.shape[1:] for path, end in self._path_ends[1].items()}

    def split(self, points: Array) -> Points:
        """{path: (points, *shape)} of points, or of what there is for each of their numbers."""
        parts, first = {}, 0
        for path, shape in self.shapes.items():
            size = math.prod(shape)
            parts[path] = points[:, first : first + size].reshape(len(points), *shape)
            first += size
        return parts

    def gradients(self, points: Array, rows: Places | None = None) -> tuple[Array, Array]:
        """The output (points,) and its gradient (points, numbers) at points; `rows` they belong to, all if None."""
        outputs, found = self.model.gradients(self._of(rows), self._nodes(points))
        parts = [found[path][0, 0].reshape(len(points), -1) for path in self.shapes]
        return outputs[0, 0], np.concatenate(parts, axis=1)

    def outputs(self, points: Array, rows: Places | None = None) -> Array:
        """The output (points,) at points."""
        found: Array = self.model.outputs_at(self._of(rows), self._nodes(points))[0, 0]
        return found

    def by_feature(self, contributions: Array) -> Array:
        """Contributions (rows, features) of those of numbers (rows, numbers): an id has the sum over its vectors."""
        if not self.model.backend.layers:
            return contributions
        parts = {path: part[None, None] for path, part in self.split(contributions).items()}
        few = self._of(np.zeros(len(contributions), dtype=np.intp))  # only the shapes of rows matter
        by_feature: Array = self.model.by_feature(few, parts)[0, 0]
        return by_feature

    def moved(self, ends: Array) -> Space:
        """The same with other points in place of the rows."""
        return replace(self, ends_given=ends)

    def _of(self, rows: Places | None) -> Problem:
        return self.problem if rows is None else self.problem.take(rows)

    def _nodes(self, points: Array) -> Points:
        return {path: part[None] for path, part in self.split(points).items()}
