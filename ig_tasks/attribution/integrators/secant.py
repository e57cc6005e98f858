"""The composite secant rule: how many cells a row gets, and when its attributions are good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.integrators.cell_sums import CellSums
from ig_tasks.attribution.integrators.chunk import Chunk, CommonStart
from ig_tasks.attribution.integrators.grading import Grading
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.rows import Rows
from ig_tasks.attribution.structure import PLAIN, Structure
from ig_tasks.attribution.tolerances import relative_change

__all__ = ["FIRST_CELLS", "SECANT", "AdaptiveCells", "SecantCells"]

Array = npt.NDArray[np.float64]

SECANT = "secant"
FIRST_CELLS = (4, 10)
_MORE_CELLS = (24, 58, 140, 338, 816, 1970)
_FEW_UNITS = 192
_COARSE = 140  # cells up to which a kink behind a graded path may hide


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
    def steps(self) -> int:
        """The number of cells."""
        return self.cells

    def common_start(self, backend: Backend, problem: Problem) -> CommonStart:  # noqa: ARG002
        """Nothing: the outermost edges give the outputs."""
        return CommonStart()

    def integrate(self, chunk: Chunk, rows: Rows) -> None:
        """See `Integrator`. The estimate is 0 where the cells are exact, else NaN."""
        chunk.add_levels(CellSums(chunk).levels((self.cells,)))
        estimate = np.full(chunk.output.shape, 0.0 if self.exact else np.nan)
        chunk.judge(rows, estimate, self.cells, self.cells, final=True)


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
    def steps(self) -> None:
        """None: cells are chosen row by row."""
        return None

    def common_start(self, backend: Backend, problem: Problem) -> CommonStart:  # noqa: ARG002
        """Nothing: the outermost edges give the outputs."""
        return CommonStart()

    def integrate(self, chunk: Chunk, rows: Rows) -> None:
        """See `Integrator`. A row leaves after the first level that proves it."""
        cells, spent, stages = (
            CellSums(chunk, graded=self.graded, bends=self.bends),
            self.probe_evaluations,
            self.stages,
        )
        for number, counts in enumerate(stages):
            chunk.add_levels(cells.levels(counts))
            spent += sum(counts)
            estimate = self.estimate(chunk.levels, counts[-1], cells.uneven)
            left = chunk.judge(rows, estimate, spent, counts[-1], final=number == len(stages) - 1)
            if not left.size:
                return
            cells.keep(left)

    @property
    def stages(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of cells, one for each level that a stage takes further."""
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
        """Relative L1 errors (...,) of the attributions (..., features) at the last of the latest levels.

        `nodes` are the cells of that level; `uneven` (rows,) says which rows' change is, where that was looked at.
        """
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


@lru_cache(maxsize=32)
def _cells_within(max_evaluations: int) -> tuple[tuple[int, ...], ...]:
    """Numbers of cells stage by stage, which all together are at most `max_evaluations`."""
    stages: list[tuple[int, ...]] = [FIRST_CELLS]
    spent = sum(FIRST_CELLS)
    for cells in _MORE_CELLS:
        spent += cells
        if spent > max_evaluations:
            break
        stages.append((cells,))
    return tuple(stages)
