"""Where the cells of a row begin and end: close together where kinks are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.structure import Segment

__all__ = ["MOST_KINKS", "place_edges"]

Array = npt.NDArray[np.float64]

MOST_KINKS = 128  # in a wider layer only every n-th unit is looked at: cells need the density, not each kink


def place_edges(
    rows: int, segments: Sequence[Segment], kinks: npt.NDArray[np.floating[Any]] | None, most: int = MOST_KINKS
) -> Array:
    """Edges (edges of all segments, rows): e_k = cdf^-1(k / cells), cdf(a) = a / 2 + #(kinks < a) / (2 kinks).

    `kinks` (rows, kinks) are the places of kinks along each path; those off the path do not count, and of more than
    `most` only every n-th is looked at. Uniform edges for a row without kinks, or where kinks are unknown.
    """
    shares = np.concatenate([np.arange(each.first, each.last + 1) / each.cells for each in segments])
    uniform = np.broadcast_to(shares[:, None], (shares.size, rows))
    if kinks is None or kinks.size == 0 or all(each.cells == 1 for each in segments):
        return uniform.astype(np.float64)
    kinks = kinks[:, :: -(-kinks.shape[1] // most)]
    with np.errstate(invalid="ignore"):
        inside = (kinks > 0.0) & (kinks < 1.0)
    ordered = np.sort(np.where(inside, kinks, np.inf), axis=1).astype(np.float64)
    count = np.maximum(inside.sum(axis=1), 1)[:, None]
    width = ordered.shape[1]
    before = np.minimum(0.5 * (ordered + np.arange(width) / count), 1.0)  # cdf just before each kink
    # One search for all rows: row r's values lie in [2 r, 2 r + 1].
    offset = 2.0 * np.arange(rows)[:, None]
    positions = np.searchsorted((before + offset).ravel(), (shares[None, :] + offset).ravel(), side="left")
    passed = np.clip(positions.reshape(rows, -1) - np.arange(rows)[:, None] * width, 0, inside.sum(axis=1)[:, None])
    last = np.where(passed > 0, np.take_along_axis(ordered, np.maximum(passed - 1, 0), axis=1), 0.0)
    places = np.clip(np.maximum(2.0 * shares - passed / count, last), 0.0, 1.0)
    return np.where(inside.any(axis=1, keepdims=True), places, shares).T
