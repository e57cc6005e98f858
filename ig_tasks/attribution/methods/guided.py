"""A path that moves first the features that change the output least."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.methods.described import require_count, require_share
from ig_tasks.attribution.methods.pointwise import Found, PointMethod
from ig_tasks.attribution.methods.polyline import Polyline

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.space import Space

__all__ = ["Guided"]

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

_AHEAD = 1e-3  # of a step
_CLOSE = 1e-9  # of a row's whole way: what is left of a step counts as done


@dataclass(frozen=True)
class Guided(PointMethod):
    """The integral of the gradient along a path that is chosen on the way: low gradients first.

    Kapishnikov et al. 2021, "Guided Integrated Gradients: an Adaptive Path Method for Removing Noise", algorithm 1. A
    step takes the row one `steps`-th of its L1 distance nearer to the input. It moves the `fraction` of the numbers
    that have the smallest |gradient|; those that have arrived give way to the next. The gradient at a step's beginning
    chooses, or just ahead of a baseline at which all are equal. Estimated is the error of the integral along the path
    that was chosen, not what more steps would make of the path. All rows move side by side. An embedded input moves by
    the numbers of its vectors.

    Args:
        steps: steps of the path.
        fraction: of the numbers of a row, that move at once.
        max_distance: how far from the straight path, as a share of its length, each number may be; 1 for unbounded.
    """

    name: ClassVar[str] = "guided"

    steps: int = 50
    fraction: float = 0.25
    max_distance: float = 0.02

    def __post_init__(self) -> None:
        require_count(self.name, "steps", self.steps)
        require_share(self.name, "fraction", self.fraction)
        require_share(self.name, "max_distance", self.max_distance, zero=True)

    def find(self, space: Space) -> Found:
        """Two gradients for each move; a step has one or a few."""
        path = _Path(space)
        for step in range(1, self.steps + 1):
            gradients = self._ahead(path) if step == 1 else np.abs(path.line.gradients)
            least = max(step / self.steps - self.max_distance, 0.0)
            most = min(step / self.steps + self.max_distance, 1.0)
            # What would be left too far behind is taken along first, whatever its gradient.
            path.move(path.sound, np.maximum(path.shares[path.sound], least))
            rows, to_go = path.behind(path.sound, 1.0 - step / self.steps)
            while rows.size:
                before = path.left(rows)
                path.move(rows, self._targets(path, rows, gradients[rows], to_go, most))
                rows = rows[path.left(rows) < before]
                rows, to_go = path.behind(rows, 1.0 - step / self.steps)
        total = path.line.total
        total[path.lost] = np.nan
        return Found(total, path.line.evaluations, path.line.estimate())

    def _ahead(self, path: _Path) -> Array:
        """|gradients| that choose the first step: from just ahead, where those at the baseline are all equal."""
        gradients = np.abs(path.line.gradients)
        rows = path.sound
        free = np.where(path.shares[rows] < 1.0, gradients[rows], np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of rows without a number that moves
            tied = rows[np.nanmax(free, axis=1) == np.nanmin(free, axis=1)]
        if tied.size:
            gradients[tied] = np.abs(path.gradients_ahead(tied, _AHEAD / self.steps))
        return gradients

    def _targets(self, path: _Path, rows: Places, gradients: Array, to_go: Array, most: float) -> Array:
        """Shares of their way to which numbers move, so that each row gets on by `to_go` at most."""
        shares, sizes = path.shares[rows], path.sizes[rows]
        free = shares < most
        ranked = np.where(free, gradients, np.inf)
        place = int(self.fraction * (ranked.shape[1] - 1))
        threshold = np.partition(ranked, place, axis=1)[:, place]
        chosen = free & (ranked <= threshold[:, None])
        room = (sizes * (most - shares) * chosen).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(room > 0.0, np.minimum(to_go / room, 1.0), 0.0)
        return np.where(chosen, shares + part[:, None] * (most - shares), shares)


class _Path:
    """How far the numbers of each row are on their way, and the integral so far."""

    def __init__(self, space: Space) -> None:
        self._space = space
        deltas = space.ends - space.starts
        self.sizes = np.abs(deltas)
        self.way = self.sizes.sum(axis=1)
        self.line = Polyline(space)
        self.shares = np.where(deltas == 0.0, 1.0, 0.0)  # from 0 to 1
        finite = np.isfinite(self.way)
        self.lost = np.flatnonzero(~finite)
        self.sound = np.flatnonzero(finite & (self.way > 0.0))
        self._drop()

    def gradients_ahead(self, rows: Places, share: float) -> Array:
        """Gradients a share of the straight way ahead of the baselines."""
        starts, ends = self._space.starts[rows], self._space.ends[rows]
        self.line.evaluations[rows] += 1
        return self._space.gradients(starts + share * (ends - starts), rows)[1]

    def left(self, rows: Places) -> Array:
        """The L1 distance to the input."""
        return np.asarray((self.sizes[rows] * (1.0 - self.shares[rows])).sum(axis=1))

    def behind(self, rows: Places, share: float) -> tuple[Places, Array]:
        """Those of the rows that have more than a share of their way to go, and how much more."""
        rows = rows[np.isin(rows, self.sound)]
        to_go = self.left(rows) - self.way[rows] * share
        far = to_go > _CLOSE * self.way[rows]
        return rows[far], to_go[far]

    def move(self, rows: Places, shares: Array) -> None:
        """Move rows to these shares of their way."""
        moved = (shares != self.shares[rows]).any(axis=1)
        rows, shares = rows[moved], shares[moved]
        if not rows.size:
            return
        starts, ends = self._space.starts[rows], self._space.ends[rows]
        self.line.go(rows, np.where(shares == 1.0, ends, starts + shares * (ends - starts)))
        self.shares[rows] = shares
        self._drop()

    def _drop(self) -> None:
        """Leave out rows at which a gradient is not finite."""
        bad = ~np.isfinite(self.line.gradients[self.sound]).all(axis=1)
        if bad.any():
            self.lost = np.concatenate([self.lost, self.sound[bad]])
            self.sound = self.sound[~bad]
