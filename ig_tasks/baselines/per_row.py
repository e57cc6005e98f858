"""Baselines that each row has of its own: blurred, random within the data's range, or the farther end of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.data.sampling import mixed

__all__ = ["blurred", "farther_end", "row_hashes", "uniform"]

Floats = NDArray[np.float64]


def blurred(array: NDArray[Any], axes: tuple[int, ...], sigma: float | None) -> Floats:
    """Each row of (rows, ...) under a Gaussian of `sigma` along `axes` of a row; None: a tenth of the longest.

    Beyond its ends a row goes on as at its ends. Sturmfels, Lundberg & Lee 2020, section "The Blurred Image".
    """
    behind = tuple(axis + 1 for axis in axes)
    width = sigma if sigma is not None else max(array.shape[axis] for axis in behind) / 10.0
    from scipy.ndimage import gaussian_filter  # for images and series alone

    return np.asarray(gaussian_filter(np.asarray(array, np.float64), width, mode="nearest", axes=behind))


def farther_end(array: NDArray[Any], low: Floats, high: Floats) -> Floats:
    """Whichever of `low` and `high`, one row's shape, is farther from each element of (rows, ...); low if neither is.

    Sturmfels, Lundberg & Lee 2020, section "The Maximum Distance Baseline".
    """
    values = np.asarray(array, np.float64)
    return np.where(high - values > values - low, high, low)


def row_hashes(arrays: Mapping[str, NDArray[Any]], seed: int) -> NDArray[np.uint64]:
    """A number (rows,) made of a row's values alone, so that any batch, order or shard gives a row the same one."""
    rows = len(next(iter(arrays.values())))
    total = np.zeros(rows, np.uint64)
    place = 0
    for name in sorted(arrays):
        # + 0.0: minus zero is zero.
        array = np.asarray(arrays[name], np.float64)
        flat = array.reshape(rows, int(np.prod(array.shape[1:]))) + 0.0
        places = mixed(np.arange(place, place + flat.shape[1], dtype=np.uint64), seed)
        total += mixed(flat.view(np.uint64) ^ places, seed).sum(axis=1, dtype=np.uint64)
        place += flat.shape[1]
    return mixed(total, seed)


def uniform(hashes: NDArray[np.uint64], shape: tuple[int, ...], first: int) -> Floats:
    """(rows, *shape) numbers in [0, 1): for each row, the elements from index `first` of its own sequence."""
    size = int(np.prod(shape))
    places = mixed(np.arange(first, first + size, dtype=np.uint64), 0)
    bits = mixed(hashes[:, None] ^ places, 1)
    numbers: Floats = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return numbers.reshape(len(hashes), *shape)
