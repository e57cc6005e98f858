"""The rows of a filter as a file: CSV for a spreadsheet, Parquet for a program."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from ig_tasks.web.conditions import Condition

__all__ = ["as_csv", "as_parquet"]

_FORMULA = r"^[=+\-@\t\r\n]"
"""How a text begins that a spreadsheet would take for a formula."""


def as_csv(table: pa.Table) -> bytes:
    """A table as CSV; text that a spreadsheet would take for a formula begins with an apostrophe."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            table = table.set_column(place, field.name, _quoted(table.column(place)))
    sink = io.BytesIO()
    pyarrow.csv.write_csv(table, sink)
    return sink.getvalue()


def as_parquet(table: pa.Table, conditions: Sequence[Condition], count: int) -> bytes:
    """A table as Parquet; its metadata say of which filter it is, and of how many rows."""
    metadata = {
        "conditions": [[condition.column, condition.operator, condition.value] for condition in conditions],
        "rows": table.num_rows,
        "rows_of_filter": count,
    }
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"ig_tasks": json.dumps(metadata)}), sink, compression="zstd")
    return sink.getvalue()


def _quoted(column: pa.ChunkedArray) -> pa.ChunkedArray:
    formula = pc.fill_null(pc.match_substring_regex(column, _FORMULA), False)
    return pc.if_else(formula, pc.binary_join_element_wise("'", column, ""), column)
