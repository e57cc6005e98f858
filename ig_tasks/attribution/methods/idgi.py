"""Every step's change of the output, divided among the features in the direction of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ig_tasks.attribution.methods.described import require_count
from ig_tasks.attribution.methods.pointwise import Found, PointMethod

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.space import Space

__all__ = ["Idgi"]


@dataclass(frozen=True)
class Idgi(PointMethod):
    """Sum over steps of (F(x_k+1) - F(x_k)) g_i^2 / |g|^2 with g the gradient at x_k, along the straight path.

    Yang, Wang & Bilgic 2023, "IDGI: A Framework to Eliminate Explanation Noise from Integrated Gradients", algorithm 1.
    The attributions of a row add up to F(x) - F(b) by their definition, so that completeness proves nothing. They have
    no error estimate: rows are `unverified`. Where the gradient vanishes and the output changes, the row does not add
    up, and says so.

    Args:
        steps: steps of equal length.
    """

    name: ClassVar[str] = "idgi"

    steps: int = 50

    def __post_init__(self) -> None:
        require_count(self.name, "steps", self.steps)

    def find(self, space: Space) -> Found:
        """A gradient at the beginning of each step."""
        total = np.zeros((space.rows, space.features))
        deltas = space.ends - space.starts
        outputs, gradients = space.gradients(space.starts)
        for step in range(1, self.steps + 1):
            point = space.ends if step == self.steps else space.starts + (step / self.steps) * deltas
            if step == self.steps:
                reached, following = space.outputs(point), gradients
            else:
                reached, following = space.gradients(point)
            squares = gradients * gradients
            size = squares.sum(axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                rate = np.where(size > 0.0, (reached - outputs) / size, np.where(np.isnan(size), np.nan, 0.0))
            total += space.by_feature(squares * rate[:, None])
            outputs, gradients = reached, following
        return Found(total, self.steps)
