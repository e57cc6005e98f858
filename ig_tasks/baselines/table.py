"""A baseline that the user brings: a Parquet file of one row, a column for each feature."""

from __future__ import annotations

from collections.abc import Mapping

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.fitting import BaselineCounts, fit_baseline
from ig_tasks.data.dataset import Dataset
from ig_tasks.data.encoding import Preprocess, encode
from ig_tasks.data.inputs import InputSpec
from ig_tasks.data.shards import plan_shards, read_shard
from ig_tasks.errors import BaselineError, DataError, suggest
from ig_tasks.spec import BaselineSpec


def baseline_of_table(uri: str, inputs: Mapping[str, InputSpec], preprocess: Preprocess | None = None) -> Baseline:
    """The baseline whose values are the one row of the Parquet file at `uri`.

    Args:
        preprocess: the package's own code, where inputs come from it.

    Raises:
        BaselineError: if the table has another shape, or its row could not be explained.
    """
    try:
        dataset = Dataset(uri, field="baseline.uri")
        files = dataset.files()
    except DataError as error:
        raise BaselineError(str(error)) from None
    rows = sum(file.rows for file in files)
    if rows != 1:
        raise BaselineError(f"baseline.uri {uri}: has {rows:,} rows; a baseline of strategy 'table' is one row")
    columns = list(dict.fromkeys(column for spec in inputs.values() for column in spec.columns))
    absent = [column for column in columns if column not in dataset.columns]
    if absent:
        counted = f"{len(dataset.columns)} columns for {len(columns)} features"
        hint = suggest(absent[0], dataset.columns, noun="columns")
        raise BaselineError(f"baseline.uri {uri}: has {counted}; {absent[0]!r} is missing{hint}")
    (shard,) = plan_shards(dataset, files, 1)
    try:
        encoded = encode(read_shard(shard, columns), inputs, preprocess=preprocess)
    except DataError as error:
        raise BaselineError(f"baseline.uri {uri}: {error}") from None
    if not encoded.keep[0]:
        raise BaselineError(f"baseline.uri {uri}: {encoded.reasons[0]}; give every feature a usable value")
    counts = BaselineCounts.of(inputs, encoded.inputs, BaselineSpec(strategy="samples", k=1))
    sampled = fit_baseline(BaselineSpec(strategy="samples", k=1), counts, inputs)
    return Baseline("table", 1, sampled.fitted)
