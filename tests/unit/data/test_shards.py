"""Shards are contiguous blocks that together hold every row once, in order, whatever the files look like."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ig_tasks.data.dataset import Dataset
from ig_tasks.data.sampling import Sample
from ig_tasks.data.shards import POSITION, plan_shards, read_shard, row_ids
from ig_tasks.errors import DataError


@pytest.fixture
def dataset(tmp_path):
    first = 0
    for month, rows in (("01", 7), ("02", 1), ("03", 12)):
        folder = tmp_path / f"month={month}"
        folder.mkdir()
        numbers = np.arange(first, first + rows)
        kinds = pa.array([f"k{n % 3}" for n in numbers]).dictionary_encode()
        pq.write_table(pa.table({"x": numbers, "kind": kinds}), folder / "part.parquet", row_group_size=5)
        first += rows
    return Dataset(str(tmp_path), "month")


@pytest.mark.parametrize("shard_rows", [1, 3, 5, 8, 20, 100])
def test_every_row_is_in_one_shard_and_in_order(dataset, shard_rows):
    shards = plan_shards(dataset, dataset.files(), shard_rows)
    frames = [read_shard(shard, ["x", "kind", "month"]) for shard in shards]
    whole = pd.concat(frames, ignore_index=True)
    assert whole["x"].tolist() == list(range(20))
    assert whole["kind"].tolist() == [f"k{n % 3}" for n in range(20)]
    assert whole["month"].tolist() == ["01"] * 7 + ["02"] + ["03"] * 12
    assert [len(frame) for frame in frames] == [shard.rows for shard in shards]
    assert [shard.name for shard in shards][:2] == ["shard-000000", "shard-000001"][: len(shards)]


def test_a_row_is_named_by_its_file_and_number(dataset):
    (shard,) = plan_shards(dataset, dataset.files("02..03"), 100)
    names = read_shard(shard, ["x"])[POSITION].tolist()
    assert names[:2] == ["month=02/part.parquet:0", "month=03/part.parquet:0"]
    assert len(set(names)) == 13


def test_a_shard_names_only_the_files_it_reads(dataset):
    shards = plan_shards(dataset, dataset.files(), 5)
    assert [len(shard.slices) for shard in shards] == [1, 3, 1, 1]


def test_a_sample_is_exact_in_number_the_same_each_time_and_spread_over_all(dataset):
    shards = plan_shards(dataset, dataset.files(), 2, sample=5, seed=7)
    rows = [value for shard in shards for value in read_shard(shard, ["x"])["x"]]
    again = [v for s in plan_shards(dataset, dataset.files(), 3, sample=5, seed=7) for v in read_shard(s, ["x"])["x"]]
    assert rows == again
    assert [value // 4 for value in rows] == [0, 1, 2, 3, 4]


def test_a_sample_larger_than_the_data_is_the_data(dataset):
    (shard,) = plan_shards(dataset, dataset.files(), 100, sample=50)
    assert shard.rows == 20


@given(total=st.integers(1, 10_000), share=st.floats(0.001, 1.0), seed=st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_positions_of_a_sample_increase_within_the_data(total, share, seed):
    count = max(1, int(total * share))
    positions = Sample(total, count, seed).positions(0, count)
    assert len(positions) == count
    assert positions[0] >= 0
    assert positions[-1] < total
    assert (np.diff(positions) > 0).all()


def test_other_seeds_choose_other_rows():
    chosen = {tuple(Sample(10_000, 50, seed).positions(0, 50)) for seed in range(20)}
    assert len(chosen) == 20
    means = np.mean([np.array(rows) for rows in chosen], axis=0)
    assert np.abs(means - (np.arange(50) * 200 + 100)).max() < 65  # 5 standard errors of a mean of 20


def test_a_file_that_lacks_a_column_is_named(dataset, tmp_path):
    pd.DataFrame({"y": [1]}).to_parquet(tmp_path / "month=03" / "zz.parquet")
    other = Dataset(str(tmp_path), "month")
    shards = plan_shards(other, other.files(), 100)
    with pytest.raises(DataError, match=r"month=03/zz\.parquet has no column 'x'"):
        read_shard(shards[0], ["x"])


def test_whole_numbers_beside_a_null_keep_every_digit(tmp_path):
    ids = [9007199254740993, None, 9007199254740995]
    pq.write_table(pa.table({"id": pa.array(ids, pa.int64())}), tmp_path / "a.parquet")
    data = Dataset(str(tmp_path))
    (shard,) = plan_shards(data, data.files(), 10)
    names = row_ids(read_shard(shard, ["id"]), "id")
    assert names.tolist() == ["9007199254740993", "a.parquet:1", "9007199254740995"]


def test_files_whose_columns_are_of_other_kinds_are_a_mistake_in_the_data(tmp_path):
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": ["one"]}), tmp_path / "b.parquet")
    data = Dataset(str(tmp_path))
    (shard,) = plan_shards(data, data.files(), 10)
    with pytest.raises(DataError, match=r"its files differ \(.*Field x has incompatible types.*write the column alike"):
        read_shard(shard, ["x"])
