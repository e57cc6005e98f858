"""Mean and extremes of every element of an array input, mergeable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ig_tasks.baselines.draws import packed, unpacked

__all__ = ["ElementMoments"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ElementMoments:
    """Of `count` rows; mean, low and high have one row's shape."""

    count: int
    mean: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, array: NDArray[Any]) -> Self:
        """The moments of an array (rows, ...)."""
        if not len(array):
            shape = array.shape[1:]
            return cls(0, np.zeros(shape), np.full(shape, np.inf), np.full(shape, -np.inf))
        values = np.asarray(array)
        return cls(
            len(values),
            np.asarray(values.mean(axis=0, dtype=np.float64)),
            np.asarray(values.min(axis=0), np.float64),
            np.asarray(values.max(axis=0), np.float64),
        )

    def merge(self, other: Self) -> Self:
        """The moments of the rows of both."""
        count = self.count + other.count
        mean = self.mean + (other.mean - self.mean) * (other.count / count) if count else self.mean
        return type(self)(count, mean, np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def to_json(self) -> dict[str, Any]:
        """The moments as JSON values, exact; `from_json` reads them."""
        return {"count": self.count, **{name: packed(getattr(self, name)) for name in ("mean", "low", "high")}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The moments that `to_json` wrote."""
        return cls(data["count"], *(unpacked(data[name]) for name in ("mean", "low", "high")))
