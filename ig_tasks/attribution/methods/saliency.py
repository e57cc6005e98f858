"""The gradient at the row itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ig_tasks.attribution.methods.pointwise import Found, PointMethod

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.space import Space

__all__ = ["Saliency"]


@dataclass(frozen=True)
class Saliency(PointMethod):
    """|dF/dx_i| at the row.

    Simonyan, Vedaldi & Zisserman 2014, "Deep Inside Convolutional Networks". An embedded input has the sum over its
    width. Nothing says how good the numbers are as an explanation: rows are `unverified`.

    Args:
        absolute: False for the gradient with its sign.
    """

    name: ClassVar[str] = "saliency"

    absolute: bool = True

    @property
    def needs_baseline(self) -> bool:
        """The gradient at the row knows of no baseline."""
        return False

    def find(self, space: Space) -> Found:
        """One gradient per row."""
        _, gradients = space.gradients(space.ends)
        return Found(space.by_feature(np.abs(gradients) if self.absolute else gradients), 1)
