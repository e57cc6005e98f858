"""Rows become check values, in chunks, under names of this package alone."""

import numpy as np
import pyarrow as pa
import pytest

from ig_tasks.errors import CheckBrokenError
from ig_tasks.validation.shard_values import Chunk, parity_error, read_chunks

ODD_NAMES = ("</script><script>alert(1)</script>", "a/b\n$x {y}", "relative_delta", "été\u202e")


@pytest.fixture
def read(run_folder):
    def chunks(*tables, parity=False, **options):
        names = [f"attributions/shard-{index:06d}.parquet" for index in range(len(tables))]
        for name, table in zip(names, tables, strict=True):
            run_folder.write_table(name, table)
        return list(read_chunks(run_folder, names, parity=parity, **options))

    return chunks


def test_columns_are_fixed_whatever_the_features_are_called(read, make_table):
    [chunk] = read(make_table(3, features=ODD_NAMES, prediction=[0.0] * 3), parity=True)
    assert list(chunk.frame.columns) == ["relative_delta", "status", "attributions_finite", "parity_error"]
    assert chunk.frame["relative_delta"].tolist() == [0.001] * 3


def test_an_attribution_that_is_null_or_not_finite_marks_its_row(read, make_table):
    table = make_table(5, **{"attribution:y": pa.array([0.1, None, np.nan, np.inf, -2.0])})
    [chunk] = read(table)
    assert chunk.frame["attributions_finite"].tolist() == [True, False, False, False, True]


def test_what_is_missing_becomes_a_value_that_cannot_pass(read, make_table):
    [chunk] = read(make_table(3, relative_delta=pa.array([np.nan, None, 0.0]), status=["converged", None, "max"]))
    assert chunk.frame["relative_delta"].tolist() == [np.inf, np.inf, 0.0]
    assert chunk.frame["status"].tolist() == ["converged", "missing", "max"]


def test_chunks_hold_all_rows_in_order_and_no_more_than_asked_for(read, make_table):
    tables = [make_table(70, start=0), make_table(5, start=70), make_table(45, start=75)]
    chunks = read(*tables, batch_rows=16, chunk_rows=30)
    assert [name for chunk in chunks for name in chunk.ids["row_id"].to_pylist()] == [f"r{i}" for i in range(120)]
    assert max(chunk.rows for chunk in chunks) < 30 + 16
    assert all(chunk.rows == chunk.ids.num_rows for chunk in chunks)


def test_the_rows_of_each_shard_are_counted_once(read, make_table, monkeypatch):
    counted = []
    rows = Chunk.rows.fget
    monkeypatch.setattr(Chunk, "rows", property(lambda chunk: counted.append(0) or rows(chunk)))
    [chunk] = read(*(make_table(1, start=at) for at in range(40)))
    assert len(chunk.frame) == 40
    assert len(counted) <= 2 * 40


def test_shards_without_rows_are_read(read, make_table):
    assert sum(chunk.rows for chunk in read(make_table(0), make_table(4), make_table(0))) == 4


def test_parity_is_absolute_near_zero_and_relative_far_from_it():
    error = parity_error(np.array([0.001, 1001.0, -3.0]), np.array([0.0, 1000.0, -3.0]))
    np.testing.assert_allclose(error, [0.001, 1 / 1001, 0.0], rtol=1e-12)


def test_parity_without_prediction_is_missing_and_not_finite_is_infinite():
    error = parity_error(np.array([np.nan, np.nan, 1.0, np.inf]), np.array([np.nan, 1.0, np.inf, np.inf]))
    assert np.isnan(error[0])
    assert error[1:].tolist() == [np.inf] * 3


@pytest.mark.parametrize("column", ["row_id", "target", "output", "relative_delta", "status"])
def test_a_missing_column_is_an_error_that_names_it(read, make_table, column):
    with pytest.raises(CheckBrokenError, match=rf"shard-000000\.parquet: no column '{column}'"):
        read(make_table(3).drop_columns(column))


def test_a_missing_prediction_column_is_an_error(read, make_table):
    with pytest.raises(CheckBrokenError, match="no column 'prediction'"):
        read(make_table(3), parity=True)


def test_no_attributions_and_attributions_of_other_features_are_errors(read, make_table):
    with pytest.raises(CheckBrokenError, match="attribution:<feature>"):
        read(make_table(3, features=()))
    with pytest.raises(CheckBrokenError, match=r"shard-000001.*other features"):
        read(make_table(3), make_table(3, features=("x",)))


def test_a_shard_that_is_absent_or_damaged_is_an_error(run_folder, make_table):
    with pytest.raises(CheckBrokenError, match=r"shard-9\.parquet: cannot be read"):
        list(read_chunks(run_folder, ["attributions/shard-9.parquet"], parity=False))
    run_folder.write_bytes("attributions/shard-8.parquet", b"PAR1 is not enough")
    with pytest.raises(CheckBrokenError, match=r"shard-8\.parquet: cannot be read"):
        list(read_chunks(run_folder, ["attributions/shard-8.parquet"], parity=False))
