"""Tables as Parquet files, with a dictionary for the columns whose values repeat."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

__all__ = ["table_bytes"]

_LOOKED_AT = 1024
"""The first values of a column say whether its values repeat."""


def table_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file's content.

    Where nearly each value is another one, as among attributions and ids, a dictionary takes half of the time of
    writing, makes the file greater, and is given up in the end.
    """
    repeating = [_leaf(name, table.schema.field(name).type) for name in table.column_names if _repeats(table[name])]
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", use_dictionary=repeating)
    return sink.getvalue()


def _repeats(column: pa.ChunkedArray) -> bool:
    first = column.slice(0, _LOOKED_AT)
    while pa.types.is_list(first.type) or pa.types.is_large_list(first.type):
        first = pc.list_flatten(first).slice(0, _LOOKED_AT)
    if pa.types.is_nested(first.type) or len(first) < 2:
        return True
    try:
        return int(pc.count_distinct(first).as_py()) <= len(first) // 2
    except pa.ArrowNotImplementedError:  # a kind it cannot count, such as a column without a single value
        return True


def _leaf(name: str, kind: pa.DataType) -> str:
    """What Parquet calls the values of a column."""
    while pa.types.is_list(kind) or pa.types.is_large_list(kind):
        name, kind = f"{name}.list.element", kind.value_type
    return name
