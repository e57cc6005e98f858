"""Rows that go through the stages of a control together, until each is done."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend, Edges
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.cells import MOST_KINKS, AdaptiveCells, place_edges
from ig_tasks.attribution.control import Control, Stage
from ig_tasks.attribution.flips import kinks_between
from ig_tasks.attribution.grading import PLACES, Grading
from ig_tasks.attribution.methods.nested import Nested
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.regions import Regions, grouped
from ig_tasks.attribution.rows import CommonStart, Rows
from ig_tasks.attribution.structure import Segment
from ig_tasks.attribution.tolerances import Tolerances

__all__ = ["Chunk"]

Array = npt.NDArray[np.float64]

_COMPARED = 3  # levels that an estimate looks at


class Chunk:
    """The rows at `places` of a problem; all arrays are those of the rows that are still under way."""

    def __init__(
        self,
        backend: Backend,
        problem: Problem,
        places: npt.NDArray[np.intp],
        control: Control,
        tolerances: Tolerances,
        batches: Batches,
        common: CommonStart,
    ) -> None:
        self.backend, self.problem, self.places = backend, problem, places
        self.control, self.tolerances, self.batches, self.common = control, tolerances, batches, common
        self.output = np.full(problem.targets.shape, np.nan)
        self.baseline_output = np.full(problem.targets.shape, np.nan)
        self.levels: list[Array] = []  # attributions (targets, rows, features) by the latest rules
        self.edges: Array | None = None  # of the latest level of cells (edges, rows)
        self.grading: Grading | None = None  # where the rows change, if they were looked at

    def run(self, rows: Rows) -> None:
        """Write the rows' results into `rows`."""
        if isinstance(self.control, Regions):
            self._regions(self.control, rows)
            return
        stages, spent = self.control.stages, 0
        if isinstance(self.control, AdaptiveCells) and self.control.graded:
            self.grading = Grading.of(self.backend, self.problem, self.batches, bends=self.control.bends)
            spent += self.control.probe_evaluations
        nested = Nested(stages)
        for number, stage in enumerate(stages):
            shared = number == 0 and self.common.gradient is not None
            if stage.cells:
                self.levels += self._cells(stage)
            else:
                sums = nested.levels(number, self._nodes(stage, nested.weights(number), shared=shared))
                self.levels += self._unfolded(sums)
                if number == 0:
                    self._endpoints(stage)
            self.levels = self.levels[-_COMPARED:]
            spent += sum(stage.cells) + stage.nodes.size - shared
            done = rows.judge(
                self.places,
                self.tolerances,
                self.levels[-1],
                (self.output, self.baseline_output),
                self._estimate(stage),
                spent,
                stage.evaluations,
                final=number == len(stages) - 1,
            )
            if done.all():
                return
            self._keep(np.flatnonzero(~done))
            nested.keep(np.flatnonzero(~done))

    def _estimate(self, stage: Stage) -> Array:
        """Estimated errors (targets, rows) of the latest level."""
        if isinstance(self.control, AdaptiveCells) and self.grading is not None:
            return self.control.estimate(self.levels, stage.evaluations, self.grading.uneven)
        return self.control.estimate(self.levels, stage.evaluations)

    def _keep(self, rows: npt.NDArray[np.intp]) -> None:
        self.places, self.problem = self.places[rows], self.problem.take(rows)
        self.output, self.baseline_output = self.output[:, rows], self.baseline_output[:, rows]
        self.levels = [level[:, rows] for level in self.levels]
        self.edges = None if self.edges is None else self.edges[:, rows]
        self.grading = None if self.grading is None else self.grading.take(rows)

    def _empty(self, count: int, units: int = 0) -> Array:
        return np.zeros((count, *self.problem.targets.shape, units or self.problem.features))

    def _nodes(self, stage: Stage, weights: Array, *, shared: bool) -> Array:
        """Weighted sums (sums, targets, rows, features) over the stage's nodes; `weights` are (sums, nodes).

        Where the model is folded, its units take the features' place.
        """
        shared = shared and not self.backend.folded
        nodes, own = stage.nodes[int(shared) :], weights[:, int(shared) :]
        sums = self._empty(len(weights), self.backend.folded)

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

    def _unfolded(self, levels: list[Array]) -> list[Array]:
        """Attributions (targets, rows, features) at levels that were summed up where the model is folded."""
        if not self.backend.folded:
            return levels
        folded, parts = np.stack(levels), []

        def evaluate(part: Rectangle) -> None:
            rows = slice(part.row, part.row_end)
            parts.append(self.backend.unfold(self.problem.take(rows), folded[:, :, rows]))

        self.batches.run(self.problem.rows, 1, evaluate)
        return list(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2))

    def _cells(self, stage: Stage) -> list[Array]:
        """Attributions at the stage's levels of the secant rule, each from cells of its own."""
        starts = np.cumsum([0, *stage.cells])
        sums = self._empty(len(stage.cells))
        kinks, grading = self._kinks(), self.grading
        finest = self.edges = np.empty((stage.cells[-1] + 1, self.problem.rows))

        def evaluate(part: Rectangle) -> None:
            rows = slice(part.row, part.row_end)
            levels, segments = [], []
            for level, cells in enumerate(stage.cells):
                first = max(0, part.node - starts[level])
                last = min(cells, part.node_end - starts[level])
                if first < last:
                    levels.append(level)
                    segments.append(Segment(cells, int(first), int(last)))

            def edges(layer_kinks: npt.NDArray[np.floating[Any]] | None) -> Array:
                known = layer_kinks if kinks is None else kinks[rows]
                # The first layer's own kinks are thinned out, what was found later is not.
                most = MOST_KINKS if known is None or known is layer_kinks else known.shape[1]
                own_grading = None if grading is None else grading.take(rows)
                if own_grading is not None and known is not None:
                    known = own_grading.shares(known.T).T
                places = place_edges(batch.rows, segments, known, most)
                places = places if own_grading is None else own_grading.places(places)
                if levels[-1] == len(stage.cells) - 1:
                    own = segments[-1]
                    finest[own.first : own.last + 1, rows] = places[-own.edges :]
                return places

            batch = self.problem.take(rows)
            self._secant(batch, rows, edges, segments, [sums[level] for level in levels])

        self.batches.run(self.problem.rows, int(starts[-1]), evaluate)
        return list(sums)

    def _kinks(self) -> Array | None:
        """Kinks of all layers (rows, kinks), seen between the edges of the level before; None where they are not."""
        kinks = [] if self.grading is None or self.grading.kinks is None else [self.grading.kinks]
        enough = bool(kinks) and (self.edges is None or len(self.edges) <= PLACES.size)  # more places were looked at
        if not enough and self.edges is not None and isinstance(self.control, AdaptiveCells) and self.control.bends:
            kinks.append(kinks_between(self.backend, self.problem, self.batches, self.edges))
        return np.concatenate(kinks, axis=1) if kinks else None

    def _secant(
        self,
        batch: Problem,
        rows: slice | npt.NDArray[np.intp],
        edges: Edges,
        segments: list[Segment],
        into: list[Array],
    ) -> None:
        """Add the segments' sums to `into` (targets, rows, features), and note the outputs at the path's ends."""
        outputs, sums = self.backend.secant(batch, edges, segments)
        shape = batch.targets.shape
        for segment, outer, partial_sum, total in zip(segments, outputs, sums, into, strict=True):
            total[:, rows] += partial_sum.reshape(*shape, -1)
            low, high = outer.reshape(2, *shape)
            if segment.first == 0:
                self.baseline_output[:, rows] = low
            if segment.last == segment.cells:
                self.output[:, rows] = high

    def _regions(self, regions: Regions, rows: Rows) -> None:
        """Sums over every row's own linear regions."""
        edges, counts, complete = regions.edges(self.backend, self.problem, self.batches)
        sums = self._empty(1)
        for group in grouped(counts, self.batches.limit):
            height = int(counts[group].max())

            def evaluate(part: Rectangle, group: npt.NDArray[np.intp] = group, height: int = height) -> None:
                here = group[part.row : part.row_end]
                own = edges[part.node : part.node_end + 1, here]
                segment = Segment(height, part.node, part.node_end)
                self._secant(self.problem.take(here), here, partial(_known_edges, own), [segment], [sums[0]])

            self.batches.run(group.size, height, evaluate)
        estimate = np.broadcast_to(np.where(complete, 0.0, np.inf), self.output.shape)
        outputs = (self.output, self.baseline_output)
        rows.judge(self.places, self.tolerances, sums[0], outputs, estimate, counts, counts, final=True)

    def _endpoints(self, stage: Stage) -> None:
        """F(x) and F(b) where no node gave them: forward passes, one for a shared baseline."""

        def at(into: Array, *, at_start: bool) -> None:
            def evaluate(part: Rectangle) -> None:
                some = slice(part.row, part.row_end)
                batch = self.problem.take(some)
                outputs = self.backend.outputs(batch, at_start=at_start)
                into[:, some] = np.take_along_axis(outputs, batch.targets.T, axis=1).T

            self.batches.run(self.problem.rows, 1, evaluate)

        if stage.nodes[-1] != 1.0:
            at(self.output, at_start=False)
        if self.common.outputs is not None:
            self.baseline_output[:] = self.common.outputs[self.problem.targets]
        elif stage.nodes[0] != 0.0:
            at(self.baseline_output, at_start=True)


def _known_edges(edges: Array, _kinks: object) -> Array:
    return edges
