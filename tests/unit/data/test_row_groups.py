"""A row group is read once by whoever goes through it in order, whatever is asked of it in between."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ig_tasks.data import row_groups
from ig_tasks.data.dataset import DataFile, Dataset
from ig_tasks.data.shards import plan_shards, read_shard
from ig_tasks.errors import DataError

ROWS = 20_000


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    row_groups._readers.clear()
    row_groups._footers.clear()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each batch and of each whole group that Parquet gives out."""
    rows: list[int] = []

    class Counted(pq.ParquetFile):
        def iter_batches(self, *args: Any, **kwargs: Any) -> Any:
            for batch in super().iter_batches(*args, **kwargs):
                rows.append(batch.num_rows)
                yield batch

        def read_row_group(self, *args: Any, **kwargs: Any) -> pa.Table:
            table = super().read_row_group(*args, **kwargs)
            rows.append(table.num_rows)
            return table

    monkeypatch.setattr(pq, "ParquetFile", Counted)
    return rows


def data_of(folder: Path, group_rows: int = ROWS) -> tuple[Dataset, np.ndarray]:
    values = np.random.default_rng(3).normal(size=ROWS)
    words = pa.array([f"w{row % 700}" for row in range(ROWS)]).dictionary_encode()
    lists = pa.array([[row, row + 1] for row in range(ROWS)], pa.list_(pa.int64()))
    table = pa.table({"x": values, "word": words, "pair": lists})
    pq.write_table(table, folder / "a.parquet", row_group_size=group_rows)
    return Dataset(str(folder)), values


@pytest.mark.parametrize(("group_rows", "shard_rows"), [(ROWS, 500), (7_000, 500), (300, 500), (7_000, 3_000)])
def test_all_shards_of_a_group_together_read_it_once(
    tmp_path: Path, decoded: list[int], group_rows: int, shard_rows: int
) -> None:
    data, values = data_of(tmp_path, group_rows)
    frames = [read_shard(s, ["x", "word", "pair"]) for s in plan_shards(data, data.files(), shard_rows)]
    whole = pd.concat(frames, ignore_index=True)
    assert whole["x"].tolist() == values.tolist()
    assert whole["word"].tolist() == [f"w{row % 700}" for row in range(ROWS)]
    assert [list(pair) for pair in whole["pair"]] == [[row, row + 1] for row in range(ROWS)]
    assert whole["__position__"].tolist() == [f"a.parquet:{row}" for row in range(ROWS)]
    assert sum(decoded) == ROWS


def test_two_workers_that_share_a_group_read_it_once_each(tmp_path: Path, decoded: list[int]) -> None:
    data, values = data_of(tmp_path)
    shards = plan_shards(data, data.files(), 500)
    for worker in (0, 1):
        row_groups._readers.clear()
        for shard in shards[worker::2]:
            assert read_shard(shard, ["x"])["x"].tolist() == values[shard.start : shard.stop].tolist()
    assert sum(decoded) <= 2 * ROWS


def test_a_shard_before_the_last_one_is_read_from_the_start_again(tmp_path: Path) -> None:
    data, values = data_of(tmp_path)
    shards = plan_shards(data, data.files(), 500)
    for shard in [shards[at] for at in (9, 3, 3, 30, 0, 39, 31)]:
        assert read_shard(shard, ["x"])["x"].tolist() == values[shard.start : shard.stop].tolist()
    assert read_shard(shards[32], ["word", "x"])["word"].tolist()[:2] == ["w600", "w601"]


def test_a_sample_of_a_group_reads_it_once(tmp_path: Path, decoded: list[int]) -> None:
    data, values = data_of(tmp_path)
    shards = plan_shards(data, data.files(), 50, sample=1_000, seed=4)
    found = np.concatenate([read_shard(shard, ["x"])["x"].to_numpy() for shard in shards])
    assert found.tolist() == values[np.concatenate([shard.positions() for shard in shards])].tolist()
    assert sum(decoded) <= ROWS


def test_the_footer_of_a_file_is_read_once_and_at_most_two_files_stay_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, _ = data_of(tmp_path, 7_000)
    shards = plan_shards(data, data.files(), 500)
    opened: list[str] = []
    plain_open = type(data.filesystem).open

    def counted(self: Any, path: str, *args: Any, **kwargs: Any) -> Any:
        opened.append(path)
        return plain_open(self, path, *args, **kwargs)

    monkeypatch.setattr(type(data.filesystem), "open", counted)
    for shard in shards:
        read_shard(shard, ["x"])
    assert len(opened) == 1 + 3  # the footer, and each of three groups
    for columns in (["x"], ["word"], ["pair"], ["x", "word"]):
        read_shard(shards[0], columns)
    assert len(row_groups._readers) == 2


def test_a_file_that_was_replaced_is_not_read_on(tmp_path: Path) -> None:
    data, values = data_of(tmp_path)
    files = data.files()
    data.digest(files)
    shards = plan_shards(data, files, 500)
    read_shard(shards[0], ["x"])
    table = pq.read_table(tmp_path / "a.parquet")
    (tmp_path / "b.part").write_bytes((tmp_path / "a.parquet").read_bytes())  # the same content under another stamp
    (tmp_path / "b.part").replace(tmp_path / "a.parquet")
    assert read_shard(shards[1], ["x"])["x"].tolist() == values[500:1000].tolist()
    pq.write_table(table.slice(0, ROWS - 1), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="is not the one that the run began with"):
        read_shard(shards[2], ["x"])


def test_a_child_process_opens_the_file_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, values = data_of(tmp_path)
    shards = plan_shards(data, data.files(), 500)
    read_shard(shards[0], ["x"])
    kept = next(iter(row_groups._readers.values()))
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    assert read_shard(shards[1], ["x"])["x"].tolist() == values[500:1000].tolist()
    assert kept.at == 0  # the handle that both processes share was left where it is


def test_the_files_of_a_shard_are_found_without_a_look_at_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000 shards of 1,000 files: each shard names its own, found by their positions alone."""
    data = Dataset.__new__(Dataset)
    data.uri, data.versions = "/data", {}
    looked = 0

    class Counted(DataFile):
        def __getattribute__(self, name: str) -> Any:
            nonlocal looked
            looked += name == "rows"
            return super().__getattribute__(name)

    files = [Counted(f"/data/{at}", str(at), (), 160 * (at % 7 > 0), "s") for at in range(1_000)]
    shards = plan_shards(data, files, 8)
    assert looked <= 10 * len(files)
    assert len(shards) == sum(file.rows for file in files) // 8
    assert all(len(shard.slices) == 1 for shard in shards)
    for shard in shards[::997]:
        (part,) = shard.slices
        assert part.first <= shard.start < shard.stop <= part.first + part.rows


def test_a_reader_gives_out_rows_across_its_batches(tmp_path: Path) -> None:
    _, values = data_of(tmp_path)
    with (tmp_path / "a.parquet").open("rb") as handle:
        reader = row_groups.GroupReader(handle, pq.read_metadata(tmp_path / "a.parquet"), 0, ["x"], 64)
        rows = np.array([3, 63, 64, 200, 201, 9_999])
        assert reader.take(rows, lambda table: table)["x"].to_pylist() == values[rows].tolist()
        assert reader.at == 9_984
