"""Tables are read without threads that may outlive the interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ig_tasks.store import Folder, parquet_reading

_READ = """
import os, sys
import pyarrow as pa
import pyarrow.parquet as pq
from ig_tasks.store.parquet_reading import read_parquet

def threads():
    # jemalloc, which allocates Arrow's memory, has one of its own that holds no Python object
    names = [open(f"/proc/self/task/{one}/comm").read() for one in os.listdir("/proc/self/task")]
    return sum("jemalloc" not in name for name in names)

with open(sys.argv[1], "rb") as file:
    before = threads()
    table = read_parquet(file)
    table = read_parquet(pa.BufferReader(open(sys.argv[1], "rb").read()), ["b", "a"])
    assert table.column_names == ["b", "a"]
    print(threads() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted as Linux tells them")
def test_reading_a_table_starts_no_thread(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": list(range(100)), "b": ["x"] * 100}), tmp_path / "t.parquet")
    command = [sys.executable, "-c", _READ, str(tmp_path / "t.parquet")]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "0"


def test_columns_come_in_the_order_asked_for_and_no_other_with_them(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    names = ["attribution:a", "attribution:a.b", "id"]
    folder.write_table("t.parquet", pa.table({name: [float(place)] for place, name in enumerate(names)}))
    assert folder.read_table("t.parquet").column_names == names
    found = folder.read_table("t.parquet", columns=["id", "attribution:a"])
    assert found.to_pydict() == {"id": [2.0], "attribution:a": [0.0]}
    assert folder.read_table("t.parquet", columns=["attribution:a.b"]).to_pydict() == {"attribution:a.b": [1.0]}
    with pytest.raises(KeyError, match="gone"):
        folder.read_table("t.parquet", columns=["gone"])


def test_small_files_come_together_in_their_order_and_large_ones_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_reading, "TOGETHER_VALUES", 10)
    folder = Folder(str(tmp_path))
    sizes = [2, 0, 1, 1, 9, 30, 1]
    for place, rows in enumerate(sizes):
        folder.write_table(
            f"{place}.parquet", pa.table({"row": [100 * place + row for row in range(rows)], "b": [1] * rows})
        )
    files = [f"{place}.parquet" for place in range(len(sizes))]

    tables = list(parquet_reading.read_tables(folder, files, ["b", "row"]))

    assert [table.num_rows for table in tables] == [13, 30, 1]
    assert [table.column_names for table in tables] == [["b", "row"]] * 3
    rows = [row for table in tables for row in table.column("row").to_pylist()]
    assert rows == [100 * place + row for place, count in enumerate(sizes) for row in range(count)]


def test_a_column_without_values_in_one_file_has_the_type_of_the_others(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    folder.write_table("first.parquet", pa.table({"carrier": pa.array([None, None], pa.null())}))
    folder.write_table("second.parquet", pa.table({"carrier": ["AA"]}))
    (table,) = parquet_reading.read_tables(folder, ["first.parquet", "second.parquet"])
    assert table.column("carrier").to_pylist() == [None, None, "AA"]
