"""Step control of the composite secant rule: how many cells a row gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.control import Stage
from ig_tasks.attribution.grading import Grading
from ig_tasks.attribution.structure import PLAIN, Segment, Structure
from ig_tasks.attribution.tolerances import relative_change

__all__ = ["FIRST_CELLS", "MOST_KINKS", "SECANT", "AdaptiveCells", "SecantCells", "place_edges"]

Array = npt.NDArray[np.float64]

SECANT = "secant"
FIRST_CELLS = (4, 10)
_MORE_CELLS = (24, 58, 140, 338, 816, 1970)
_FEW_UNITS = 192
_COARSE = 140  # cells up to which a kink behind a graded path may hide
MOST_KINKS = 128  # in a wider layer only every n-th unit is looked at: cells need the density, not each kink


@dataclass(frozen=True)
class SecantCells:
    """The composite secant rule with a fixed number of cells, the same for every row.

    There is no second level to compare with, so no error estimate, unless the structure makes one cell `exact`.
    """

    cells: int
    exact: bool = False

    @property
    def name(self) -> str:
        """The rule's name, as `details["integrator"]` has it."""
        return SECANT

    @property
    def levels(self) -> int:
        """How many levels of approximation there are at most."""
        return 1

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order; each takes one or more levels further."""
        return (_secant_stage(0, (self.cells,)),)

    def estimate(self, levels: Sequence[Array], nodes: int) -> Array:  # noqa: ARG002
        """0 where the cells are exact, else NaN: one level has no error estimate."""
        return np.full(levels[-1].shape[:-1], 0.0 if self.exact else np.nan)


@dataclass(frozen=True)
class AdaptiveCells:
    """The composite secant rule with 4 and 10 cells in the first stage, then 24, 58, 140, ...

    Each number is about 1 + sqrt 2 times the one before: edges of one level stay away from those of the other, which
    nested or doubled cells would share, and their blind spots with them. All edges are new at every level, and
    `max_evaluations` bounds the cells of all levels together.

    The first stage has its edges from the kinks of the first layer. Where kinks behind it are known (`bends`), later
    stages have them from the kinks of every layer, seen between the edges of the level before: a unit of
    a deeper layer that flips on and off again within one cell is off at both its ends, and no change from level to
    level would tell of it. With more edges than kinks the rule is exact if all layers are piecewise linear.

    The error falls with the square of the cells, so that a level's change d is about the error of the level
    before, and twice the change is a careful estimate of the level's own; where all is piecewise linear 1.5 d is.
    Elsewhere the change before counts too, since a change may be small by chance, and more of it where the error falls
    with the first power of the cells (`rough`). With `few` units each of them matters, and one that flips within a
    cell of both first levels is seen by neither: there the first stage is no proof (with 6 to 16 units per layer 1 % of
    the rows that it would certify at 1 % were over it).

    Where not all operations are piecewise linear, nearly all of a path may happen within one cell, at every level: a
    row is looked at first (`graded`), and edges go where it changes. The first stage is no proof there, and for a row
    whose change is uneven the second does not prove it either.
    """

    structure: Structure = PLAIN
    max_evaluations: int = 4097

    @property
    def name(self) -> str:
        """The rule's name, as `details["integrator"]` has it."""
        return SECANT

    @property
    def levels(self) -> int:
        """How many levels of approximation there are at most."""
        return self.stages[-1].last + 1

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order; each takes one or more levels further."""
        return _cells_within(self.max_evaluations - self.probe_evaluations)

    @property
    def bends(self) -> bool:
        """Whether what follows the first nonlinear layer bends."""
        return self.structure.bends

    @property
    def few(self) -> bool:
        """Whether so few units bend that every one of them matters."""
        return self.bends and self.structure.units <= _FEW_UNITS

    @property
    def graded(self) -> bool:
        """Whether rows are looked at before the first stage."""
        needed = sum(FIRST_CELLS) + Grading.probe_evaluations(bends=self.bends)
        return not self.structure.pieces and self.max_evaluations >= needed

    @property
    def probe_evaluations(self) -> int:
        """Gradient evaluations per row before the first stage."""
        return Grading.probe_evaluations(bends=self.bends) if self.graded else 0

    @property
    def least(self) -> int:
        """Cells of the first level that proves a row."""
        return _MORE_CELLS[0] if self.few or self.graded else FIRST_CELLS[-1]

    def estimate(self, levels: Sequence[Array], nodes: int, uneven: npt.NDArray[np.bool_] | None = None) -> Array:
        """See `Control`; `uneven` (rows,) says which rows' change is, where that was looked at."""
        change = relative_change(levels[-1], levels[-2])
        if nodes < self.least:
            return np.full_like(change, np.inf)
        if len(levels) == 2:
            return 2.0 * change
        if self.structure.pieces > 1:
            return 1.5 * change
        unseen = self.graded and nodes <= _COARSE and (self.few or not self.bends)
        now, before = (3.0, 1.0) if self.structure.rough or unseen else (2.0, 0.3)
        estimate = np.maximum(now * change, before * relative_change(levels[-2], levels[-3]))
        # No number of a row's own size or more proves it, and one that is below the output's rounding stays so.
        return (
            estimate if uneven is None or nodes > self.least else np.where(uneven, np.maximum(estimate, 2.0), estimate)
        )


def _secant_stage(first: int, cells: tuple[int, ...]) -> Stage:
    return Stage(np.empty(0), np.empty((0, 0)), first, first + len(cells) - 1, cells[-1], cells)


@lru_cache(maxsize=32)
def _cells_within(max_evaluations: int) -> tuple[Stage, ...]:
    """Stages of secant cells of which all together are at most `max_evaluations`."""
    stages = [_secant_stage(0, FIRST_CELLS)]
    spent = sum(FIRST_CELLS)
    for cells in _MORE_CELLS:
        spent += cells
        if spent > max_evaluations:
            break
        stages.append(_secant_stage(stages[-1].last + 1, (cells,)))
    return tuple(stages)


def place_edges(
    rows: int, segments: Sequence[Segment], kinks: npt.NDArray[np.floating[Any]] | None, most: int = MOST_KINKS
) -> Array:
    """Edges (edges of all segments, rows): e_k = cdf^-1(k / cells), cdf(a) = a / 2 + #(kinks < a) / (2 kinks).

    `kinks` (rows, kinks) are the places of kinks along each path; those off the path do not count, and of more than
    `most` only every n-th is looked at. Uniform edges for a row without kinks, or where kinks are unknown.
    """
    shares = np.concatenate([np.arange(each.first, each.last + 1) / each.cells for each in segments])
    uniform = np.broadcast_to(shares[:, None], (shares.size, rows))
    if kinks is None or kinks.size == 0 or all(each.cells == 1 for each in segments):
        return uniform.astype(np.float64)
    kinks = kinks[:, :: -(-kinks.shape[1] // most)]
    with np.errstate(invalid="ignore"):
        inside = (kinks > 0.0) & (kinks < 1.0)
    ordered = np.sort(np.where(inside, kinks, np.inf), axis=1).astype(np.float64)
    count = np.maximum(inside.sum(axis=1), 1)[:, None]
    width = ordered.shape[1]
    before = np.minimum(0.5 * (ordered + np.arange(width) / count), 1.0)  # cdf just before each kink
    # One search for all rows: row r's values lie in [2 r, 2 r + 1].
    offset = 2.0 * np.arange(rows)[:, None]
    positions = np.searchsorted((before + offset).ravel(), (shares[None, :] + offset).ravel(), side="left")
    passed = np.clip(positions.reshape(rows, -1) - np.arange(rows)[:, None] * width, 0, inside.sum(axis=1)[:, None])
    last = np.where(passed > 0, np.take_along_axis(ordered, np.maximum(passed - 1, 0), axis=1), 0.0)
    places = np.clip(np.maximum(2.0 * shares - passed / count, last), 0.0, 1.0)
    return np.where(inside.any(axis=1, keepdims=True), places, shares).T
