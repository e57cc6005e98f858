"""Rows that are integrated together: sums along their paths, and which of them are done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend, Edges
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.problem import Places, Problem
from ig_tasks.attribution.rows import Rows
from ig_tasks.attribution.structure import Segment
from ig_tasks.attribution.tolerances import Tolerances

__all__ = ["Chunk", "CommonStart"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CommonStart:
    """What is the same for all rows at a baseline that they share, taken once."""

    outputs: Array | None = None  # (outputs,)
    gradient: Any = None  # in the backend's own form; None: no gradient


class Chunk:
    """The rows at `places` of a problem; all arrays are those of the rows that are still under way.

    Attributes:
        output, baseline_output: F(x) and F(b) (targets, rows), once they are known.
        levels: attributions (targets, rows, features) by the latest rules, the last of them the finest.
    """

    def __init__(
        self,
        backend: Backend,
        problem: Problem,
        places: Places,
        tolerances: Tolerances,
        batches: Batches,
        common: CommonStart,
    ) -> None:
        self.backend, self.problem, self.places = backend, problem, places
        self.tolerances, self.batches, self.common = tolerances, batches, common
        self.output = np.full(problem.targets.shape, np.nan)
        self.baseline_output = np.full(problem.targets.shape, np.nan)
        self.levels: list[Array] = []

    def judge(
        self, rows: Rows, estimate: Array, spent: int | Places, evaluations: int | Places, *, final: bool
    ) -> Places:
        """Write the results of rows that are done by the latest level; positions of the others, which alone go on.

        Args:
            rows: where results are written.
            estimate: relative L1 errors (targets, rows) of the latest level; NaN where it has no estimate.
            spent: gradient evaluations so far, the same for all rows or (rows,).
            evaluations: those of the latest level's rule alone.
            final: whether the rows are written as they are, since nothing follows.
        """
        outputs = (self.output, self.baseline_output)
        done = rows.judge(
            self.places, self.tolerances, self.levels[-1], outputs, estimate, spent, evaluations, final=final
        )
        left = np.flatnonzero(~done)
        if left.size:
            self.places, self.problem = self.places[left], self.problem.take(left)
            self.output, self.baseline_output = self.output[:, left], self.baseline_output[:, left]
            self.levels = [level[:, left] for level in self.levels]
        return left

    def add_levels(self, levels: list[Array], kept: int = 3) -> None:
        """Note attributions (targets, rows, features) by further rules; of all, the latest are `kept`."""
        self.levels = [*self.levels, *levels][-kept:]

    def empty(self, count: int, units: int = 0) -> Array:
        """Zeros (count, targets, rows, features), or `units` in place of the features."""
        return np.zeros((count, *self.problem.targets.shape, units or self.problem.features))

    def sums(self, places: Array, weights: Array, *, shared: bool = False) -> Array:
        """Weighted sums (sums, targets, rows, features) of contributions at `places` (nodes,) of every path.

        Where the model is folded, its units take the features' place: see `unfolded`. Outputs at places 0 and 1 are
        kept.

        Args:
            places: in [0, 1], ascending.
            weights: (sums, nodes).
            shared: the first place is 0, and the gradient there that all rows share is taken from `common`.
        """
        shared = shared and not self.backend.folded
        nodes, own = places[int(shared) :], weights[:, int(shared) :]
        sums = self.empty(len(weights), self.backend.folded)

        def evaluate(part: Rectangle) -> None:
            rows, some = slice(part.row, part.row_end), slice(part.node, part.node_end)
            # The shared node is added once: with the first of the row's nodes.
            alone = (
                {}
                if not shared or part.node
                else {"start_gradient": self.common.gradient, "start_weights": weights[:, 0]}
            )
            batch = self.problem.take(rows)
            outputs, partial_sums = self.backend.evaluate(batch, nodes[some], own[:, some], **alone)
            into = sums[:, :, rows]
            into += partial_sums.reshape(into.shape)
            outputs = outputs.reshape(-1, *batch.targets.shape)
            if nodes[0] == 0.0 and part.node == 0:
                self.baseline_output[:, rows] = outputs[0]
            if nodes[-1] == 1.0 and part.node_end == nodes.size:
                self.output[:, rows] = outputs[-1]

        self.batches.run(self.problem.rows, nodes.size, evaluate)
        return sums

    def unfolded(self, levels: list[Array]) -> list[Array]:
        """Attributions (targets, rows, features) at levels that were summed up where the model is folded."""
        if not self.backend.folded:
            return levels
        folded, parts = np.stack(levels), []

        def evaluate(part: Rectangle) -> None:
            rows = slice(part.row, part.row_end)
            parts.append(self.backend.unfold(self.problem.take(rows), folded[:, :, rows]))

        self.batches.run(self.problem.rows, 1, evaluate)
        return list(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2))

    def secant_sums(
        self,
        batch: Problem,
        rows: slice | npt.NDArray[np.intp],
        edges: Edges,
        segments: list[Segment],
        into: list[Array],
    ) -> None:
        """Add sums of secant slopes over the segments' cells to `into`, an array (targets, rows, features) for each.

        Args:
            batch: the rows of the chunk at `rows`.
            rows: their positions in the chunk.
            edges: chooses the edges of the cells; see `Backend.secant`.
            segments: which cells.
            into: one array per segment. Outputs at the ends of the paths are kept.
        """
        outputs, sums = self.backend.secant(batch, edges, segments)
        shape = batch.targets.shape
        for segment, outer, partial_sum, total in zip(segments, outputs, sums, into, strict=True):
            total[:, rows] += partial_sum.reshape(*shape, -1)
            low, high = outer.reshape(2, *shape)
            if segment.first == 0:
                self.baseline_output[:, rows] = low
            if segment.last == segment.cells:
                self.output[:, rows] = high

    def find_outputs(self, places: Array) -> None:
        """F(x) and F(b) where `places` (nodes,) did not give them: forward passes, one for a shared baseline."""

        def at(into: Array, *, at_start: bool) -> None:
            def evaluate(part: Rectangle) -> None:
                some = slice(part.row, part.row_end)
                batch = self.problem.take(some)
                outputs = self.backend.outputs(batch, at_start=at_start)
                into[:, some] = np.take_along_axis(outputs, batch.targets.T, axis=1).T

            self.batches.run(self.problem.rows, 1, evaluate)

        if places[-1] != 1.0:
            at(self.output, at_start=False)
        if self.common.outputs is not None:
            self.baseline_output[:] = self.common.outputs[self.problem.targets]
        elif places[0] != 0.0:
            at(self.baseline_output, at_start=True)
