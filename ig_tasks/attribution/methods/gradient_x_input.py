"""The gradient at the row, times the row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ig_tasks.attribution.methods.pointwise import Found, PointMethod

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.space import Space

__all__ = ["GradientXInput"]


@dataclass(frozen=True)
class GradientXInput(PointMethod):
    """x_i dF/dx_i at the row.

    Shrikumar et al. 2016, "Not Just a Black Box", section 3.1. An embedded input has the sum over its vector. The
    numbers add up to the output only where the model is homogeneous, so rows are `unverified`.
    """

    name: ClassVar[str] = "gradient_x_input"

    @property
    def needs_baseline(self) -> bool:
        """The gradient at the row knows of no baseline."""
        return False

    def find(self, space: Space) -> Found:
        """One gradient per row."""
        _, gradients = space.gradients(space.ends)
        return Found(space.by_feature(gradients * space.ends), 1)
