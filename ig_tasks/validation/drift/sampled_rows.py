"""Samples of the rows that a period explained, as its data still hold them."""

from __future__ import annotations

from ig_tasks.data.dataset import Dataset
from ig_tasks.data.shards import Shard, plan_shards
from ig_tasks.errors import RunError
from ig_tasks.validation.drift.period import Period

__all__ = ["sampled_rows"]


def sampled_rows(period: Period, rows: int, *, at_once: int) -> list[Shard]:
    """So many rows, spread evenly over the period's partition, in shards of at most `at_once`.

    Raises:
        RunError: if its data is no longer what was explained.
    """
    data = period.spec.data
    dataset = Dataset(data.uri, data.partition)
    files = dataset.files(period.partition)
    if dataset.digest(files) != period.data_digest:
        raise RunError(f"the data of run {period.folder.run_id} is no longer as it was in {data.uri}")
    return plan_shards(dataset, files, at_once, sample=rows, seed=period.spec.attribution.seed)
