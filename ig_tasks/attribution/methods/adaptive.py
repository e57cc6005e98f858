"""Integrals along the straight path whose integrand is not gradient x (end - start), with the engine's step control."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.integrators.nested import Nested
from ig_tasks.attribution.integrators.quadrature import AdaptiveSteps
from ig_tasks.attribution.methods.pointwise import Found

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.space import Space

__all__ = ["integrated"]

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

_COMPARED = 3  # levels that an estimate looks at


def integrated(space: Space, integrand: Callable[[Array, Places], Array], width: int | None = None) -> Found:
    """The integral of `integrand(gradients, rows)`, (rows, features) or (rows, width), over the straight path.

    `gradients` (rows, numbers) are those of the rows at one place of their paths. Nodes are added level by level until
    a row's estimated error is within the tolerance.
    """
    control = AdaptiveSteps(space.max_evaluations, careful=True)
    nested, tolerances = Nested(control.stages), space.tolerances
    rows, width = np.arange(space.rows), width or space.features
    total = np.full((space.rows, width), np.nan)
    estimates, evaluations = np.full(space.rows, np.nan), np.zeros(space.rows, dtype=np.int64)
    levels: list[Array] = []
    spent = 0
    for number, stage in enumerate(control.stages):
        weights = nested.weights(number)
        sums = np.zeros((len(weights), 1, rows.size, width))
        starts, ends = space.starts[rows], space.ends[rows]
        for node, shares in zip(stage.nodes, weights.T, strict=True):
            point = ends if node == 1.0 else starts + node * (ends - starts)
            part = integrand(space.gradients(point, rows)[1], rows)
            for level in np.flatnonzero(shares):
                sums[level, 0] += shares[level] * part
        spent += stage.nodes.size
        levels = [*levels, *nested.levels(number, sums)][-_COMPARED:]
        found, estimate = levels[-1][0], control.estimate(levels, stage.evaluations)[0]
        size = np.abs(found).sum(axis=1)
        with np.errstate(invalid="ignore"):
            open_rows = np.isfinite(size) & ~(estimate * size <= tolerances.relative * size + tolerances.absolute)
        total[rows], estimates[rows], evaluations[rows] = found, estimate, spent
        if not open_rows.any():
            break
        left = np.flatnonzero(open_rows)
        rows, levels = rows[left], [level[:, left] for level in levels]
        nested.keep(left)
    return Found(total, evaluations, estimates)
