"""A baseline of weighted ids: the mean of the vectors that the model itself gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Mixture"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mixture:
    """Ids and their weights, each (groups, ids, *row shape); the mean is a sum over the second axis.

    `group` (rows,) is the group of each row; without it one group serves all rows. Places with fewer ids are filled up
    with weights of zero. Converted to an array, a mixture is the mean of the vectors that `vectors` gives for the ids.
    """

    ids: npt.NDArray[np.int64]
    weights: Array
    group: npt.NDArray[np.intp] | None = None
    vectors: Callable[[npt.NDArray[np.int64]], Array] | None = None

    @classmethod
    def of(
        cls,
        weights: Sequence[Mapping[int, float]],
        shape: tuple[int, ...],
        vectors: Callable[[npt.NDArray[np.int64]], Array] | None = None,
    ) -> Self:
        """A mixture for a row of `shape` whose places have these {id: weight}; no ids stand for the zero vector."""
        most = max(1, *(len(each) for each in weights))
        ids = np.zeros((most, len(weights)), dtype=np.int64)
        shares = np.zeros((most, len(weights)))
        for place, each in enumerate(weights):
            known = sorted(each) or [0]
            ids[:, place] = known[0]
            ids[: len(known), place] = known
            shares[: len(known), place] = [each.get(number, 0.0) for number in known]
        return cls(ids.reshape(1, most, *shape), shares.reshape(1, most, *shape), None, vectors)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row's ids."""
        return self.ids.shape[2:]

    def single(self) -> npt.NDArray[np.int64] | None:
        """The ids (1 or groups, *row shape) if every place has one id of weight 1, otherwise None."""
        at = np.argmax(self.weights, axis=1)[:, None]
        is_single = np.take_along_axis(self.weights, at, axis=1) == 1.0
        return np.take_along_axis(self.ids, at, axis=1)[:, 0] if is_single.all() else None

    def by_row(self, others: Sequence[Mixture], group: npt.NDArray[np.intp]) -> Mixture:
        """A mixture in which `group` says which one each row takes: 0 is this one, k is the k-th of `others`."""
        every = (self, *others)
        most = max(each.ids.shape[1] for each in every)

        def padded(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
            behind = [(0, 0), (0, most - array.shape[1]), *[(0, 0)] * (array.ndim - 2)]
            return np.pad(array, behind, mode="edge" if array.dtype.kind == "i" else "constant")

        ids, weights = (np.concatenate([padded(getattr(e, field)) for e in every]) for field in ("ids", "weights"))
        return replace(self, ids=ids, weights=weights, group=group)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if self.vectors is None:
            raise TypeError("the vectors of these ids are the model's")
        groups, count = self.ids.shape[:2]
        vectors = self.vectors(self.ids.reshape(groups * count, *self.row_shape))
        vectors = vectors.reshape(groups, count, *vectors.shape[1:])
        shares = self.weights.reshape(*self.weights.shape, *[1] * (vectors.ndim - self.weights.ndim))
        mean = (shares * vectors).sum(axis=1)
        own = mean[0] if self.group is None else mean[self.group]
        return np.asarray(own, dtype=dtype)
