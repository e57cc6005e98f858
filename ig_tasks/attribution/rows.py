"""Results of rows, as methods and integrators write them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.problem import Places, Problem
from ig_tasks.attribution.result import MAX_EVALUATIONS, NOT_FINITE, UNVERIFIED
from ig_tasks.attribution.tolerances import Tolerances, relative_delta

__all__ = ["Rows"]

Array = npt.NDArray[np.float64]
_AT_ONCE = 4096  # rows of which sizes are taken together
_COUNTING = threading.Lock()  # every other result is an element of its row's own


@dataclass(frozen=True)
class Rows:
    """Results of the rows of one problem, features flat; every output that is explained comes first."""

    attributions: Array  # (targets, rows, features)
    output: Array  # (targets, rows), as the following
    baseline_output: Array
    delta: Array
    relative_delta: Array
    error_estimate: Array
    status: npt.NDArray[np.str_]
    below_rounding: npt.NDArray[np.bool_]
    evaluations: npt.NDArray[np.int32]  # (rows,)
    by_level: Counter[int]  # {evaluations: rows that stopped there}

    @classmethod
    def empty(cls, problem: Problem) -> Rows:
        """Arrays for every row and target of the problem, filled with NaN until `judge` writes a row's results."""
        shape = problem.targets.shape
        output, baseline_output, delta, relative, estimate = np.full((5, *shape), np.nan)
        return cls(
            attributions=np.empty((*shape, problem.features)),
            output=output,
            baseline_output=baseline_output,
            delta=delta,
            relative_delta=relative,
            error_estimate=estimate,
            status=np.full(shape, NOT_FINITE, "<U15"),
            below_rounding=np.zeros(shape, bool),
            evaluations=np.zeros(problem.rows, np.int32),
            by_level=Counter(),
        )

    def sizes(self) -> Array:
        """The L1 norm of each row's attributions (targets, rows), without a second copy of all of them."""
        norms = np.empty_like(self.output)
        for row in range(0, self.output.shape[1], _AT_ONCE):
            some = slice(row, row + _AT_ONCE)
            norms[:, some] = np.abs(self.attributions[:, some]).sum(axis=-1)
        return norms

    def without(self, rows: Collection[int]) -> None:
        """Rows without a status yet."""
        if rows:
            which = list(rows)
            for array in (self.delta, self.relative_delta, self.error_estimate, self.output, self.baseline_output):
                array[:, which] = np.nan
            self.attributions[:, which], self.status[:, which] = np.nan, NOT_FINITE

    def judge(
        self,
        places: Places,
        tolerances: Tolerances,
        attributions: Array,
        outputs: tuple[Array, Array],
        estimate: Array,
        spent: int | Places,
        level: int | Places,
        *,
        final: bool,
    ) -> npt.NDArray[np.bool_]:
        """Write the results of rows that are done (all their targets are), and say which they are.

        `attributions` (targets, rows, features) and `outputs`, F(x) and F(b) (targets, rows), are those of the rows
        at `places`; `spent` evaluations, `level` of them in the rule that the attributions come from.
        """
        output, baseline_output = outputs
        size = np.abs(attributions).sum(axis=-1, dtype=np.float64)
        delta = attributions.sum(axis=-1, dtype=np.float64) - (output - baseline_output)
        status, relative, below = tolerances.judge(delta, outputs, size, estimate)
        finite = status != NOT_FINITE
        done = (status != MAX_EVALUATIONS).all(axis=0) | final
        which: Any = slice(None) if done.all() else done
        to = places[which]

        def put(into: Array, values: Array) -> None:
            into[:, to] = np.where(finite[:, which], values[:, which], np.nan)

        self.attributions[:, to] = attributions[:, which]
        if not finite.all():
            self.attributions[:, to] = np.where(finite[:, which, None], self.attributions[:, to], np.nan)
        self.output[:, to], self.baseline_output[:, to] = output[:, which], baseline_output[:, which]
        put(self.delta, delta)
        put(self.relative_delta, relative)
        put(self.error_estimate, estimate)
        self.status[:, to], self.below_rounding[:, to] = status[:, which], below[:, which]
        self._count(to, *(np.broadcast_to(each, places.shape)[which] for each in (spent, level)))
        return np.asarray(done)

    def unproven(self, places: Places, attributions: Array, outputs: tuple[Array, Array], spent: int | Places) -> None:
        """Write the results of rows at `places` by a method that has no error estimate and need not be complete.

        Args:
            attributions: (targets, rows, features).
            outputs: F(x) and F(b) (targets, rows).
            spent: gradient evaluations of each row.
        """
        output, baseline_output = outputs
        finite = np.isfinite(np.abs(attributions).sum(axis=-1)) & np.isfinite(output - baseline_output)
        self.attributions[:, places] = np.where(finite[..., None], attributions, np.nan)
        self.output[:, places], self.baseline_output[:, places] = output, baseline_output
        difference = output - baseline_output
        delta = np.where(finite, attributions.sum(axis=-1) - difference, np.nan)
        self.delta[:, places] = delta
        self.relative_delta[:, places] = relative_delta(delta, difference, np.abs(attributions).sum(axis=-1))
        self.status[:, places] = np.where(finite, UNVERIFIED, NOT_FINITE)
        self._count(places, np.asarray(spent), np.asarray(spent))

    def _count(self, places: Places, spent: Places, level: Places) -> None:
        self.evaluations[places] = np.broadcast_to(spent, places.shape)
        levels, counts = np.unique(np.broadcast_to(level, places.shape), return_counts=True)
        with _COUNTING:
            self.by_level.update(dict(zip(levels.tolist(), counts.tolist(), strict=True)))
