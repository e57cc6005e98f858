"""Quantiles of a column of any length in a few kilobytes: t-digests (Dunning & Ertl 2019, arXiv:1902.04023).

DataSketches' t-digest builds and merges; it draws no random numbers (its KLL and REQ sketches do), so the
same values give the same bytes. A digest is handled as its serialised bytes: they are
its whole state, they pickle, and they go through JSON unchanged.

Quantiles are read from the centroids here, because `get_quantile` of datasketches 5.2 interpolates
between neighbouring centroids with swapped weights (rank errors of 2 % where the digest knows 0.2 %).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from datasketches import tdigest_double
from numpy.typing import NDArray

from ig_tasks.errors import RunError

Floats = NDArray[np.float64]

_HEADER = 8  # preamble longs, serial version, family, k (2 bytes), flags, unused (2 bytes)
_EMPTY, _SINGLE = 1, 2  # bits of the flags byte
_CENTROID = np.dtype([("mean", "<f8"), ("weight", "<u8")])


def build(column: Floats, k: int) -> bytes:
    """The digest of a one-dimensional float64 array of finite values, in any order; `k` bounds its size.

    Sorted first: numpy sorts faster than the sketch does, the rows' order cannot matter, and centroids
    are then made of neighbours.
    """
    digest = tdigest_double(k)
    if column.size:
        digest.update(np.sort(column))
    return _bytes(digest)


def merge(first: bytes, second: bytes) -> bytes:
    """The digest of both columns; deterministic for one order, and dependent on it within its error."""
    digest = tdigest_double.deserialize(first)
    digest.merge(tdigest_double.deserialize(second))
    return _bytes(digest)


def quantiles(digest: bytes, q: Floats) -> Floats:
    """Values at the quantiles `q` in [0, 1]; NaN for an empty digest.

    Each centroid stands at the middle of the ranks it covers and values are interpolated between these
    points, the extremes at both ends: exact (numpy's own median) while every centroid is one value.
    """
    means, weights, minimum, maximum = _centroids(digest)
    if not means.size:
        return np.full(q.shape, np.nan)
    upper = np.cumsum(weights)
    positions = np.concatenate(([0.0], upper - weights / 2, [upper[-1]]))
    values = np.concatenate(([minimum], means, [maximum]))
    return np.asarray(np.interp(q * upper[-1], positions, values), dtype=np.float64)


def tail_sum(digest: bytes, share: float) -> float:
    """Sum of the absolute values over the `share` of the rows in which they are greatest; 0 for an empty digest.

    Centroids are narrow at both ends, so the sum is right to about a thousandth.
    """
    means, weights, _, _ = _centroids(digest)
    order = np.argsort(-np.abs(means), kind="stable")
    sizes, rows = np.abs(means[order]), weights[order].astype(np.float64)
    room = np.maximum(share * rows.sum() - (np.cumsum(rows) - rows), 0.0)
    return float((sizes * np.minimum(rows, room)).sum())


def _bytes(digest: Any) -> bytes:
    return bytes(digest.serialize())


def _centroids(digest: bytes) -> tuple[Floats, Floats, float, float]:
    """Means, weights, minimum and maximum out of the serialised form (serial version 1, little-endian)."""
    if len(digest) < _HEADER or digest[1] != 1:
        raise RunError("a quantile digest has an unknown serial version; install datasketches 5.2 or newer 5.x")
    if digest[5] & _EMPTY:
        return np.empty(0), np.empty(0), np.nan, np.nan
    if digest[5] & _SINGLE:
        value = float(np.frombuffer(digest, "<f8", count=1, offset=_HEADER)[0])
        return np.array([value]), np.array([1.0]), value, value
    count, buffered = (int(number) for number in np.frombuffer(digest, "<u4", count=2, offset=_HEADER))
    minimum, maximum = (float(number) for number in np.frombuffer(digest, "<f8", count=2, offset=_HEADER + 8))
    centroids = np.frombuffer(digest, _CENTROID, offset=_HEADER + 24)
    if buffered or len(centroids) != count:
        raise RunError("a quantile digest is damaged; remove its statistics file and run again")
    return centroids["mean"].astype(np.float64), centroids["weight"].astype(np.float64), minimum, maximum
