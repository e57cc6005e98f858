"""A data file that is not the one its shard was planned with is refused, whenever it was exchanged."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from ig_tasks.data.dataset import Dataset
from ig_tasks.data.shards import plan_shards, read_shard, with_versions
from ig_tasks.data.stamps import stamp_of, version_of
from ig_tasks.errors import DataError

ROWS = 40


def _write(path: Path, shift: float = 0.0) -> None:
    pd.DataFrame({"a": [row + shift for row in range(ROWS)]}).to_parquet(path, row_group_size=10, compression=None)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data" / "part.parquet"
    path.parent.mkdir()
    _write(path)
    return path


@pytest.fixture
def shard(file):
    dataset = Dataset(str(file.parent))
    files = dataset.files()
    dataset.digest(files)
    (found,) = plan_shards(dataset, files, ROWS)
    return found


def _replaced(file: Path) -> None:
    _write(file.with_suffix(".new"), 0.5)
    file.with_suffix(".new").replace(file)


def _in_place_with_its_old_time(file: Path) -> None:
    before, size = file.stat(), file.stat().st_size
    _write(file.with_suffix(".new"), 0.5)
    content = file.with_suffix(".new").read_bytes()
    assert len(content) == size  # nothing but the content tells them apart
    with file.open("r+b") as handle:
        handle.write(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def _cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


DEEDS = [_replaced, _in_place_with_its_old_time, _cut_short, Path.unlink]


@pytest.mark.parametrize("deed", DEEDS)
def test_a_file_that_was_exchanged_is_refused_by_its_name(file, shard, deed):
    deed(file)
    with pytest.raises(DataError, match=rf"data file {file} is not the one that the run began with \(.*start the run"):
        read_shard(shard, ["a"])


@pytest.mark.parametrize("deed", DEEDS)
def test_a_file_that_is_exchanged_while_it_is_read_is_refused(file, shard, deed, monkeypatch):
    usual = pq.ParquetFile.read_row_group

    def read(self, group, **options):
        if group == 2 and not monkeypatch.done:
            monkeypatch.done = True
            deed(file)
        return usual(self, group, **options)

    monkeypatch.done = False
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", read)
    with pytest.raises(DataError, match=f"data file {file} is not the one that the run began with"):
        read_shard(shard, ["a"])


def test_the_same_content_with_another_stamp_is_the_same_file(file, shard):
    shutil.copy(file, file.with_suffix(".copy"))
    file.with_suffix(".copy").replace(file)
    assert read_shard(shard, ["a"])["a"].tolist() == list(range(ROWS))
    os.link(file, file.with_suffix(".link"))  # changes the stamp, and nothing else
    assert read_shard(shard, ["a"])["a"].tolist() == list(range(ROWS))
    _replaced(file)
    with pytest.raises(DataError, match="start the run again"):
        read_shard(shard, ["a"])


def test_a_file_that_is_linked_while_it_is_read_is_read_again(file, shard, monkeypatch):
    usual, links = pq.ParquetFile.read_row_group, iter(range(1))

    def read(self, group, **options):
        for number in links:
            os.link(file, file.with_suffix(f".{number}"))
        return usual(self, group, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", read)
    assert read_shard(shard, ["a"])["a"].tolist() == list(range(ROWS))


def test_a_file_that_changes_while_it_is_digested_is_refused(file):
    dataset = Dataset(str(file.parent))
    files = dataset.files()
    _replaced(file)
    with pytest.raises(DataError, match=f"data file {file} is not the one"):
        dataset.digest(files)


def test_a_shard_that_was_planned_before_its_files_were_digested_gets_their_versions(file):
    dataset = Dataset(str(file.parent))
    files = dataset.files()
    (shard,) = plan_shards(dataset, files, ROWS)
    dataset.digest(files)
    shutil.copy(file, file.with_suffix(".copy"))
    file.with_suffix(".copy").replace(file)
    with pytest.raises(DataError, match="replaced or written to"):
        read_shard(shard, ["a"])
    assert len(read_shard(with_versions(shard, dataset), ["a"])) == ROWS


class _Store:
    """A filesystem that says of a file what `info` holds, and counts how often it was to forget what it knew."""

    def __init__(self, protocol="s3", **info):
        self.protocol, self.said, self.forgot = (protocol,), info, 0

    def invalidate_cache(self):
        self.forgot += 1

    def info(self, _path):
        assert self.forgot
        return {"name": "b/f", **self.said}

    def ukey(self, _path):
        return "the same for ever"


@pytest.mark.parametrize(
    "changed",
    [{"ETag": '"b"'}, {"etag": "b"}, {"generation": "2"}, {"LastModified": "later"}, {"mtime": 2.0}, {"size": 8}],
)
def test_what_a_store_says_of_a_version_is_its_stamp(changed):
    (key,) = changed
    sure = {} if key != "size" else {"etag": "a"}
    before = _Store(**{"size": 7, **sure, **({key: "a"} if key != "size" else {})})
    after = _Store(**{"size": 7, **sure, **changed})
    assert stamp_of(before, "b/f") != stamp_of(after, "b/f")
    assert stamp_of(before, "b/f") == stamp_of(before, "b/f")
    assert before.forgot == 3


def test_a_time_does_not_count_where_a_store_knows_the_content():
    """Listings and single answers of one store give times of unlike precision."""
    assert stamp_of(_Store(size=7, ETag="a", LastModified="1.5"), "b") == stamp_of(_Store(size=7, ETag="a"), "b")


def test_an_address_alone_is_no_version_of_a_file():
    assert version_of(_Store("https", size=7, ETag="a"), "b") != version_of(_Store("https", size=7, ETag="b"), "b")
    assert version_of(_Store("s3", size=7), "b") == "the same for ever"
    assert stamp_of(_Store("https", size=7), "b") == ""
