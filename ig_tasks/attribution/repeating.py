"""Checks that a model gives the same output when it is called twice.

A model that draws random numbers, or continues from its last call, is not explained.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.errors import ModelError

__all__ = ["REMEDY", "TWICE", "require_same"]

TWICE = "called twice on one row gives"
REMEDY = (
    "switch off dropout, noise and states that one call leaves for the next where the model is not trained, as "
    "F.dropout(x, training=self.training) does, and a Keras layer called without training=True"
)

Array = npt.NDArray[Any]


def require_same(first: Array, again: Array, epsilon: float) -> None:
    """Raise ModelError if two calls of a model on the same rows differ by more than rounding.

    `epsilon` is the machine epsilon of the model's dtype; sums in another order differ by a few epsilons.
    """
    change = np.nan_to_num(np.abs(first - again), nan=0.0)
    if change.max(initial=0.0) > epsilon**0.5 * np.nanmax(np.abs(first), initial=0.0):
        place = np.unravel_index(np.argmax(change), change.shape)
        raise ModelError(f"model: {TWICE} {first[place]:.6g} and {again[place]:.6g}; {REMEDY}")
