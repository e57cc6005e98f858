"""Units of a layer's tensor: one by its place, several, or all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.errors import InputError

__all__ = ["mask_of"]


def mask_of(units: Any, shape: Sequence[int], layer: str) -> npt.NDArray[np.float64]:
    """Ones (*shape) at the units: a number, a place (tuple) in a tensor of more axes, or a list of these.

    Raises:
        InputError: for a unit that the layer does not have.
    """
    mask = np.zeros(tuple(shape))
    for unit in units if isinstance(units, list) else [units]:
        place = unit if isinstance(unit, tuple) else (unit,)
        whole = all(isinstance(part, int | np.integer) and not isinstance(part, bool) for part in place)
        if whole and len(place) == 1 and mask.ndim > 1 and 0 <= place[0] < mask.size:
            place = tuple(int(part) for part in np.unravel_index(int(place[0]), mask.shape))
        inside = whole and len(place) == mask.ndim and all(0 <= p < n for p, n in zip(place, mask.shape, strict=True))
        if not inside:
            raise InputError(
                f"units: {unit!r} is not a unit of layer '{layer}', whose rows have shape {tuple(shape)}; give a "
                "number, a place in it, or a list of these"
            )
        mask[place] = 1.0
    return mask
