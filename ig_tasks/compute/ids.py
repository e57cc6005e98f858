"""Ids that name two rows are found before anything is computed: one column is read, which costs next to nothing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.compute.planning import RunPlan
from ig_tasks.data.shards import Shard, read_shard, row_ids
from ig_tasks.errors import DataError

__all__ = ["require_unique_ids"]

_LOOKED_AT = 1000
"""Hashes that several rows share, at most, whose ids are compared as text."""


def require_unique_ids(plan: RunPlan) -> None:
    """Read the column `data.id` of the run's rows, and hold eight bytes for each.

    Raises:
        DataError: naming an id that several rows have.
    """
    column = plan.spec.data.id
    if column is None:
        return
    shards = plan.shards()
    hashes = [pd.util.hash_array(_ids(shard, column), categorize=False) for shard in shards]
    found, times = np.unique(np.concatenate(hashes), return_counts=True)
    several = found[times > 1][:_LOOKED_AT]
    texts: Counter[str] = Counter()  # two ids may have one hash, and be two ids all the same
    for shard, hashed in zip(shards, hashes, strict=True):
        if (shared := np.isin(hashed, several)).any():
            texts.update(_ids(shard, column)[shared])
    repeated, rows = texts.most_common(1)[0] if texts else ("", 0)
    if rows > 1:
        raise DataError(
            f"data.id: {rows:,} rows of partition {plan.partition} have the {column} {repeated!r}; name a column of "
            "unique ids, or leave data.id out, and rows go by file and number"
        )


def _ids(shard: Shard, column: str) -> NDArray[np.object_]:
    """The ids of the shard's rows that have one; the others go by file and number."""
    frame = read_shard(shard, [column])
    return row_ids(frame, column)[frame[column].notna().to_numpy()]
