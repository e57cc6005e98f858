"""The index: what all notes say together, whoever writes them and in whichever order."""

from __future__ import annotations

import itertools
import multiprocessing
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ig_tasks.store.index import Index
from ig_tasks.store.index_entry import ENTRY_VERSION, IndexEntry
from ig_tasks.store.sealed import read_sealed, write_sealed

THEN = datetime(2026, 3, 2, 6, 4, 11, tzinfo=UTC)


def entry(run_id: str = "2013-01-a", revision: int = 1, **changes: Any) -> IndexEntry:
    partition = run_id.rpartition("-")[0]
    facts = {"partition": partition, "created_at": THEN, "state": "published", "official": True}
    return IndexEntry(name="flights", run_id=run_id, revision=revision, **(facts | changes))


@pytest.fixture(params=["local", "memory"])
def uri(request: pytest.FixtureRequest, tmp_path: object) -> str:
    return f"{tmp_path}/store" if request.param == "local" else f"memory://{uuid.uuid4().hex}"


def test_reports_are_listed_by_partition_time_and_revision(uri: str) -> None:
    index = Index(uri)
    for run_id, revision in (("2013-02-a", 2), ("2013-01-a", 1), ("2013-02-a", 1), ("all-c", 1)):
        index.record(entry(run_id, revision))
    table = index.table("flights")
    assert table is not None
    told = [(one.run_id, one.revision) for one in table.entries]
    assert told == [("all-c", 1), ("2013-01-a", 1), ("2013-02-a", 1), ("2013-02-a", 2)]
    assert list(index.stamps()) == ["flights"]


def test_a_stamp_changes_with_the_table_and_only_then(uri: str) -> None:
    index = Index(uri)
    assert index.stamps() == {}
    index.record(entry())
    before = index.stamps()
    index.record(entry())
    assert index.stamps() == before
    index.record(entry("2013-02-a"))
    assert index.stamps() != before


@pytest.mark.parametrize(
    "changes", [{"name": "loans"}, {"run_id": "../loans/all-b"}, {"run_id": ".."}, {"run_id": "a\\b"}, {"run_id": ""}]
)
def test_an_entry_that_leads_to_another_specs_runs_is_left_out(uri: str, changes: dict[str, Any]) -> None:
    index = Index(uri)
    index.record(entry())
    document = read_sealed(index.folder, "flights.json")
    written = [*document["entries"], entry().model_dump(mode="json") | changes]
    write_sealed(index.folder, "flights.json", {**document, "entries": written})
    table = index.table("flights")
    assert table is not None
    assert [(one.name, one.run_id) for one in table.entries] == [("flights", "2013-01-a")]


def test_any_order_of_notes_gives_the_same_table(tmp_path: object) -> None:
    reports = [
        entry("2013-01-a"),
        entry("2013-01-a", owner="others"),
        entry("2013-02-a", created_at=THEN + timedelta(1)),
    ]
    tables = set()
    for number, order in enumerate(itertools.permutations(reports)):
        index = Index(f"{tmp_path}/{number}")
        for one in order:
            index.record(one)
        tables.add(index.folder.read_bytes("flights.json"))
    assert len(tables) == 1


def write_many(uri: str, writer: int, count: int) -> None:
    for number in range(count):
        Index(uri).record(entry(f"2013-{number:02d}-{writer}"))


def test_nothing_is_lost_of_many_writers_at_once(tmp_path: object) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_many, args=(str(tmp_path), writer, 12)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    table = Index(str(tmp_path)).table("flights")
    assert table is not None
    assert len(table.entries) == 48


def test_a_writer_that_wrote_an_older_table_last_looks_again(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other's whole work falls between this one's look at the notes and its write of the table."""
    import ig_tasks.store.index as module

    index, fallen = Index(str(tmp_path)), []

    def write(folder: Any, name: str, document: Any, **options: Any) -> None:
        if name == "flights.json" and not fallen:
            fallen.append(name)
            Index(str(tmp_path)).record(entry("2013-02-other"))
        write_sealed(folder, name, document, **options)

    monkeypatch.setattr(module, "write_sealed", write)
    index.record(entry("2013-01-mine"))
    table = index.table("flights")
    assert table is not None
    assert [one.run_id for one in table.entries] == ["2013-01-mine", "2013-02-other"]


def test_a_damaged_table_is_made_anew_of_the_notes(uri: str) -> None:
    index = Index(uri)
    index.record(entry())
    index.folder.write_bytes("flights.json", b"{")
    assert index.table("flights") is None
    index.record(entry("2013-02-a"))
    table = index.table("flights")
    assert table is not None
    assert len(table.entries) == 2


def test_what_a_later_version_wrote_is_handed_on_and_an_earlier_one_is_made_anew(uri: str) -> None:
    index = Index(uri)
    index.record(entry())
    document = read_sealed(index.folder, "flights.json")
    later = document["entries"][0] | {"run_id": "2013-02-a", "version": ENTRY_VERSION + 1, "colour": "red"}
    earlier = document["entries"][0] | {"run_id": "2013-03-a", "version": ENTRY_VERSION - 1}
    for number, one in enumerate((later, earlier)):
        write_sealed(index.folder, f"flights/{one['run_id']}.r1.{number}.json", one)
    index.record(entry("2013-04-a"))
    written = {one["run_id"]: one for one in read_sealed(index.folder, "flights.json")["entries"]}
    assert written["2013-02-a"]["colour"] == "red"
    table = index.table("flights")
    assert table is not None
    assert [one.run_id for one in table.entries] == ["2013-01-a", "2013-02-a", "2013-04-a"]
