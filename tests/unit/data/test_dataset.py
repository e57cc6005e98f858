"""Data sets are Parquet files in hive partitions, found without reading rows."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ig_tasks.data.dataset import Dataset
from ig_tasks.errors import DataError, PartitionError


@pytest.fixture
def flights(tmp_path):
    for month, rows in (("2013-01", 3), ("2013-02", 5), ("2013-03", 2)):
        folder = tmp_path / f"month={month}"
        folder.mkdir()
        pd.DataFrame({"x": range(rows), "carrier": ["AA"] * rows}).to_parquet(folder / "part-0.parquet")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".hidden.parquet").write_bytes(b"not parquet")
    return tmp_path


def test_partitions_files_rows_and_columns_are_found(flights):
    dataset = Dataset(str(flights), "month")
    assert dataset.partitions == ["2013-01", "2013-02", "2013-03"]
    assert [(file.name, file.rows) for file in dataset.files("2013-02..2013-03")] == [
        ("month=2013-02/part-0.parquet", 5),
        ("month=2013-03/part-0.parquet", 2),
    ]
    assert sum(file.rows for file in dataset.files()) == 10
    assert set(dataset.columns) == {"x", "carrier", "month"}


def test_one_file_is_a_data_set(flights):
    dataset = Dataset(str(flights / "month=2013-01" / "part-0.parquet"))
    assert [file.rows for file in dataset.files("all")] == [3]


def test_the_digest_is_of_names_and_contents(flights):
    dataset = Dataset(str(flights), "month")
    first = dataset.digest(dataset.files("2013-01"))
    assert first == dataset.digest(dataset.files("2013-01"))
    assert first != dataset.digest(dataset.files("2013-02"))
    pd.DataFrame({"x": [0, 1, 3], "carrier": ["AA"] * 3}).to_parquet(flights / "month=2013-01" / "part-0.parquet")
    changed = Dataset(str(flights), "month")
    assert first != changed.digest(changed.files("2013-01"))


def test_an_absent_partition_lists_those_present(flights):
    with pytest.raises(PartitionError, match=r"'2014-01' is not in the data; partitions: 2013-01, 2013-02, 2013-03"):
        Dataset(str(flights), "month").files("2014-01")


def test_an_empty_partition_is_refused(flights):
    folder = flights / "month=2013-04"
    folder.mkdir()
    pd.DataFrame({"x": pd.Series([], dtype="int64"), "carrier": pd.Series([], dtype="str")}).to_parquet(
        folder / "part-0.parquet"
    )
    with pytest.raises(PartitionError, match=r"partition '2013-04' of .* has no rows"):
        Dataset(str(flights), "month").files("2013-04")


@pytest.mark.parametrize(
    ("uri", "partition", "message"),
    [
        ("nothing", None, "there are no Parquet files"),
        ("", "moth", r"no folder moth=<value> below .*did you mean 'month'\?"),
    ],
)
def test_a_data_set_that_is_not_there_is_one_line(flights, uri, partition, message):
    with pytest.raises(DataError, match=message):
        Dataset(str(flights / uri), partition)


def test_a_partition_of_undivided_data_is_refused(flights):
    with pytest.raises(PartitionError, match=r"name the column of its folders in data\.partition"):
        Dataset(str(flights)).files("2013-01")


def test_an_absent_column_names_where_it_was_asked_for(flights):
    with pytest.raises(DataError, match=r"data.segments: 'carier' is not a column of .*did you mean 'carrier'\?"):
        Dataset(str(flights), "month").require_columns([("x", "a"), ("carier", "data.segments")])


def test_a_file_that_is_not_parquet_is_named(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"a\.parquet cannot be read as Parquet"):
        Dataset(str(tmp_path)).files()


@pytest.mark.parametrize("field", ["data.uri", "baseline.uri"])
def test_a_table_in_another_format_is_told_how_to_become_parquet(tmp_path, field):
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n3,4\n")
    with pytest.raises(DataError, match=rf"^{field} '.*': there are no Parquet files; it holds rows\.csv; write the"):
        Dataset(str(tmp_path), field=field)
    named = Dataset(str(tmp_path / "rows.csv"), field=field)
    with pytest.raises(DataError, match=rf"^{field}: .*rows\.csv is no Parquet file; write the table as \.parquet"):
        named.files()


def test_a_column_of_lists_is_refused(tmp_path):
    pq.write_table(pa.table({"x": [[1, 2]]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"data\.segments: column 'x' of .* holds list<.*; name a column of plain"):
        Dataset(str(tmp_path)).require_columns([("x", "data.segments")])


def test_a_column_that_a_file_has_twice_is_refused_where_it_is_wanted(tmp_path):
    twice = pa.table([pa.array(["AA"]), pa.array(["AA"]), pa.array([1.0])], names=["carrier", "carrier", "x"])
    pq.write_table(pa.table({"carrier": ["AA"], "x": [1.0]}), tmp_path / "a.parquet")
    pq.write_table(twice, tmp_path / "b.parquet")
    dataset = Dataset(str(tmp_path))
    dataset.require_in_all(dataset.files(), ["x"])
    with pytest.raises(
        DataError, match=r"^data\.uri: b\.parquet has 2 columns called 'carrier', and one is read; write the file"
    ):
        dataset.require_in_all(dataset.files(), ["x", "carrier"])


def test_a_column_that_one_file_lacks_is_found_before_its_rows_are_read(tmp_path):
    pq.write_table(pa.table({"carrier": ["AA"], "x": [1.0]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"y": pa.array([], pa.float64())}), tmp_path / "c.parquet")  # nothing is read of it
    dataset = Dataset(str(tmp_path))
    dataset.require_in_all(dataset.files(), ["x"])
    with pytest.raises(DataError, match=r"b\.parquet has no column 'carrier', which other files have"):
        dataset.require_in_all(dataset.files(), ["carrier"])


def test_types_are_those_of_a_file_with_rows(tmp_path):
    pq.write_table(pa.table({"x": pa.nulls(0)}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "B.PARQUET")
    dataset = Dataset(str(tmp_path))
    assert [(file.name, file.rows) for file in dataset.files()] == [("B.PARQUET", 1), ("a.parquet", 0)]
    dataset.require_number("x", "data.prediction")


def test_the_name_of_the_column_of_places_is_reserved(tmp_path):
    pq.write_table(pa.table({"__position__": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"^data\.id: '__position__' is what rows' places are called here; rename"):
        Dataset(str(tmp_path)).require_columns([("__position__", "data.id")])
