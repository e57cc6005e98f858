"""Where along its path a row changes: a look at a few places, closer together towards both ends.

The secant rule is complete whatever its cells are, so that its delta tells nothing of a path of which nearly all
happens within one cell. A transform that saturates (log1p of an amount, tanh of a large number) is such a path: it is
over at a thousandth of the way, and the units behind it flip there. A unit that is off until then contributes nothing,
and one that is on for a while may contribute what cancels in the sum: how units move towards their kinks tells of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.integrators.flips import kinks_and_moves, kinks_between
from ig_tasks.attribution.problem import Problem

__all__ = ["GRADED", "PLACES", "Grading"]

Array = npt.NDArray[np.float64]

_HALF = 4.0 ** -np.arange(10, 0, -1)  # 1e-6, ... 0.25
# All places are the same from either end, so that swapped endpoints negate.
GRADED: Array = np.concatenate([[0.0], _HALF, [0.5], 1.0 - _HALF[::-1], [1.0]])
"""Where contributions are looked at (places,); every second one where distances from kinks are known."""
PLACES: Array = np.unique(np.concatenate([GRADED, np.arange(1, 16) / 16.0]))
"""Where distances from kinks are looked at: a forward pass costs a third of a gradient."""
_PATH, _CONTRIBUTIONS, _MOVES = 0.1, 0.2, 0.7  # no values from 0.05 to 0.2 and from 0 to 0.4 are better
_UNEVEN = 0.15  # nets with biases on normal inputs: 0.03, 1 % of their rows over 0.11; behind a log1p of amounts 0.5
_FINE = 64


@dataclass(frozen=True)
class Grading:
    """How much of a row's change lies before each of the `PLACES`, as a share (places, rows), ascending from 0 to 1.

    Edges of cells are placed in these shares, as if they were the path: there it is even.
    """

    before: Array
    kinks: Array | None = None
    """Places (rows, kinks) that edges keep to: kinks of all layers as far as they were seen, and both ends."""

    @classmethod
    def of(cls, backend: Backend, problem: Problem, batches: Batches, *, bends: bool) -> Self:
        """Look at all rows of a problem; where kinks behind the first layer are known (`bends`), also at these.

        Raises NotFollowed.
        """
        path = np.repeat(PLACES[:, None], problem.rows, axis=1)
        changes = _shares(_changes(backend, problem, batches, _probe_places(bends=bends)), path)
        if not bends:
            return cls(0.5 * (path + changes))
        kinks, moves = kinks_and_moves(backend, problem, batches, PLACES)
        moved = _shares(np.concatenate([np.zeros((1, problem.rows)), np.cumsum(moves, axis=0)]), path)
        grading = cls(_PATH * path + _CONTRIBUTIONS * changes + _MOVES * moved, kinks)
        endpoints = np.broadcast_to(PLACES[[1, -2]], (problem.rows, 2))
        return cls(
            grading.before, np.concatenate([kinks, endpoints, grading._finer(backend, problem, batches)], axis=1)
        )

    def _finer(self, backend: Backend, problem: Problem, batches: Batches) -> Array:
        """Kinks (rows, kinks) of uneven rows, seen between places that cut their change into equal shares."""
        rows = np.flatnonzero(self.uneven)
        if not rows.size:
            return np.empty((problem.rows, 0))
        shares = np.repeat(np.linspace(0.0, 1.0, _FINE + 1)[:, None], rows.size, axis=1)
        finer = kinks_between(backend, problem.take(rows), batches, self.take(rows).places(shares))
        kinks = np.full((problem.rows, finer.shape[1]), np.inf)
        kinks[rows] = finer
        return kinks

    @staticmethod
    def probe_evaluations(*, bends: bool) -> int:
        """Gradient evaluations that a row takes."""
        return _probe_places(bends=bends).size

    @property
    def uneven(self) -> npt.NDArray[np.bool_]:
        """Rows (rows,) of which much changes within little of the path."""
        return np.asarray(0.5 * np.abs(np.diff(self.before - PLACES[:, None], axis=0)).sum(axis=0) > _UNEVEN)

    def take(self, rows: slice | npt.NDArray[np.intp]) -> Grading:
        """The grading of these rows."""
        return Grading(self.before[:, rows], None if self.kinks is None else self.kinks[rows])

    def shares(self, places: npt.NDArray[np.floating[Any]]) -> Array:
        """How much of the change lies before places (places, rows) on the path; those off the path stay as they are."""
        with np.errstate(invalid="ignore"):
            on = (places > 0.0) & (places < 1.0)
        at = np.where(on, places, 0.0)
        after, row = np.maximum(np.searchsorted(PLACES, at), 1), np.arange(places.shape[1])
        low, high = self.before[after - 1, row], self.before[after, row]
        left, right = PLACES[after - 1], PLACES[after]
        return np.where(on, low + (at - left) / (right - left) * (high - low), places)

    def places(self, shares: Array) -> Array:
        """Places (shares, rows) before which these shares of the change lie."""
        rows = self.before.shape[1]
        offset = 2.0 * np.arange(rows)  # one search for all rows: row r's shares lie in [2 r, 2 r + 1]
        positions = np.searchsorted((self.before + offset).T.ravel(), (shares + offset).T.ravel()).reshape(rows, -1).T
        after, row = np.clip(positions - PLACES.size * np.arange(rows), 1, PLACES.size - 1), np.arange(rows)
        low, high = self.before[after - 1, row], self.before[after, row]
        left, right = PLACES[after - 1], PLACES[after]
        return np.asarray(np.clip(left + (shares - low) / (high - low) * (right - left), 0.0, 1.0))


def _probe_places(*, bends: bool) -> Array:
    return GRADED[::2] if bends else GRADED


def _changes(backend: Backend, problem: Problem, batches: Batches, places: Array) -> Array:
    """How much changes before each of the `PLACES` (places, rows): one gradient evaluation per row and place.

    What changes between two places is the integral of the L1 norm of the contributions by the trapezoidal rule,
    or the change of the output itself where that is more. Rows without finite numbers have NaN.
    """
    size = np.zeros((places.size, problem.rows))
    outputs = np.zeros((places.size, *problem.targets.shape))

    def evaluate(part: Rectangle) -> None:
        rows, some = slice(part.row, part.row_end), slice(part.node, part.node_end)
        batch, here = problem.take(rows), places[some]
        values, gradients = backend.evaluate(batch, here, np.eye(here.size))
        contributions = backend.unfold(batch, gradients) if backend.folded else gradients
        contributions = contributions.reshape(here.size, *batch.targets.shape, -1)
        size[some, rows] = np.abs(contributions).sum(axis=(1, 3))
        outputs[some, :, rows] = np.asarray(values).reshape(here.size, *batch.targets.shape)

    batches.run(problem.rows, places.size, evaluate)
    within = 0.5 * (size[1:] + size[:-1]) * np.diff(places)[:, None]
    within = np.maximum(within, np.abs(np.diff(outputs, axis=0)).sum(axis=1))
    before = np.concatenate([np.zeros((1, problem.rows)), np.cumsum(within, axis=0)])
    between = np.stack([np.interp(PLACES, places, each) for each in np.eye(places.size)], axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(between @ before)


def _shares(before: Array, path: Array) -> Array:
    """Amounts (places, rows) as shares of the last; the path itself where nothing changes, or it is not finite."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = before / before[-1]
    return np.where(np.isfinite(before[-1]) & (before[-1] > 0.0), shares, path)
