"""Arrays as text in JSON: their compressed bytes in base64, so that what is read is what was written, bit for bit."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["pack", "unpack"]

_LEVEL = 1
"""Counts and places take a tenth of their bytes at any level; sums hardly any less at a higher one."""


def pack(array: NDArray[Any]) -> str:
    """The bytes of an array, little-endian and in C order, as base64 of what zlib makes of them."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return base64.b64encode(zlib.compress(little.tobytes(), _LEVEL)).decode("ascii")


def unpack(text: str, dtype: DTypeLike, shape: tuple[int, ...] = (-1,)) -> NDArray[Any]:
    """The array that `pack` wrote. Raises ValueError if it is damaged or does not fit `shape`."""
    little = np.dtype(dtype).newbyteorder("<")
    try:
        plain = zlib.decompress(base64.b64decode(text, validate=True))
    except zlib.error as error:
        raise ValueError(f"a packed array is damaged: {error}") from error
    return np.frombuffer(plain, little).astype(dtype).reshape(shape)
