"""The explained rows of a run whose outcome is known, read shard by shard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ig_tasks.models.outcomes import Outcome
from ig_tasks.stages.row_outcomes import LABEL, LABEL_PROBABILITY, PREDICTED, PREDICTED_CLASS
from ig_tasks.statistics.losses import log_loss, row_losses
from ig_tasks.store.parquet_reading import read_tables
from ig_tasks.validation.drift.period import Period

__all__ = ["LabelledRows", "count_labelled", "labelled_rows"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LabelledRows:
    """Rows with an outcome; every array has shape (rows,).

    label: the outcome, of classes the number of the row's own.
    outcome: what `predicted` predicts: the same, or of classes whether it is the one explained.
    loss: of the row; of classes that of all of them.
    correct: whether the most probable class is the row's own; None of numbers.
    clusters: labels of clusters; None where each row stands for itself.
    unknown: how many rows of the shard have no outcome.
    """

    label: Floats
    outcome: Floats
    predicted: Floats
    loss: Floats
    correct: Floats | None
    clusters: NDArray[np.object_] | None
    unknown: int

    def __len__(self) -> int:
        return len(self.label)


def labelled_rows(run: Period, outcome: Outcome, threshold: float) -> Iterator[LabelledRows]:
    """The labelled rows of each shard, in order.

    Args:
        threshold: the probability from which 1 is predicted.

    Raises:
        DamagedError: if a file of the run is not what was written.
    """
    folder = run.folder.checked(run.summary.files)
    columns = ["target", LABEL, PREDICTED]
    columns += [LABEL_PROBABILITY, PREDICTED_CLASS] if outcome.kind == "class" else []
    columns += ["cluster"] if run.spec.data.cluster else []
    for table in read_tables(folder, run.summary.attribution_files, columns):
        table = table.filter(pc.equal(table.column("target"), run.target))
        known = table.filter(pc.is_valid(table.column(LABEL)))
        yield _rows(known, outcome, threshold, table.num_rows - known.num_rows)


def count_labelled(run: Period) -> tuple[int, int]:
    """How many explained rows have an outcome, and how many have none.

    Raises:
        DamagedError: if a file of the run is not what was written.
    """
    folder, known, rows = run.folder.checked(run.summary.files), 0, 0
    for file in run.summary.attribution_files:
        table = folder.read_table(file, columns=["target", LABEL])
        labels = table.filter(pc.equal(table.column("target"), run.target)).column(LABEL)
        known, rows = known + len(labels) - labels.null_count, rows + len(labels)
    return known, rows - known


def _rows(table: pa.Table, outcome: Outcome, threshold: float, unknown: int) -> LabelledRows:
    label, predicted = _floats(table, LABEL), _floats(table, PREDICTED)
    clusters = table.column("cluster").to_pandas().to_numpy(object) if "cluster" in table.column_names else None
    if outcome.kind == "class":
        own = (label == outcome.column).astype(np.float64)
        loss = log_loss(_floats(table, LABEL_PROBABILITY))
        correct = (_floats(table, PREDICTED_CLASS) == label).astype(np.float64)
        return LabelledRows(label, own, predicted, loss, correct, clusters, unknown)
    loss = row_losses(outcome.kind, label, predicted)
    hit = ((predicted >= threshold) == (label == 1.0)).astype(np.float64) if outcome.kind == "binary" else None
    return LabelledRows(label, label, predicted, loss, hit, clusters, unknown)


def _floats(table: pa.Table, name: str) -> Floats:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)
