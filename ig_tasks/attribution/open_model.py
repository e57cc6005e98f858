"""A model opened for one call: its outputs and gradients at any points of the paths, in batches that fit the memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend, Points
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.contributions import by_feature
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.structure import Structure

__all__ = ["OpenModel"]

Array = npt.NDArray[np.float64]

_CALLED_TWICE = 16  # rows; of one alone, all units behind a dropout may be off
_LOOKED_AT = 2  # of one row alone, shapes could not be told from one another


class OpenModel:
    """What a method computes with.

    Paths are named: an input of floats by its own name, a call of a layer that embeds an input by its key in
    `backend.route`. `Points` hold an array per path, (nodes, rows, *shape), in the space in which the path runs:
    numbers of the input, or vectors that take the place of the layer's output.

    Attributes:
        backend: the framework's side, with more than is offered here.
        batches: how many points fit at once. After `inspect` there may be more.
    """

    def __init__(self, backend: Backend, point_bytes: int, memory_limit: int | None) -> None:
        self.backend = backend
        self._point_bytes, self._memory_limit = point_bytes, memory_limit
        self.batches = self._fitting()
        self._repeats = False

    def inspect(self, problem: Problem) -> Structure:
        """What the model does along straight lines between the rows' starts and ends. The fast sums need it."""
        structure = self._structure(problem)
        self.batches = self._fitting()
        self._require_repeats(problem)
        return structure

    def follow_nothing(self, problem: Problem, reason: str) -> Structure:
        """In place of `inspect`, for what the fast sums are no use to."""
        self._require_repeats(problem)
        return self.backend.plain(reason)

    def path_ends(self, problem: Problem) -> tuple[Points, Points]:
        """Where the paths start, {path: (1 or rows, *shape)}, and where they end, {path: (rows, *shape)}."""
        return self.backend.path_ends(problem)

    def outputs_at(self, problem: Problem, points: Points) -> Array:
        """The explained outputs (nodes, targets, rows) at `points` (nodes, rows, *shape); forward passes only."""
        self._require_repeats(problem)
        nodes = len(next(iter(points.values())))
        outputs = np.empty((nodes, *problem.targets.shape))

        def evaluate(part: Rectangle) -> None:
            batch, here = _part(problem, points, part)
            outputs[part.node : part.node_end, :, part.row : part.row_end] = self.backend.outputs_at(batch, here)

        self.batches.run(problem.rows, nodes, evaluate)
        return outputs

    def gradients(self, problem: Problem, points: Points) -> tuple[Array, Points]:
        """Outputs (nodes, targets, rows) at `points` (nodes, rows, *shape), and their gradients there.

        A gradient (nodes, targets, rows, *shape) is that of each explained output with respect to the path's point. All
        is float64. One forward pass for each point, and one backward pass for each point and target.
        """
        self._require_repeats(problem)
        nodes = len(next(iter(points.values())))
        lead = (nodes, *problem.targets.shape)
        outputs = np.empty(lead)
        gradients = {name: np.empty((*lead, *point.shape[2:])) for name, point in points.items()}
        at_once = self.backend.targets_at_once

        def evaluate(part: Rectangle) -> None:
            batch, here = _part(problem, points, part)
            for first in range(0, len(batch.targets), at_once):
                group = slice(first, first + at_once)
                where = (slice(part.node, part.node_end), group, slice(part.row, part.row_end))
                outputs[where], found = self.backend.gradients(batch.explaining(batch.targets[group]), here)
                for name, gradient in found.items():
                    gradients[name][where] = gradient

        self.batches.run(problem.rows, nodes, evaluate)
        return outputs, gradients

    def by_feature(self, problem: Problem, contributions: Points) -> Array:
        """(nodes, targets, rows, features) of contributions {path: (nodes, targets, rows, *shape)}.

        An embedding's width is summed, and what the vectors of one id have in several layers.
        """
        return by_feature(problem, self.backend.route, contributions)

    def _require_repeats(self, problem: Problem) -> None:
        """Raise ModelError, before anything else is computed, for a model that draws random numbers."""
        if not self._repeats:
            self.backend.require_repeats(problem.take(slice(0, _CALLED_TWICE)))
            self._repeats = True

    def _fitting(self) -> Batches:
        backend = self.backend
        return Batches.within(backend.block_bytes, self._point_bytes, self._memory_limit, backend.out_of_memory)

    def _structure(self, problem: Problem) -> Structure:
        """The model's structure, followed along the paths of the first rows that are finite."""
        backend = self.backend
        if problem.rows and (known := backend.recall(problem)) is not None:
            return known
        finite_rows: list[int] = []
        for row in range(problem.rows):
            single = problem.take(slice(row, row + 1))
            numbers = (*single.endpoints.values(), *single.starts.values(), *single.fed_starts.values())
            if all(np.isfinite(array).all() for array in numbers):
                finite_rows.append(row)
            if len(finite_rows) == _LOOKED_AT:
                break
        if not finite_rows:
            return backend.plain("no row is finite")
        for rows in (finite_rows, finite_rows[:1]):
            try:
                return backend.inspect(problem.take(np.array(rows)))
            except Exception as error:
                if not backend.out_of_memory(error):
                    raise
        return backend.plain("there is not the memory to follow one row")


def _part(problem: Problem, points: Points, part: Rectangle) -> tuple[Problem, Points]:
    nodes, rows = slice(part.node, part.node_end), slice(part.row, part.row_end)
    return problem.take(rows), {name: point[nodes, rows] for name, point in points.items()}
