"""Rows that cannot be told apart are found, wherever they lie."""

import errno
import pathlib
import tempfile

import pyarrow as pa
import pytest

from ig_tasks.errors import CheckBrokenError
from ig_tasks.validation.ledger import Duplicates, RowLedger


def ids(*pairs):
    columns = [pa.array(list(column), pa.string()) for column in zip(*pairs, strict=True)]
    return pa.table(columns, names=["row_id", "target"])


def test_the_same_row_in_two_chunks_is_found():
    with RowLedger() as ledger:
        ledger.add(ids(("a", "late"), ("b", "late")))
        ledger.add(ids(("c", "late"), ("a", "late"), ("a", "late")))
        assert ledger.duplicates() == Duplicates(2, "a")


def test_a_row_of_two_targets_is_not_a_duplicate():
    with RowLedger() as ledger:
        ledger.add(ids(("a", "late"), ("a", "cancelled")))
        assert ledger.duplicates() == Duplicates(0, None)
        assert ledger.rows_by_target() == {"cancelled": 1, "late": 1}


def test_rows_without_an_id_all_count():
    with RowLedger() as ledger:
        ledger.add(ids((None, "late"), (None, "late"), ("a", "late")))
        assert ledger.duplicates() == Duplicates(2, None)


def test_no_rows():
    with RowLedger() as ledger:
        assert ledger.duplicates() == Duplicates(0, None)
        assert ledger.rows_by_target() == {}


def test_ids_are_data_and_never_statements():
    with RowLedger() as ledger:
        ledger.add(ids(("'; DROP TABLE seen; --", "late"), ("'; DROP TABLE seen; --", "late")))
        assert ledger.duplicates() == Duplicates(1, "'; DROP TABLE seen; --")


def test_nothing_is_left_on_disk():
    with RowLedger() as ledger:
        folder = pathlib.Path(ledger._folder.name)
        ledger.add(ids(("a", "late")))
        assert folder.exists()
    assert not folder.exists()


def test_a_query_that_breaks_is_a_broken_check():
    with RowLedger() as ledger, pytest.raises(CheckBrokenError, match="row_ids_unique: could not be carried out"):
        ledger.add(pa.table({"row_id": ["a"]}))


def test_a_full_disk_is_one_line_with_the_place_and_the_remedy(monkeypatch, tmp_path):
    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", full)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(CheckBrokenError, match=rf"No space left on device\); its temporary files lie in {tmp_path}: "):
        RowLedger()


def test_what_the_database_cannot_write_is_one_line_too(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with RowLedger() as ledger:
        ledger.add(pa.table({"row_id": ["a", "a"], "target": ["t", "t"]}))
        assert ledger.duplicates().rows == 1
        with pytest.raises(CheckBrokenError, match=rf"; its temporary files lie in {tmp_path}: make room there, or"):
            ledger._execute("COPY seen TO '/dev/full'")
