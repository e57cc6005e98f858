"""Nodes of a nested rule in stages: what each node adds to every level that contains it.

A stage brings new nodes and says what each of them adds to every *level* (a quadrature rule) that contains it. Sums for
all later levels are kept as the gradients come, so that no gradient is stored and none is computed twice, however many
levels a row needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.integrators.rules import Rule

__all__ = ["Stage", "nested_stages"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stage:
    """New nodes, and their weights in this and all later levels."""

    nodes: Array  # (nodes,)
    weights: Array  # (levels from `first` on, nodes)
    first: int  # the level of weights[0]
    last: int  # the level that is complete after this stage
    evaluations: int  # nodes of that level: what a row that stops here has been given


@lru_cache(maxsize=32)
def nested_stages(rule: Rule, max_evaluations: int) -> tuple[tuple[Stage, ...], int]:
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
