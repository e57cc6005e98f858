"""Parquet files read in the calling thread alone."""

from __future__ import annotations

from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["read_parquet"]


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
