"""Arrays as text in JSON: their bytes in base64, so that what is read is what was written to the last bit."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["pack", "unpack"]


def pack(array: NDArray[Any]) -> str:
    """The bytes of an array, little-endian and in C order, as base64."""
    return base64.b64encode(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()).decode("ascii")


def unpack(text: str, dtype: DTypeLike, shape: tuple[int, ...] = (-1,)) -> NDArray[Any]:
    """The array that `pack` wrote. Raises ValueError if it does not fit `shape`."""
    little = np.dtype(dtype).newbyteorder("<")
    return np.frombuffer(base64.b64decode(text, validate=True), little).astype(dtype).reshape(shape)
