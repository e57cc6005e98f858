"""The integral of the gradient along a path of straight pieces that is chosen on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.space import Space

__all__ = ["Polyline"]

Array = npt.NDArray[np.float64]


class Polyline:
    """Where each row's path has come to, the gradient there, and the integral so far.

    A piece is integrated by Simpson's rule, whose difference from the trapezoid rule counts as its error. Both see the
    gradient at the ends of a piece, so that a kink anywhere within it makes them differ by about what either is wrong.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self.points = space.starts.copy()
        self.gradients = space.gradients(self.points)[1]
        self.total = np.zeros((space.rows, space.features))
        self.evaluations = np.ones(space.rows, dtype=np.int64)
        self._error = np.zeros((space.rows, space.features))

    def go(self, rows: npt.NDArray[np.intp], ends: Array) -> None:
        """Go straight on to `ends` (rows, numbers), each of `rows`."""
        space, starts = self._space, self.points[rows]
        deltas, first = ends - starts, self.gradients[rows]
        _, middle = space.gradients(starts + 0.5 * deltas, rows)
        _, last = space.gradients(ends, rows)
        outer = first + last
        self.total[rows] += space.by_feature((outer + 4.0 * middle) / 6.0 * deltas)
        self._error[rows] += np.abs(space.by_feature((outer - 2.0 * middle) / 3.0 * deltas))
        self.evaluations[rows] += 2
        self.points[rows], self.gradients[rows] = ends, last

    def estimate(self) -> Array:
        """Estimated relative L1 errors (rows,)."""
        size, error = np.abs(self.total).sum(axis=1), self._error.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(error == 0.0, 0.0, error / size)
