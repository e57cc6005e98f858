"""Shards: contiguous blocks of rows, the unit of work. Planned by the run, read by the workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ig_tasks.data.arrow import plain_column
from ig_tasks.data.dataset import POSITION, DataFile, Dataset, require_once
from ig_tasks.data.row_groups import read_rows
from ig_tasks.data.sampling import ChosenRows, Sample
from ig_tasks.data.spellings import category_name
from ig_tasks.data.stamps import changed, require_same
from ig_tasks.errors import DataError, brief

_READS = 3
"""How often a file is read whose stamp changes meanwhile, and its content does not."""


@dataclass(frozen=True)
class Slice:
    """A file that a shard reads from, and the position of the file's first row among all rows.

    stamp, version: what says that it is still the file that the run began with (see `stamps`).
    """

    path: str
    name: str
    keys: tuple[tuple[str, str], ...]
    first: int
    rows: int
    stamp: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class Shard:
    """Rows start..stop-1 of the run (of the sample, if there is one), and the files that hold them."""

    index: int
    start: int
    stop: int
    uri: str
    slices: tuple[Slice, ...]
    sample: Sample | ChosenRows | None

    @property
    def rows(self) -> int:
        """Rows of the shard."""
        return self.stop - self.start

    @property
    def name(self) -> str:
        """`shard-000012`: the name of its files in the run's folder."""
        return f"shard-{self.index:06d}"

    @property
    def chosen_by(self) -> dict[str, Any] | None:
        """What chose the rows among all, for keys; None where they are all."""
        return None if self.sample is None else asdict(self.sample)

    def positions(self) -> NDArray[np.int64]:
        """Positions (rows,) among all rows of the run's files."""
        if self.sample is not None:
            return self.sample.positions(self.start, self.stop)
        return np.arange(self.start, self.stop, dtype=np.int64)

    def ends(self) -> tuple[int, int]:
        """The first and the last of `positions`."""
        if self.sample is None:
            return self.start, self.stop - 1
        first, last = (int(self.sample.positions(at, at + 1)[0]) for at in (self.start, self.stop - 1))
        return first, last


def plan_shards(
    dataset: Dataset,
    files: Sequence[DataFile],
    shard_rows: int,
    *,
    sample: int | None = None,
    seed: int = 0,
    rows_at: tuple[int, ...] | None = None,
) -> list[Shard]:
    """Cut the rows of `files`, or some of them, into blocks of `shard_rows`.

    Args:
        sample: this many rows, spread evenly over all by `seed`.
        rows_at: the rows at these positions, increasing, in place of a sample.
    """
    total = sum(file.rows for file in files)
    chosen: Sample | ChosenRows | None = None
    if rows_at is not None:
        chosen = ChosenRows(total, rows_at)
    elif sample is not None and sample < total:
        chosen = Sample(total, sample, seed)
    rows = chosen.count if chosen else total
    slices: list[Slice] = []
    first = 0
    for file in files:
        if not file.rows:
            continue
        version = dataset.versions.get(file.path)
        slices.append(Slice(file.path, file.name, file.keys, first, file.rows, file.stamp, version))
        first += file.rows
    firsts = np.array([part.first for part in slices], dtype=np.int64)
    shards = []
    for index, start in enumerate(range(0, rows, shard_rows)):
        shard = Shard(index, start, min(start + shard_rows, rows), dataset.uri, (), chosen)
        low, high = np.searchsorted(firsts, shard.ends(), side="right")
        shards.append(replace(shard, slices=tuple(slices[low - 1 : high])))
    return shards


def with_versions(shard: Shard, dataset: Dataset) -> Shard:
    """A shard that was planned before its files were digested, with their versions: workers may have copies of them."""
    slices = tuple(replace(part, version=dataset.versions.get(part.path)) for part in shard.slices)
    return replace(shard, slices=slices)


def read_shard(shard: Shard, columns: Sequence[str]) -> pd.DataFrame:
    """The rows of a shard with the given columns and `__position__`, `<file>:<row>` of each; (shard.rows, columns).

    Memory is bounded by the shard and by the compressed columns of the largest row group (see `row_groups`).

    Raises:
        DataError: if a column is absent from one of the files, or of another kind there; if a file is not the one that
            it was when the shard was planned, before it is read or after.
    """
    filesystem, _ = fsspec.core.url_to_fs(shard.uri)
    positions = shard.positions()
    pieces: list[pa.Table] = []
    for part in shard.slices:
        low, high = np.searchsorted(positions, [part.first, part.first + part.rows])
        if high > low:
            pieces.extend(_read_unchanged(filesystem, part, positions[low:high] - part.first, list(columns)))
    try:
        table = pa.concat_tables(pieces, promote_options="permissive").combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(f"data.uri {shard.uri}: its files differ ({error}); write the column alike in all") from None
    # Whole numbers beside a null stay whole numbers: as floats, ids of 18 digits would become one another.
    frame: pd.DataFrame = table.to_pandas(integer_object_nulls=True)
    return frame


def row_ids(frame: pd.DataFrame, column: str | None) -> NDArray[np.object_]:
    """What a run calls the rows (rows,) of `read_shard`: the id column as text.

    Without such a column, or where it is null, a row is called by its file and number.
    """
    positions = frame[POSITION].to_numpy(dtype=object)
    if column is None:
        return positions
    values = frame[column]
    return np.where(values.isna().to_numpy(), positions, _names_of(values))


def _names_of(values: pd.Series) -> NDArray[np.object_]:
    """`category_name` of each value; text and whole numbers, which most ids are, all at once."""
    cells = values.to_numpy()
    if cells.dtype.kind in "iu":
        return cells.astype(str).astype(object)
    cells = cells.astype(object)
    if pd.api.types.infer_dtype(cells, skipna=True) == "string":
        return cells
    return np.array([category_name(value) for value in cells], dtype=object)


def _read_unchanged(filesystem: Any, part: Slice, rows: NDArray[np.int64], columns: list[str]) -> list[pa.Table]:
    """Rows of a file, all of the content that it had when the shard was planned."""
    for _ in range(_READS):
        before = require_same(filesystem, part.path, part.stamp, part.version)
        try:
            pieces = list(_read_rows(filesystem, part, rows, columns, before))
        except (pa.ArrowException, OSError) as error:
            require_same(filesystem, part.path, part.stamp, part.version)
            reason = brief(error)
            raise DataError(f"data file {part.path} cannot be read ({reason}); repair the file") from error
        if require_same(filesystem, part.path, part.stamp, part.version) == before:
            return pieces
    raise changed(part.path, "it is being written to")


def _read_rows(
    filesystem: Any, part: Slice, rows: NDArray[np.int64], columns: list[str], stamp: str
) -> Iterator[pa.Table]:
    keys = dict(part.keys)
    stored = [column for column in columns if column not in keys]
    pieces = read_rows(
        filesystem,
        part.path,
        rows,
        stored,
        stamp=stamp,
        plain=lambda table: _readable_columns(table, stored, part),
        examine=lambda names: require_once(part.name, names, stored),
    )
    for table, numbers in pieces:
        yield _with_row_columns(table, part, numbers, keys, columns)


def _readable_columns(table: pa.Table, columns: Sequence[str], part: Slice) -> pa.Table:
    """The columns asked for, in types that pandas reads. Raises DataError for a column that cannot be converted."""
    arrays: dict[str, Any] = {}
    for column in dict.fromkeys(columns):
        values = table.column(column)
        try:
            arrays[column] = plain_column(values)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            message = " ".join(str(error).split())[:200]
            raise DataError(
                f"data.uri: column {column!r} of {part.name} holds {values.type}, which cannot be read ({message}); "
                "write it as text or numbers"
            ) from None
    return pa.table(arrays)


def _with_row_columns(
    table: pa.Table, part: Slice, rows: NDArray[np.int64], keys: dict[str, str], columns: list[str]
) -> pa.Table:
    """Add the hive keys as columns, and each row's file and number."""
    arrays: dict[str, Any] = {}
    for column in columns:
        if column in keys:
            arrays[column] = pa.array([keys[column]] * len(rows), pa.string())
        else:
            arrays[column] = table.column(column)
    numbers = pa.array(rows).cast(pa.string())
    arrays[POSITION] = pc.binary_join_element_wise(pa.scalar(part.name), numbers, ":")
    return pa.table(arrays)
