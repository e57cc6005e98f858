"""Rows drawn from data of any size, the same ones however the data is cut into shards.

Each row has a rank of its own, made of its position and the seed by hashing; the rows of the lowest ranks are the
sample (a "bottom-k" sample: Cohen & Kaplan 2007, Summarizing data using bottom-k sketches). Two samples merge into
the sample of both, in any order.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ig_tasks.data.sampling import mixed

__all__ = ["RowSample", "packed", "unpacked"]


@dataclass(frozen=True, eq=False)
class RowSample:
    """At most `size` rows: {input: (rows, ...)}, lowest rank first."""

    size: int
    ranks: NDArray[np.uint64]
    positions: NDArray[np.int64]
    arrays: Mapping[str, NDArray[Any]]

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], positions: NDArray[np.int64], *, size: int, seed: int) -> Self:
        """The sample of these rows; `positions` (rows,) are their places among all rows, no two alike."""
        # Twice: neighbouring positions and neighbouring seeds have nothing in common then.
        ranks = mixed(mixed(np.asarray(positions).astype(np.uint64), seed), seed)
        columns = {name: np.asarray(array) for name, array in arrays.items()}
        return cls(size, ranks, np.asarray(positions, np.int64), columns)._lowest()

    def merge(self, other: Self) -> Self:
        """The sample of the rows of both."""
        arrays = {name: np.concatenate([array, other.arrays[name]]) for name, array in self.arrays.items()}
        ranks = np.concatenate([self.ranks, other.ranks])
        return type(self)(self.size, ranks, np.concatenate([self.positions, other.positions]), arrays)._lowest()

    def _lowest(self) -> Self:
        order = np.lexsort((self.positions, self.ranks))[: self.size]
        arrays = {name: array[order] for name, array in self.arrays.items()}
        return type(self)(self.size, self.ranks[order], self.positions[order], arrays)

    def __len__(self) -> int:
        return len(self.ranks)

    def to_json(self) -> dict[str, Any]:
        """The sample as JSON values, exact; `from_json` reads them."""
        arrays = {name: packed(array) for name, array in self.arrays.items()}
        return {"size": self.size, "ranks": packed(self.ranks), "positions": packed(self.positions), "arrays": arrays}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The sample that `to_json` wrote."""
        arrays = {name: unpacked(item) for name, item in data["arrays"].items()}
        return cls(data["size"], unpacked(data["ranks"]), unpacked(data["positions"]), arrays)


def packed(array: NDArray[Any]) -> dict[str, Any]:
    """An array as JSON, to the bit."""
    content = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"dtype": str(array.dtype), "shape": list(array.shape), "content": content}


def unpacked(data: Mapping[str, Any]) -> NDArray[Any]:
    """The array that `packed` wrote."""
    flat = np.frombuffer(base64.b64decode(data["content"]), dtype=data["dtype"])
    return flat.reshape(data["shape"])
