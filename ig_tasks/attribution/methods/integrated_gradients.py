"""Integrated Gradients along the straight line from the baseline."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.cells import place_edges
from ig_tasks.attribution.control import Control, Stage, Tolerances, relative_delta
from ig_tasks.attribution.explanation import CONVERGED, MAX_EVALUATIONS, NOT_FINITE
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.regions import Regions, grouped
from ig_tasks.attribution.structure import Segment

__all__ = ["IntegratedGradients", "Rows"]

Array = npt.NDArray[np.float64]

_CHUNK_BYTES = 128 << 20  # sums of all levels of the rows that are under way together
_CHUNK_ROWS = 16384


@dataclass(frozen=True)
class Rows:
    """Results of the rows of one problem, features flat."""

    attributions: Array  # (rows, features)
    output: Array  # (rows,), as the following
    baseline_output: Array
    delta: Array
    relative_delta: Array
    error_estimate: Array
    evaluations: npt.NDArray[np.int32]
    status: npt.NDArray[np.str_]
    by_level: Counter[int]  # {evaluations: rows that stopped there}

    @classmethod
    def empty(cls, rows: int, features: int) -> Rows:
        attributions = np.full((rows, features), np.nan)
        output, baseline_output, delta, relative, estimate = np.full((5, rows), np.nan)
        evaluations, status = np.zeros(rows, np.int32), np.full(rows, NOT_FINITE, "<U15")
        return cls(
            attributions, output, baseline_output, delta, relative, estimate, evaluations, status, by_level=Counter()
        )


@dataclass(frozen=True)
class IntegratedGradients:
    """IG_i(x) = (x_i - b_i) * integral over a in [0, 1] of dF/dx_i(b + a (x - b)).

    Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks", eq. 1. The integral is a
    quadrature whose nodes the control chooses; rows that are done leave the batch.
    """

    name: ClassVar[str] = "integrated_gradients"

    def run(
        self, backend: Backend, problem: Problem, control: Control, tolerances: Tolerances, batches: Batches
    ) -> Rows:
        """Explain `problem.columns` of all rows of `problem`. Numbers of a row do not depend on the others."""
        rows = Rows.empty(problem.rows, problem.features)
        if problem.rows == 0:
            return rows
        common = _CommonStart(backend, problem, control)
        row_bytes = 8 * control.levels * max(1, problem.features)
        chunk = int(np.clip(_CHUNK_BYTES // row_bytes, 1, _CHUNK_ROWS))
        for start in range(0, problem.rows, chunk):
            part = slice(start, min(start + chunk, problem.rows))
            _Chunk(backend, problem.take(part), control, tolerances, batches, common).run(rows, start)
        return rows


class _CommonStart:
    """What is the same for all rows at a baseline that they share: the outputs, and the gradient, taken once.

    Inputs that are passed on as they are (fixed ones, and the ids beside an embedding's output) may steer
    the model row by row, so they rule both out; columns that differ rule out the gradient.
    """

    def __init__(self, backend: Backend, problem: Problem, control: Control) -> None:
        columns = problem.columns
        by_nodes = bool(control.stages) and not control.stages[0].cells  # else the outermost edges give outputs
        common = by_nodes and problem.shared and not problem.fixed and not backend.layers
        first = problem.take(slice(0, 1))
        self.outputs = backend.outputs(first, at_start=True)[0] if common else None
        # A fixed rule is given as many gradients as its steps say; sharing one would only blur the count.
        several = common and control.levels > 1 and control.stages[0].nodes[0] == 0.0
        self.has_gradient = bool(several and (columns == columns[0]).all())
        self.gradient = backend.start_gradient(first) if self.has_gradient else None


class _Chunk:
    """Rows that go through the stages together."""

    def __init__(
        self,
        backend: Backend,
        problem: Problem,
        control: Control,
        tolerances: Tolerances,
        batches: Batches,
        common: _CommonStart,
    ) -> None:
        self.backend, self.problem, self.control = backend, problem, control
        self.tolerances, self.batches, self.common = tolerances, batches, common
        self.sums = np.zeros((control.levels, problem.rows, problem.features))
        self.output = np.full(problem.rows, np.nan)
        self.baseline_output = np.full(problem.rows, np.nan)

    def run(self, rows: Rows, offset: int) -> None:
        """Write the chunk's results into `rows` from `offset` on."""
        active = np.arange(self.problem.rows)
        if isinstance(self.control, Regions):
            cells, estimate = self._regions(self.control)
            self._finish(active, self.sums[0], estimate, cells, cells, rows, offset, final=True)
            return
        spent = 0
        stages = self.control.stages
        for number, stage in enumerate(stages):
            shared = number == 0 and self.common.has_gradient
            if stage.cells:
                self._cells(stage, active)
            else:
                self._evaluate(stage, active, shared=shared)
            spent += sum(stage.cells) + stage.nodes.size - shared
            if number == 0:
                self._endpoints(stage)
            final = number == len(stages) - 1
            active = active[~self._judge(stage, active, spent, rows, offset, final=final)]
            if active.size == 0:
                return

    def _evaluate(self, stage: Stage, active: npt.NDArray[np.intp], *, shared: bool) -> None:
        """Add the stage's nodes to the sums of the active rows."""
        nodes, weights = stage.nodes[int(shared) :], stage.weights[:, int(shared) :]
        whole = active.size == self.problem.rows

        def evaluate(part: Rectangle) -> None:
            where: slice | npt.NDArray[np.intp] = slice(part.row, part.row_end)
            if not whole:
                where = active[where]
            some = slice(part.node, part.node_end)
            # The shared node is added once: with the first of the row's nodes.
            alone = (
                {}
                if not shared or part.node
                else {"start_gradient": self.common.gradient, "start_weights": stage.weights[:, 0]}
            )
            outputs, sums = self.backend.evaluate(self.problem.take(where), nodes[some], weights[:, some], **alone)
            self.sums[stage.first :, where] += sums
            if nodes[0] == 0.0 and part.node == 0:
                self.baseline_output[where] = outputs[0]
            if nodes[-1] == 1.0 and part.node_end == nodes.size:
                self.output[where] = outputs[-1]

        self.batches.run(active.size, nodes.size, evaluate)

    def _cells(self, stage: Stage, active: npt.NDArray[np.intp]) -> None:
        """The sums of the active rows at the stage's levels of the secant rule, each from its own cells."""
        whole = active.size == self.problem.rows
        starts = np.cumsum([0, *stage.cells])

        def evaluate(part: Rectangle) -> None:
            where: slice | npt.NDArray[np.intp] = slice(part.row, part.row_end)
            if not whole:
                where = active[where]
            levels, segments = [], []
            for level, cells in enumerate(stage.cells):
                first = max(0, part.node - starts[level])
                last = min(cells, part.node_end - starts[level])
                if first < last:
                    levels.append(stage.first + level)
                    segments.append(Segment(cells, int(first), int(last)))
            batch = self.problem.take(where)
            edges = partial(place_edges, batch.rows, segments)
            outputs, sums = self.backend.secant(batch, edges, segments)
            for level, segment, outer, total in zip(levels, segments, outputs, sums, strict=True):
                self.sums[level, where] += total
                if segment.first == 0:
                    self.baseline_output[where] = outer[0]
                if segment.last == segment.cells:
                    self.output[where] = outer[1]

        self.batches.run(active.size, int(starts[-1]), evaluate)

    def _regions(self, regions: Regions) -> tuple[npt.NDArray[np.intp], Array]:
        """Sums over every row's own linear regions: their number (rows,), and estimates of the error (rows,)."""
        edges, counts, whole = regions.edges(self.backend, self.problem, self.batches)
        for group in grouped(counts, self.batches.limit):
            height = int(counts[group].max())

            def evaluate(part: Rectangle, group: npt.NDArray[np.intp] = group, height: int = height) -> None:
                where = group[part.row : part.row_end]
                own = edges[part.node : part.node_end + 1, where]
                segment = Segment(height, part.node, part.node_end)
                outputs, sums = self.backend.secant(self.problem.take(where), lambda _: own, [segment])
                self.sums[0, where] += sums[0]
                if part.node == 0:
                    self.baseline_output[where] = outputs[0, 0]
                if part.node_end == height:
                    self.output[where] = outputs[0, 1]

            self.batches.run(group.size, height, evaluate)
        return counts, np.where(whole, 0.0, np.inf)

    def _endpoints(self, stage: Stage) -> None:
        """F(x) and F(b) where no node gave them: forward passes, one for a shared baseline."""
        columns = self.problem.columns

        def at(problem: Problem, into: Array, *, at_start: bool) -> None:
            def evaluate(part: Rectangle) -> None:
                some = slice(part.row, part.row_end)
                batch = problem.take(some)
                outputs = self.backend.outputs(batch, at_start=at_start)
                into[some] = outputs[np.arange(batch.rows), batch.columns]

            self.batches.run(problem.rows, 1, evaluate)

        if stage.cells:
            return  # the outermost edges gave them
        if stage.nodes[-1] != 1.0:
            at(self.problem, self.output, at_start=False)
        if self.common.outputs is not None:
            self.baseline_output[:] = self.common.outputs[columns]
        elif stage.nodes[0] != 0.0:
            at(self.problem, self.baseline_output, at_start=True)

    def _judge(
        self, stage: Stage, active: npt.NDArray[np.intp], spent: int, rows: Rows, offset: int, *, final: bool
    ) -> npt.NDArray[np.bool_]:
        """Write the results of active rows that are done, and say which they are."""
        whole = active.size == self.problem.rows
        low = max(0, stage.last - 2)
        sums = self.sums[low : stage.last + 1] if whole else self.sums[low : stage.last + 1, active]
        recent = replace(stage, first=0, last=stage.last - low)
        estimate = self.control.estimate(recent, sums)
        return self._finish(active, sums[-1], estimate, spent, stage.evaluations, rows, offset, final=final)

    def _finish(
        self,
        active: npt.NDArray[np.intp],
        attributions: Array,
        estimate: Array,
        spent: int | npt.NDArray[np.intp],
        level: int | npt.NDArray[np.intp],
        rows: Rows,
        offset: int,
        *,
        final: bool,
    ) -> npt.NDArray[np.bool_]:
        """Write the results of active rows that are done, and say which they are.

        `spent` evaluations, `level` of them in the rule that the attributions (active rows, features) come from.
        """
        output, baseline_output = self.output[active], self.baseline_output[active]
        difference = output - baseline_output
        size = np.abs(attributions).sum(axis=1)
        delta = attributions.sum(axis=1) - difference
        finite = np.isfinite(size) & np.isfinite(difference)
        good = finite & self.tolerances.accept(delta, difference, size, estimate)
        done = good | ~finite | final

        to = offset + active[done]
        kept = finite[done]
        rows.attributions[to] = np.where(kept[:, None], attributions[done], np.nan)
        rows.output[to], rows.baseline_output[to] = output[done], baseline_output[done]
        rows.delta[to] = np.where(kept, delta[done], np.nan)
        rows.relative_delta[to] = np.where(kept, relative_delta(delta, difference, size)[done], np.nan)
        rows.error_estimate[to] = np.where(kept, estimate[done], np.nan)
        rows.evaluations[to] = np.broadcast_to(spent, active.shape)[done]
        rows.status[to] = np.where(kept, np.where(good[done], CONVERGED, MAX_EVALUATIONS), NOT_FINITE)
        rows.by_level.update(np.broadcast_to(level, active.shape)[done].tolist())
        return np.asarray(done)
