"""Step control: how many nodes a row gets, and when its attributions are good enough.

A control lays out *stages*. A stage brings new nodes and says what each of them adds to every *level*
(a quadrature rule) that contains it. Sums for all later levels are kept as the gradients come, so that no
gradient is stored and none is computed twice, however many levels a row needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.lobatto import Lobatto
from ig_tasks.attribution.quadrature import Rule, fixed_nodes
from ig_tasks.attribution.tolerances import relative_change

__all__ = ["AdaptiveSteps", "Control", "FixedSteps", "Stage"]

Array = npt.NDArray[np.float64]
_LOBATTO = Lobatto()


@dataclass(frozen=True)
class Stage:
    """New nodes, and their weights in this and all later levels."""

    nodes: Array  # (nodes,)
    weights: Array  # (levels from `first` on, nodes)
    first: int  # the level of weights[0]
    last: int  # the level that is complete after this stage
    evaluations: int  # nodes of that level: what a row that stops here has been given
    cells: tuple[int, ...] = ()  # of the secant rule: one number per level from `first` on, in place of nodes


class Control(Protocol):
    """Stages of nodes, and an estimate of a row's error after each."""

    @property
    def name(self) -> str:
        """The rule's name, as `details["integrator"]` has it."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order; each takes one or more levels further."""

    @property
    def levels(self) -> int:
        """How many levels of approximation there are at most."""

    def estimate(self, levels: Sequence[Array], nodes: int) -> Array:
        """Relative L1 errors (...,) of the attributions (..., features) at the last of the latest levels.

        `nodes` are those of that level.
        """


@dataclass(frozen=True)
class FixedSteps:
    """The same nodes for every row. There is no second rule to compare with, so no error estimate."""

    rule: Rule
    steps: int

    @property
    def name(self) -> str:
        """The rule's name, as `details["integrator"]` has it."""
        return self.rule.name

    @property
    def levels(self) -> int:
        """How many levels of approximation there are at most."""
        return 1

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order; each takes one or more levels further."""
        nodes, weights = fixed_nodes(self.rule, self.steps)
        return (Stage(nodes, weights[None, :], first=0, last=0, evaluations=nodes.size),)

    def estimate(self, levels: Sequence[Array], nodes: int) -> Array:  # noqa: ARG002
        """NaN: a fixed rule has no error estimate."""
        return np.full(levels[-1].shape[:-1], np.nan)


@dataclass(frozen=True)
class AdaptiveSteps:
    """A nested rule of 2^k intervals: 2 and 4 in the first stage, then 8, 16, ... up to `max_evaluations` nodes.

    With d the relative L1 change from the level before, the error estimate is min(d, s d^2 / d_before): a
    smooth integrand's changes fall faster than geometrically, so that d itself is far too careful for it;
    where they do not fall (kinks), the estimate stays d. The safety s is 2, and 1 where the rule is of the
    highest degree that its nodes can have: of 26,400 rows of smooth nets and attention, certified at 5 %,
    0.08 % were over it, with 2 everywhere 0.07 %, with 1 everywhere 0.35 %.

    `careful`: the integrand has kinks, or nobody knows. Between two places of a nested rule one kink changes the sum by
    as much as the finer rule may be wrong, but several may cancel, so that half the change before counts as well. Of
    3,000 rows of small nets with kinks of every kind, certified at 1 %, 0.07 % were over it with twice the larger of
    both, 0.4 % with the larger itself.
    """

    max_evaluations: int = 4097
    rule: Rule = _LOBATTO  # with the nodes of 2^k intervals among those of 2^(k + 1), every second one
    careful: bool = False

    @property
    def name(self) -> str:
        """The rule's name, as `details["integrator"]` has it."""
        return self.rule.name

    @property
    def levels(self) -> int:
        """How many levels of approximation there are at most."""
        return _nested(self.rule, self.max_evaluations)[1]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order; each takes one or more levels further."""
        return _nested(self.rule, self.max_evaluations)[0]

    def estimate(self, levels: Sequence[Array], nodes: int) -> Array:
        """The estimated relative L1 error of each row, from the change between the last levels; NaN after the first."""
        if len(levels) == 1:
            return np.full(levels[0].shape[:-1], np.nan)
        change = relative_change(levels[-1], levels[-2])
        if len(levels) == 2:
            return change
        before = relative_change(levels[-2], levels[-3])
        if self.careful:
            return 2.0 * np.maximum(change, 0.5 * before)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            squared = self._safety(nodes) * change * change / before
        return np.where(before > 0.0, np.minimum(change, squared), change)

    def _safety(self, nodes: int) -> float:
        return 1.0 if isinstance(self.rule, Lobatto) and nodes <= self.rule.optimal_to else 2.0


@lru_cache(maxsize=32)
def _nested(rule: Rule, max_evaluations: int) -> tuple[tuple[Stage, ...], int]:
    """Stages of a nested rule with at most `max_evaluations` nodes, and the number of levels."""
    count = 1 + int(np.log2((max_evaluations - 1) // 2))
    intervals = [2 << level for level in range(count)]
    finest = intervals[-1]
    weights = np.zeros((count, finest + 1))
    for level, cells in enumerate(intervals):
        weights[level, :: finest // cells] = rule.nodes(cells + 1)[1]
    points = rule.nodes(finest + 1)[0]
    stages = []
    for last in range(min(1, count - 1), count):
        stride = finest // intervals[last]
        new = np.arange(0, finest + 1, stride) if last <= 1 else np.arange(stride, finest, 2 * stride)
        first = 0 if last <= 1 else last
        stages.append(Stage(points[new], weights[first:, new], first, last, intervals[last] + 1))
    return tuple(stages), count
