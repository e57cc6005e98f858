"""Which feature each number of the inputs belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.data.features import Feature

__all__ = ["members_of"]


def members_of(arrays: Mapping[str, NDArray[Any]], features: Sequence[Feature]) -> dict[str, NDArray[np.intp]]:
    """{input: (row's shape) the place of the feature of each element}, -1 of no feature.

    Args:
        arrays: {input: (rows, ...)}.
        features: what each sums, as for `feature_matrix`; empty: every number is a feature of its own.
    """
    places = {name: np.full(array.shape[1:], -1, np.intp) for name, array in arrays.items()}
    if not features:
        first = 0
        for name, array in arrays.items():
            size = int(np.prod(array.shape[1:]))
            places[name] = np.arange(first, first + size, dtype=np.intp).reshape(array.shape[1:])
            first += size
        return places
    columns_used: Counter[str] = Counter()
    for number, feature in enumerate(features):
        where = places[feature.input]
        if feature.elements is None:
            at: Any = () if where.ndim == 0 else (..., columns_used[feature.input])
            columns_used[feature.input] += 1
        else:
            at = tuple(slice(None) if span is None else slice(*span) for span in feature.elements)
        where[at] = number
    return places
