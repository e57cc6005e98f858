"""Ids, segments and outcomes are looked at before anything is computed: to read a column costs next to nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.data.labels import read_labels
from ig_tasks.data.levels import segment_levels
from ig_tasks.data.shards import Shard, read_shard, row_ids
from ig_tasks.errors import DataError
from ig_tasks.models.outcomes import outcome_of
from ig_tasks.stages.row_outcomes import CORRECT, require_class
from ig_tasks.stages.run_plan import RunPlan

__all__ = ["Labels", "require_few_levels", "require_labels", "require_unique_ids"]

_LOOKED_AT = 1000
"""Hashes that several rows share, at most, whose ids are compared as text."""


@dataclass(frozen=True)
class Labels:
    """What the column of outcomes holds.

    known: rows with an outcome, of `rows`; greatest: the greatest number of a class, None for other outcomes.
    """

    column: str
    known: int
    rows: int
    greatest: int | None = None

    def require_classes(self, classes: int | None) -> None:
        """Refuse the number of a class that the model has no column for.

        Args:
            classes: columns among which the target's is; None: not known, or the outcomes are no classes.

        Raises:
            DataError: naming it.
        """
        if classes is not None and self.greatest is not None:
            require_class(self.column, self.greatest, classes)


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
    distinct, times = np.unique(np.concatenate(hashes), return_counts=True)
    several = distinct[times > 1][:_LOOKED_AT]
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


def require_few_levels(plan: RunPlan) -> None:
    """Read the columns of `data.segments` in the first shard; every other shard is looked at when its turn comes.

    Raises:
        DataError: naming a column with more levels than a report can tell apart.
    """
    if segments := plan.spec.data.segments:
        frame = read_shard(plan.shards()[0], segments)
        for column in segments:
            segment_levels(frame[column])


def require_labels(plan: RunPlan) -> Labels | None:
    """Read the column `data.label` of the run's rows; None where the spec names no label.

    Raises:
        DataError: naming a value that is no outcome of the target.
    """
    column = plan.spec.data.label
    if column is None:
        return None
    outcome = outcome_of(plan.package.config, plan.target)
    if outcome.kind != "number" and CORRECT in plan.spec.data.segments:
        raise DataError(
            f"data.segments: '{CORRECT}' is the segment of rows that were predicted rightly, where data.label is "
            "given; rename the column, or leave it out"
        )
    known = rows = 0
    greatest = -1.0
    for shard in plan.shards():
        labels = read_labels(read_shard(shard, [column])[column], outcome.kind, outcome.target, outcome.classes)
        known, rows = known + int((~np.isnan(labels)).sum()), rows + len(labels)
        greatest = max(greatest, float(np.nanmax(labels, initial=-1.0)))
    classes = outcome.kind == "class" and greatest >= 0
    return Labels(column, known, rows, int(greatest) if classes else None)


def _ids(shard: Shard, column: str) -> NDArray[np.object_]:
    """The ids of the shard's rows that have one; the others go by file and number."""
    frame = read_shard(shard, [column])
    return row_ids(frame, column)[frame[column].notna().to_numpy()]
