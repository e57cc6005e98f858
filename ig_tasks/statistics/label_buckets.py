"""Labels beyond the cells that a grid may have: buckets of a hash, and ever coarser ones."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ig_tasks.statistics.levels import MISSING

__all__ = ["NO_BUCKET", "buckets_of", "coarser"]

Codes = NDArray[np.int64]

_HASH_BITS = 14
"""Labels beyond the limit share 2^14 buckets, then 2^13 and so on."""

NO_BUCKET = -1
"""Stands for the label of missing values, which shares its cell with no other."""


def buckets_of(keys: tuple[str, ...], level: int) -> Codes:
    """The hashes of labels (`level` 0), or the buckets of a finer level."""
    numbers = (NO_BUCKET if key == MISSING else int(key) if level else _hash(key) for key in keys)
    return np.fromiter(numbers, np.int64, len(keys))


def coarser(buckets: Codes, level: int) -> Codes:
    """The buckets at a coarser level."""
    return np.where(buckets == NO_BUCKET, NO_BUCKET, buckets & ((1 << max(_HASH_BITS - level + 1, 0)) - 1))


@lru_cache(maxsize=1 << 15)
def _hash(label: str) -> int:
    # Remembered, since the shards of a run hold the same labels.
    return int.from_bytes(hashlib.blake2b(label.encode("utf-8", "surrogatepass"), digest_size=8).digest()) >> 1
