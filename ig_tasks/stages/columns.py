"""Ids, segments and outcomes are looked at before anything is computed: to read a column costs next to nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass

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
from ig_tasks.store import Folder, run_key, take_sealed, write_sealed
from ig_tasks.store.sealed import Say

__all__ = ["Labels", "examined_columns", "require_few_levels", "require_labels", "require_unique_ids"]

_VERSION = 1
"""Part of the key of what was seen: raised when more is looked at."""

_READ_ROWS = 65536
"""Rows that are looked at together: a column of them is read in a few milliseconds, however small the shards are."""

_LOOKED_AT = 1000
"""Hashes that several rows share, at most, whose ids are compared as text."""

_MOST_IDS = 1 << 26
"""Rows whose ids are held, in half a gigabyte. Those of more rows are compared by `validate` alone, on disk."""


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


def examined_columns(plan: RunPlan, folder: Folder, data_digest: str, *, say: Say) -> Labels | None:
    """Carry out all that this module requires, once for these data: what was seen is kept in the spec's folder.

    Args:
        folder: of all runs of the spec's name.
        data_digest: of the plan's files as they are now.

    Returns:
        What the column of outcomes holds; None where the spec names none.

    Raises:
        DataError: as the others do.
    """
    data, label = plan.spec.data, plan.spec.data.label
    asked = {
        "version": _VERSION,
        "data": data_digest,
        "columns": [data.id, label, data.segments],
        "rows": [data.sample, plan.spec.attribution.seed, data.rows, plan.spec.compute.shard_rows],
        "outcome": None if label is None else asdict(outcome_of(plan.package.config, plan.target)),
    }
    name = f"columns/{run_key(asked)}.json"
    seen = take_sealed(folder, name, say)
    if seen is not None:
        return None if seen["labels"] is None else Labels(**seen["labels"])
    require_few_levels(plan)
    require_unique_ids(plan)
    labels = require_labels(plan)
    write_sealed(folder, name, {"asked": asked, "labels": None if labels is None else asdict(labels)})
    return labels


def require_unique_ids(plan: RunPlan) -> None:
    """Read the column `data.id` of the run's rows, and hold eight bytes for each.

    Raises:
        DataError: naming an id that several rows have.
    """
    column = plan.spec.data.id
    blocks = plan.shards(_READ_ROWS)
    if column is None or not blocks or blocks[-1].stop > _MOST_IDS:
        return
    hashes = np.concatenate([_hashes(_ids(block, column)) for block in blocks])
    hashes.sort()
    several = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])[:_LOOKED_AT]
    if not len(several):
        return
    texts: Counter[str] = Counter()  # two ids may have one hash, and be two ids all the same
    for block in blocks:
        ids = _ids(block, column)
        texts.update(ids[np.isin(_hashes(ids), several)])
    repeated, rows = texts.most_common(1)[0]
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
    for block in plan.shards(_READ_ROWS):
        labels = read_labels(read_shard(block, [column])[column], outcome.kind, outcome.target, outcome.classes)
        known, rows = known + int((~np.isnan(labels)).sum()), rows + len(labels)
        greatest = max(greatest, float(np.nanmax(labels, initial=-1.0)))
    classes = outcome.kind == "class" and greatest >= 0
    return Labels(column, known, rows, int(greatest) if classes else None)


def _ids(shard: Shard, column: str) -> NDArray[np.object_]:
    """The ids of the shard's rows that have one; the others go by file and number."""
    frame = read_shard(shard, [column])
    return row_ids(frame, column)[frame[column].notna().to_numpy()]


def _hashes(ids: NDArray[np.object_]) -> NDArray[np.uint64]:
    return np.asarray(pd.util.hash_array(ids, categorize=False), dtype=np.uint64)
