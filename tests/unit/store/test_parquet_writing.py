"""Columns whose values repeat have a dictionary, the others none; what is read is what was written."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ig_tasks.store.parquet_writing import table_bytes

ROWS = 3000
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("values", "dictionary"),
    [
        (pa.array(RNG.normal(size=ROWS)), False),
        (pa.array([f"row-{number}" for number in range(ROWS)]), False),
        (pa.array(RNG.integers(0, 9, ROWS).astype(np.float64)), True),
        (pa.array(["EWR", "JFK", None] * (ROWS // 3)), True),
        (pa.array([None] * ROWS, pa.float64()), True),
        (pa.array([["a", "b"], []] * (ROWS // 2)), True),
        (pa.array([list(RNG.normal(size=3)) for _ in range(ROWS)]), False),
        (pa.array([[["a"], []]] * ROWS), True),
    ],
)
def test_a_dictionary_where_values_repeat(values: pa.Array, dictionary: bool) -> None:
    table = pa.table({"x": values})
    content = table_bytes(table)
    column = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(0)
    assert column.has_dictionary_page is dictionary
    assert column.compression == "ZSTD"
    assert pq.read_table(io.BytesIO(content)).equals(table)


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_of_hardly_any_rows(rows: int) -> None:
    table = pa.table({"x": pa.array([1.5] * rows, pa.float64()), "t": pa.array([["a"]] * rows, pa.list_(pa.string()))})
    assert pq.read_table(io.BytesIO(table_bytes(table))).equals(table)


@pytest.mark.parametrize(
    "values", [pa.nulls(3), pa.array(["a", "b", "a"]).dictionary_encode(), pa.array(["a", "b", "a"], pa.string_view())]
)
def test_columns_whose_values_cannot_be_counted(values: pa.Array) -> None:
    table = pa.table({"x": values})
    assert pq.read_table(io.BytesIO(table_bytes(table))).column("x").to_pylist() == values.to_pylist()


def test_columns_of_the_same_table_are_judged_each_for_itself() -> None:
    table = pa.table({"a.b": ["x"] * ROWS, "y": pa.array(RNG.normal(size=ROWS))})
    group = pq.ParquetFile(io.BytesIO(table_bytes(table))).metadata.row_group(0)
    assert [group.column(place).has_dictionary_page for place in range(2)] == [True, False]
