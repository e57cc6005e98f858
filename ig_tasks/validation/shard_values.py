"""A run's shards, read in chunks of bounded size and reduced to one check value per row and question.

What leaves this module has the columns named here, whatever the features are called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ig_tasks.errors import CheckBrokenError, brief
from ig_tasks.store import RunFolder

RELATIVE_DELTA = "relative_delta"
STATUS = "status"
ATTRIBUTIONS_FINITE = "attributions_finite"
PARITY_ERROR = "parity_error"

BATCH_ROWS = 16_384  # rows read at once, with all their attributions
CHUNK_ROWS = 131_072  # rows judged at once: a few numbers each, and a judgement costs a fixed 50 ms

_ATTRIBUTION = "attribution:"
_NEEDED = ("row_id", "target", "output", "relative_delta", "status")
_PREDICTION = "prediction"


@dataclass(frozen=True)
class Predicted:
    """The space of the stored predictions, and how outputs (rows,) are told in it."""

    space: str
    convert: Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Worst:
    """The row that differs most from its stored prediction: `error` in the measure of the check."""

    error: float
    row_id: str
    output: float
    prediction: float


@dataclass(frozen=True)
class Chunk:
    """Some rows of the run: `frame` with the check columns, `ids` with row_id and target."""

    frame: pd.DataFrame
    ids: pa.Table
    worst: Worst | None = None

    @property
    def rows(self) -> int:
        """Rows of the chunk."""
        return len(self.frame)


def read_chunks(
    run: RunFolder,
    shards: Sequence[str],
    *,
    parity: bool,
    predicted: Predicted | None = None,
    batch_rows: int = BATCH_ROWS,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[Chunk]:
    """All rows of the shards in order, in chunks of at most `chunk_rows` + `batch_rows` rows.

    `parity` says that the shards hold the stored prediction, `predicted` that it is in another space. Raises
    CheckBrokenError when a shard cannot be read, lacks a column, or has attributions of other features than the first.
    """
    pending: list[Chunk] = []
    rows = 0
    for chunk in _read_batches(run, shards, parity=parity, predicted=predicted, batch_rows=batch_rows):
        pending.append(chunk)
        rows += chunk.rows
        if rows >= chunk_rows:
            yield _concatenated(pending)
            pending, rows = [], 0
    if pending:
        yield _concatenated(pending)


def _read_batches(
    run: RunFolder, shards: Sequence[str], *, parity: bool, predicted: Predicted | None, batch_rows: int
) -> Iterator[Chunk]:
    features: list[str] | None = None
    for shard in shards:
        try:
            with run.opened(shard) as handle:
                file = pq.ParquetFile(handle)
                shard_features = _features(shard, file.schema_arrow.names, parity=parity)
                if features is not None and set(shard_features) != set(features):
                    raise CheckBrokenError(f"{shard}: attributions of other features than in {shards[0]}; run again")
                features = shard_features
                columns = [*_NEEDED, *([_PREDICTION] if parity else []), *shard_features]
                for batch in file.iter_batches(batch_size=batch_rows, columns=columns):
                    yield reduce_batch(batch, shard_features, parity=parity, predicted=predicted)
        except (OSError, pa.ArrowException) as error:
            reason = brief(error)
            raise CheckBrokenError(f"{shard}: cannot be read ({reason}); run again") from error


def _features(shard: str, names: Sequence[str], *, parity: bool) -> list[str]:
    """The attribution columns, after a look at all that must be there."""
    for needed in (*_NEEDED, *([_PREDICTION] if parity else [])):
        if needed not in names:
            raise CheckBrokenError(
                f"{shard}: no column {needed!r}; the shard was written by another version, run again"
            )
    features = [name for name in names if name.startswith(_ATTRIBUTION)]
    if not features:
        raise CheckBrokenError(f"{shard}: no column 'attribution:<feature>'; run again")
    return features


def reduce_batch(
    batch: pa.RecordBatch, features: Sequence[str], *, parity: bool, predicted: Predicted | None = None
) -> Chunk:
    """One check value per row and question.

    A null or NaN becomes a value that cannot pass, since Great Expectations leaves missing values out of its judgement.
    Only a null prediction stays missing.
    """
    delta = _floats(batch, RELATIVE_DELTA)
    finite = np.ones(batch.num_rows, dtype=bool)
    for name in features:
        finite &= np.isfinite(_floats(batch, name))
    columns: dict[str, object] = {
        RELATIVE_DELTA: np.where(np.isnan(delta), np.inf, delta),
        STATUS: pc.fill_null(batch.column(STATUS).cast(pa.string()), "missing").to_pandas(),
        ATTRIBUTIONS_FINITE: finite,
    }
    ids = [batch.column(name).cast(pa.string()) for name in ("row_id", "target")]
    worst = None
    if parity:
        output, prediction = _floats(batch, "output"), _floats(batch, _PREDICTION)
        if predicted is not None:
            with np.errstate(all="ignore"):
                output = predicted.convert(output)
        error = parity_error(output, prediction)
        columns[PARITY_ERROR] = error
        if not np.isnan(error).all():
            row = int(np.nanargmax(error))
            worst = Worst(float(error[row]), str(ids[0][row]), float(output[row]), float(prediction[row]))
    return Chunk(pd.DataFrame(columns), pa.Table.from_arrays(ids, names=["row_id", "target"]), worst)


def parity_error(output: NDArray[np.float64], prediction: NDArray[np.float64]) -> NDArray[np.float64]:
    """|output - prediction| / (1 + |prediction|): at most the tolerance where both agree absolutely or relatively.

    NaN where there is no prediction; infinite where the output, or a prediction, is not finite.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(output - prediction) / (1.0 + np.abs(prediction))
    error[~np.isfinite(error)] = np.inf
    error[np.isnan(prediction)] = np.nan
    return error


def _floats(batch: pa.RecordBatch, name: str) -> NDArray[np.float64]:
    """A column as float64, null as NaN."""
    return np.array(batch.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _concatenated(parts: Sequence[Chunk]) -> Chunk:
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    return Chunk(frame, pa.concat_tables([part.ids for part in parts]), worst_of([part.worst for part in parts]))


def worst_of(candidates: Sequence[Worst | None]) -> Worst | None:
    """The worst of several; the first of equals."""
    known = [candidate for candidate in candidates if candidate is not None]
    return max(known, key=lambda candidate: candidate.error, default=None)
