"""Parquet files read in the calling thread alone, and several small ones as one table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["read_parquet", "read_tables"]

TOGETHER_VALUES = 4_000_000
"""Rows times columns from which on tables are large enough: 32 MB of numbers."""


class Tables(Protocol):
    """A folder of Parquet files."""

    def read_table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """The file of this name."""
        ...


def read_parquet(handle: IO[bytes] | pa.NativeFile, columns: list[str] | None = None) -> pa.Table:
    """The file as a table; `columns` None: all of them, else these in this order.

    `pyarrow.parquet.read_table` reads in threads of its own, as does any reader of a Python file. One that still lets
    go of a Python object while the interpreter ends aborts the process (exit code 134), and a command's own exit code
    is lost. Hence the file is read whole, and its columns one after the other.

    Raises:
        KeyError: if there is no such column.
    """
    with pq.ParquetFile(pa.BufferReader(handle.read())) as file:
        table = file.read(columns=columns, use_threads=False)
    return table if columns is None else table.select(columns)


def read_tables(folder: Tables, files: Iterable[str], columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The rows of all files in order; small files are joined, since each table costs what is done with it again.

    Raises:
        KeyError: if a file lacks a column.
        DamagedError: if the folder checks digests, and a file is not what was written.
    """
    pending: list[pa.Table] = []
    values = 0
    for file in files:
        table = folder.read_table(file, columns=columns)
        pending.append(table)
        values += table.num_rows * table.num_columns
        if values >= TOGETHER_VALUES:
            yield _joined(pending)
            pending, values = [], 0
    if pending:
        yield _joined(pending)


def _joined(tables: list[pa.Table]) -> pa.Table:
    # A column without any value in one file may have the type null there.
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive").combine_chunks()
