"""Methods that take outputs and gradients at points of their own, chunk by chunk and output by output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.method_options import MethodOptions
from ig_tasks.attribution.methods.base import MethodResult
from ig_tasks.attribution.methods.described import Described
from ig_tasks.attribution.methods.space import Space
from ig_tasks.attribution.open_model import OpenModel
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.result import NOT_FINITE, UNVERIFIED
from ig_tasks.attribution.rows import Rows
from ig_tasks.attribution.tolerances import Tolerances

__all__ = ["Found", "PointMethod"]

Array = npt.NDArray[np.float64]

_POINT_BYTES = 16 << 20  # of one array of points
_CHUNK_ROWS = 4096


@dataclass(frozen=True)
class Found:
    """What a method finds for the rows of a space."""

    attributions: Array  # (rows, features)
    evaluations: int | npt.NDArray[Any]  # gradient evaluations per row
    estimate: Array | None = None  # relative L1 error (rows,); None: the method has no estimate
    sums: Array | None = None  # what adds up to F(x) - F(b) (rows,); None: the attributions


@dataclass(frozen=True)
class PointMethod(Described):
    """A method whose `find` is given some rows and one output."""

    def find(self, space: Space) -> Found:
        """Attributions of the rows of a space to one output, from one baseline."""
        raise NotImplementedError

    def run(self, model: OpenModel, problem: Problem, options: MethodOptions, tolerances: Tolerances) -> MethodResult:
        """By `find`. See `Method`."""
        rows = Rows.empty(problem)
        numbers = Space(model, problem.take(slice(0, 1)), tolerances, options.max_evaluations).ends.shape[1]
        chunk = int(np.clip(_POINT_BYTES // (8 * max(1, numbers)), 1, _CHUNK_ROWS))
        for first in range(0, problem.rows, chunk):
            places = np.arange(first, min(first + chunk, problem.rows))
            part = problem.take(slice(first, first + chunk))
            for target in range(len(problem.targets)):
                one = part.explaining(part.targets[target : target + 1])
                space = Space(model, one, tolerances, options.max_evaluations)
                self._write(rows, target, places, space)
        levels, counts = np.unique(rows.evaluations, return_counts=True)
        rows.by_level.update(dict(zip(levels.tolist(), counts.tolist(), strict=True)))
        return MethodResult(rows)

    def _write(self, rows: Rows, target: int, places: npt.NDArray[np.intp], space: Space) -> None:
        """Find and write what belongs to the rows at `places` and one target."""
        with np.errstate(invalid="ignore", over="ignore"):  # rows that are not finite
            found = self.find(space)
            output, baseline_output = space.outputs(space.ends), space.outputs(space.starts)
            size = np.abs(found.attributions).sum(axis=1)
            total = found.attributions.sum(axis=1) if found.sums is None else found.sums
            delta = total - (output - baseline_output)
            estimate = np.full(len(size), np.nan) if found.estimate is None else found.estimate
            status, relative, below = space.tolerances.judge(delta, (output, baseline_output), size, estimate)
            finite = np.isfinite(size) & np.isfinite(output - baseline_output)
        if not self.facts.complete:
            status, below = np.full(status.shape, UNVERIFIED), np.zeros_like(below)
            delta = relative = estimate = np.full(len(size), np.nan)
        rows.attributions[target, places] = np.where(finite[:, None], found.attributions, np.nan)
        rows.output[target, places], rows.baseline_output[target, places] = output, baseline_output
        for into, values in ((rows.delta, delta), (rows.relative_delta, relative), (rows.error_estimate, estimate)):
            into[target, places] = np.where(finite, values, np.nan)
        rows.status[target, places] = np.where(finite, status, NOT_FINITE)
        rows.below_rounding[target, places] = below & finite
        rows.evaluations[places] = np.maximum(rows.evaluations[places], found.evaluations)
