"""Arrays in documents: as text in JSON, or beside it in binary, so that what is read is what was written, bit for bit.

`to_json` of the statistics takes a `Packing`, which says what stands in the document for an array. `from_json` reads
any of them.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

__all__ = ["TEXT", "Packing", "decode", "encode", "pack", "unpack", "unpack_bytes"]

_LEVEL = 1
"""Counts and places take a tenth of their bytes at any level; sums hardly any less at a higher one."""

_CODEC = "zstd"
_PARTS: dict[str, int] = {"document": 1, "floats": 8, "integers": 8, "records": 16}
"""The parts of what `encode` writes, and the width of their items: the first bytes of all items lie side by side, then
the second ones, since the first bytes of numbers that are alike are alike."""


class Packing(Protocol):
    """What stands in a document for arrays and bytes; `compresses`: bytes need not be compressed before."""

    @property
    def compresses(self) -> bool:
        """Whether all bytes of a document are compressed together."""
        ...

    def array(self, array: NDArray[Any]) -> Any:
        """For an array of any size."""
        ...

    def numbers(self, array: NDArray[np.float64]) -> Any:
        """For a few numbers."""
        ...

    def record(self, content: bytes) -> Any:
        """For bytes."""
        ...


class _Text:
    """JSON alone: numbers as such, arrays and bytes in base64."""

    compresses = False

    def array(self, array: NDArray[Any]) -> str:
        return pack(array)

    def numbers(self, array: NDArray[np.float64]) -> list[float]:
        return list(array.tolist())

    def record(self, content: bytes) -> str:
        return base64.b64encode(content).decode("ascii")


TEXT: Packing = _Text()


class _Binary:
    """Arrays and bytes in parts of their own; in the document stands {part: [where one begins, how long it is]}."""

    compresses = True

    def __init__(self) -> None:
        self.parts: dict[str, list[Any]] = {"floats": [], "integers": [], "records": []}
        self._done = dict.fromkeys(self.parts, 0)

    def array(self, array: NDArray[Any]) -> dict[str, list[int]]:
        part, kind = ("floats", "<f8") if array.dtype.kind == "f" else ("integers", "<i8")
        return self._placed(part, np.ascontiguousarray(array, dtype=kind).ravel(), array.size, array.size)

    def numbers(self, array: NDArray[np.float64]) -> dict[str, list[int]]:
        return self.array(array)

    def record(self, content: bytes) -> dict[str, list[int]]:
        padded = content + bytes(-len(content) % _PARTS["records"])
        return self._placed("records", padded, len(content), len(padded))

    def _placed(self, part: str, item: Any, length: int, room: int) -> dict[str, list[int]]:
        self.parts[part].append(item)
        start = self._done[part]
        self._done[part] += room
        return {part: [start, length]}


def encode(document_with: Callable[[Packing], Mapping[str, Any]]) -> tuple[dict[str, list[int]], bytes]:
    """A document in binary: {part: its compressed and its plain bytes}, and the parts one behind the other."""
    binary = _Binary()
    document = document_with(binary)
    text = json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")
    contents = {"document": text, **{part: b"".join(pieces) for part, pieces in binary.parts.items()}}
    sizes: dict[str, list[int]] = {}
    packed = []
    for part, width in _PARTS.items():
        plain = contents[part]
        items = np.frombuffer(plain, np.uint8).reshape(-1, width)
        packed.append(pa.compress(np.ascontiguousarray(items.T), codec=_CODEC, asbytes=True) if plain else b"")
        sizes[part] = [len(packed[-1]), len(plain)]
    return sizes, b"".join(packed)


def decode(sizes: Mapping[str, list[int]], content: bytes) -> dict[str, Any]:
    """The document that `encode` wrote, with arrays and bytes in their places. Raises ValueError if it is damaged."""
    parts: dict[str, bytes] = {}
    first = 0
    for part, width in _PARTS.items():
        packed, plain = sizes[part]
        items = b""
        if plain:
            transposed = pa.decompress(content[first : first + packed], plain, codec=_CODEC, asbytes=True)
            items = np.ascontiguousarray(np.frombuffer(transposed, np.uint8).reshape(width, -1).T).tobytes()
        parts[part], first = items, first + packed
    places: dict[str, Any] = {
        "floats": np.frombuffer(parts["floats"], "<f8"),
        "integers": np.frombuffer(parts["integers"], "<i8"),
        "records": parts["records"],
    }

    def placed(item: dict[str, Any]) -> Any:
        if len(item) == 1:
            ((part, place),) = item.items()
            # No name that data give, such as a category's, stands for a list.
            if isinstance(place, list) and part in places:
                return places[part][place[0] : place[0] + place[1]]
        return item

    document: dict[str, Any] = json.loads(parts["document"], object_hook=placed)
    return document


def pack(array: NDArray[Any]) -> str:
    """The bytes of an array, little-endian and in C order, as base64 of what zlib makes of them."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return base64.b64encode(zlib.compress(little.tobytes(), _LEVEL)).decode("ascii")


def unpack(packed: str | NDArray[Any], dtype: DTypeLike, shape: tuple[int, ...] = (-1,)) -> NDArray[Any]:
    """The array of which a packing's `array` was made. Raises ValueError if it is damaged or does not fit `shape`."""
    if isinstance(packed, np.ndarray):
        return packed.astype(dtype).reshape(shape)
    little = np.dtype(dtype).newbyteorder("<")
    try:
        plain = zlib.decompress(base64.b64decode(packed, validate=True))
    except zlib.error as error:
        raise ValueError(f"a packed array is damaged: {error}") from error
    return np.frombuffer(plain, little).astype(dtype).reshape(shape)


def unpack_bytes(packed: str | bytes) -> bytes:
    """The bytes of which a packing's `record` was made. Raises ValueError if they are damaged."""
    return packed if isinstance(packed, bytes) else base64.b64decode(packed, validate=True)
