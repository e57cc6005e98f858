"""Rows of Parquet files by their numbers, each row group read once by whoever goes through a file in order.

Parquet is compressed in row groups, and none can be entered in the middle: whoever wants its last rows reads all of it.
A shard is often a small part of one. The reader that gave out the rows of a shard therefore stays open, and the next
shard of the same group goes on where it stopped. It holds the group's compressed columns and one batch of rows, however
large the group is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

__all__ = ["GroupReader", "read_rows"]

_READERS = 2
"""Readers that are kept open in a process."""
_FOOTERS = 16
"""Footers that are kept: that of a file with many columns and groups takes longer to read than a small shard."""
_FEWEST, _MOST = 1024, 65536
"""Rows of a batch, at least and at most."""

Plain = Callable[[pa.Table], pa.Table]


@dataclass(frozen=True)
class _Footer:
    metadata: Any
    names: tuple[str, ...]
    starts: NDArray[np.int64]
    """The file's number of each group's first row, and of the row after the last, (groups + 1,)."""


class GroupReader:
    """The rows of one row group, given out in increasing order.

    Args:
        handle: of the file, open; closed with the reader.
        columns: that are read.
        batch_rows: that are held at once.
    """

    def __init__(self, handle: Any, metadata: Any, group: int, columns: Sequence[str], batch_rows: int) -> None:
        self._handle = handle
        file = pq.ParquetFile(handle, metadata=metadata)
        self._batches = file.iter_batches(batch_size=batch_rows, row_groups=[group], columns=list(columns))
        self._held: pa.Table | None = None
        self._end = 0
        self.at = 0
        """The first row that can still be given out."""

    def take(self, rows: NDArray[np.int64], plain: Plain) -> pa.Table:
        """The rows of these numbers within the group, increasing, none before `at`; `plain` converts each batch."""
        pieces: list[pa.Table] = []
        done = 0
        while done < len(rows):
            if self._held is None or rows[done] >= self._end:
                batch = next(self._batches)
                self.at, self._end = self._end, self._end + batch.num_rows
                self._held = pa.Table.from_batches([batch])
                continue
            high = int(np.searchsorted(rows, self._end))
            # Made plain before rows are taken, which Arrow cannot do of every type.
            pieces.append(plain(self._held).take(pa.array(rows[done:high] - self.at)))
            done = high
        return pa.concat_tables(pieces)

    def close(self) -> None:
        """Close the file."""
        self._handle.close()


_readers: dict[Hashable, GroupReader] = {}
_footers: dict[Hashable, _Footer] = {}


def read_rows(
    filesystem: Any,
    path: str,
    rows: NDArray[np.int64],
    columns: Sequence[str],
    *,
    stamp: str,
    plain: Plain,
    examine: Callable[[Sequence[str]], None],
) -> Iterator[tuple[pa.Table, NDArray[np.int64]]]:
    """The rows of these numbers within a file, increasing, in pieces with their numbers.

    Args:
        stamp: of the file as it is now; empty where its filesystem says nothing: then nothing is kept of it.
        plain: converts the columns of what is read.
        examine: looks at the names of the file's columns, and raises where they will not do.
    """
    file = (os.getpid(), filesystem, path, stamp) if stamp else None
    footer = _footer_of(filesystem, path, file)
    examine(footer.names)
    groups = np.unique(np.searchsorted(footer.starts, rows, side="right") - 1)
    for group in groups.tolist():
        first, end = int(footer.starts[group]), int(footer.starts[group + 1])
        low, high = np.searchsorted(rows, [first, end])
        chosen = rows[low:high]
        if not columns:
            yield pa.table({}), chosen
        elif chosen[0] == first and chosen[-1] == end - 1:
            with filesystem.open(path, "rb") as handle:
                whole = pq.ParquetFile(handle, metadata=footer.metadata).read_row_group(group, columns=list(columns))
            yield plain(whole).take(pa.array(chosen - first)), chosen
        else:
            span = int(np.clip(chosen[-1] - chosen[0] + 1, _FEWEST, _MOST))
            place = None if file is None else (*file, group, tuple(columns))

            def opened(group: int = group, span: int = span) -> GroupReader:
                return GroupReader(filesystem.open(path, "rb"), footer.metadata, group, columns, span)

            yield _taken(place, opened, chosen - first, end - first, plain), chosen


def _taken(
    place: Hashable | None, opened: Callable[[], GroupReader], rows: NDArray[np.int64], size: int, plain: Plain
) -> pa.Table:
    """Rows of a group, by the reader that is at or before them where there is one."""
    # Taken out while it is used: no other thread has it then, and one that fails is not used again.
    reader = None if place is None else _readers.pop(place, None)
    if reader is not None and reader.at > rows[0]:
        reader.close()
        reader = None
    reader = reader or opened()
    try:
        table = reader.take(rows, plain)
    except BaseException:
        reader.close()
        raise
    if place is None or rows[-1] == size - 1:
        reader.close()
        return table
    for old in _without_oldest(_readers, _READERS):
        old.close()
    _readers[place] = reader
    return table


def _footer_of(filesystem: Any, path: str, file: Hashable | None) -> _Footer:
    kept = None if file is None else _footers.get(file)
    if kept is not None:
        return kept
    with filesystem.open(path, "rb") as handle:
        opened = pq.ParquetFile(handle)
        metadata = opened.metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        starts = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))).astype(np.int64)
        footer = _Footer(metadata, tuple(opened.schema_arrow.names), starts)
    if file is not None:
        _without_oldest(_footers, _FOOTERS)
        _footers[file] = footer
    return footer


def _without_oldest(kept: dict[Hashable, Any], most: int) -> list[Any]:
    """What has to go so that one more makes `most`, taken out."""
    dropped = []
    while len(kept) >= most:
        dropped.append(kept.pop(next(iter(kept)), None))
    return [item for item in dropped if item is not None]
