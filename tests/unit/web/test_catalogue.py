"""What pages see of a store: its index, which makes itself good where it is missing, behind or damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.browser import Everybody

from ig_tasks.errors import RunError
from ig_tasks.reports.indexing import index_report, mend_index
from ig_tasks.store import Store
from ig_tasks.store.index import Index
from ig_tasks.store.index_entry import ENTRY_VERSION
from ig_tasks.store.report import Report
from ig_tasks.web.app import create_app
from ig_tasks.web.catalogue import Catalogue
from tests.unit.web.conftest import put


@pytest.fixture
def place(store: str, tmp_path: Path) -> str:
    shutil.copytree(store, tmp_path / "store")
    return str(tmp_path / "store")


def runs_of(catalogue: Catalogue, name: str = "flights") -> list[tuple[str, int]]:
    return [(entry.run_id, entry.revision) for entry in catalogue.entries(name)]


WHOLE = [("2013-01-a", 1), ("2013-02-a", 1), ("2013-03-a", 1), ("2013-03-a", 2)]


def test_a_missing_index_is_made(place: str) -> None:
    shutil.rmtree(f"{place}/_index")
    catalogue = Catalogue(place, fresh_for=0.0)
    catalogue.mender.mend()
    assert catalogue.names() == ["flights", "loans"]
    assert runs_of(catalogue) == WHOLE
    assert Index(place).stamps().keys() == {"flights", "loans"}


def test_a_report_that_nobody_indexed_is_taken_in_and_a_run_that_went_is_left_out(place: str) -> None:
    index = Index(place)
    index.forget("flights", [note for note in index.notes("flights") if note.startswith("2013-02")])
    index.gather("flights")
    shutil.rmtree(f"{place}/flights/2013-01-a")
    catalogue = Catalogue(place, fresh_for=0.0)
    catalogue.mender.mend()
    assert runs_of(catalogue) == WHOLE[1:]


def test_entries_of_an_earlier_version_are_made_anew_of_their_reports(place: str) -> None:
    index = Index(place)
    table = index.table("flights")
    assert table is not None
    index.forget("flights", index.notes("flights"))
    for entry in table.entries:
        index.note(entry.model_copy(update={"version": ENTRY_VERSION - 1, "owner": "as it was said then"}))
    index.gather("flights")
    catalogue = Catalogue(place, fresh_for=0.0)
    catalogue.mender.mend()
    assert runs_of(catalogue) == WHOLE
    assert {entry.owner for entry in catalogue.entries("flights")} == {"airline-analytics"}


def test_a_damaged_table_is_made_anew(place: str) -> None:
    Path(f"{place}/_index/flights.json").write_bytes(b"\0" * 10)
    catalogue = Catalogue(place, fresh_for=0.0)
    catalogue.mender.mend()
    assert runs_of(catalogue) == WHOLE


def test_a_store_that_cannot_be_written_to_is_indexed_in_memory(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(f"{place}/_index")

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise RunError("read-only file system")

    monkeypatch.setattr("ig_tasks.store.index.write_sealed", refuse)
    catalogue = Catalogue(place, fresh_for=0.0)
    catalogue.mender.mend()
    assert catalogue.names() == ["flights", "loans"]
    assert runs_of(catalogue) == WHOLE
    assert not Path(f"{place}/_index").exists()


def test_runs_without_a_report_are_known_and_never_taken_for_reports(place: str) -> None:
    (Path(place) / "flights" / "2013-04-a" / "running").mkdir(parents=True)
    (Path(place) / "flights" / "2013-04-a" / "running" / "1.json").write_text("{}")
    (Path(place) / "flights" / "2013-05-a").mkdir()
    catalogue = Catalogue(place, fresh_for=0.0)
    catalogue.mender.mend()
    assert [(run.run_id, run.computing) for run in catalogue.mender.unfinished()] == [
        ("2013-04-a", True),
        ("2013-05-a", False),
    ]
    assert runs_of(catalogue) == WHOLE


def test_a_damaged_report_is_looked_at_once(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Path(place) / "flights" / "2013-06-a"
    broken.mkdir()
    (broken / "report.json").write_text("{")
    catalogue = Catalogue(place, fresh_for=0.0)
    catalogue.mender.mend()
    assert runs_of(catalogue) == WHOLE
    monkeypatch.setattr("ig_tasks.reports.indexing.mend_index", None)  # it would break
    catalogue.mender._mend()


def test_what_is_read_is_kept_while_it_stays_the_same(place: str, sample: SimpleNamespace) -> None:
    catalogue = Catalogue(place, fresh_for=0.0)
    first = catalogue.entries("flights")
    assert catalogue.entries("flights") is first
    made = catalogue.derived("flights", "count", len)
    assert made == 4
    Index(place).record(first[0].model_copy(update={"run_id": "2013-07-a"}))
    assert len(catalogue.entries("flights")) == 5
    assert catalogue.derived("flights", "count", len) == 5


def test_a_store_that_goes_out_of_reach_shows_what_was_known(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue(place, fresh_for=0.0)
    before = catalogue.entries("flights")

    def refuse(self: object) -> None:
        raise RunError("out of reach")

    monkeypatch.setattr(Index, "stamps", refuse)
    assert catalogue.entries("flights") == before


def test_a_run_that_was_removed_and_computed_again_is_read_again(sample: SimpleNamespace, tmp_path: Path) -> None:
    place, catalogue = str(tmp_path), Catalogue(str(tmp_path), fresh_for=0.0)
    told = []
    for owner, moment in (("before", "2026-03-02T06:04:11Z"), ("after", "2026-03-03T06:04:11Z")):
        shutil.rmtree(tmp_path / "flights", ignore_errors=True)
        report = sample.flights_report(
            **sample.BARE, name="flights", partition="2013-01", run_id="2013-01-a", owner=owner, created_at=moment
        )
        put(place, report)
        list(mend_index(place, "flights", anew=True))
        (entry,) = catalogue.entries("flights")
        told.append((entry.owner, catalogue.report(entry).owner))
    assert told == [("before", "before"), ("after", "after")]


def test_what_everybody_reads_of_its_making_names_no_spec(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ig_tasks.reports import indexing

    shutil.rmtree(f"{place}/_index")
    catalogue, told, mended = Catalogue(place, fresh_for=0.0), [], indexing.mend_index

    def watched(store: str, name: str) -> Any:
        for entry in mended(store, name):
            yield entry
            told.append(catalogue.mender.progress)

    monkeypatch.setattr(indexing, "mend_index", watched)
    catalogue.mender.mend()
    assert "The index of the reports is being made: 4 read so far" in told
    assert not [line for line in told if "flights" in line or "loans" in line]


def test_a_report_that_breaks_the_index_of_its_spec_leaves_the_others_theirs(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ig_tasks.reports import indexing

    shutil.rmtree(f"{place}/_index")
    shutil.copytree(f"{place}/loans", f"{place}/aaa")
    made = indexing.entry_of

    def broken(report: Any, run: Any) -> Any:
        if run.name == "aaa":
            raise RuntimeError("whatever it is")
        return made(report, run)

    monkeypatch.setattr(indexing, "entry_of", broken)
    catalogue = Catalogue(place, fresh_for=0.0)
    catalogue.mender.mend()
    assert catalogue.names() == ["flights", "loans"]
    assert runs_of(catalogue) == WHOLE


def test_a_report_with_half_a_letter_in_its_names_is_shown(sample: SimpleNamespace, tmp_path: Path) -> None:
    """What an export cut in two is in a category or a column: no file holds it, but JSON's own escape does."""
    half = "de\ud800lay"
    report = sample.flights_report(**sample.BARE, name="halves", partition="2013-01", run_id="2013-01-a")
    text = (
        report.to_json().replace("dep_delay", json.dumps(half)[1:-1]).replace("Departure delay", json.dumps(half)[1:-1])
    )
    assert json.loads(text)["importance"][0]["feature"] == half
    assert json.loads(text)["features"][0]["label"].startswith(half)
    put(str(tmp_path), Report.from_json(text))
    index_report(str(tmp_path), Store(str(tmp_path)).run("halves", "2013-01-a"), 1, pytest.fail)
    client = TestClient(create_app(Catalogue(str(tmp_path)), Everybody()))
    assert "de\\ud800lay" in client.get("/").text
    for page in ("/halves", "/halves/2013-01-a"):
        answer = client.get(page)
        assert answer.status_code == 200
        address = "/halves/2013-01-a/features/de~xd800lay"
        assert address in answer.text
    assert client.get(address).status_code == 200


def test_a_run_that_was_removed_is_gone_with_the_next_request(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue(place, fresh_for=0.0)
    client = TestClient(create_app(catalogue, Everybody()))
    catalogue.mender.mend()
    catalogue.mender.wake = lambda: None  # type: ignore[method-assign]
    address = "/flights/2013-02-a"
    assert client.get(address).status_code == 200
    shutil.move(f"{place}/flights/2013-02-a", f"{place}/elsewhere")
    for page in ("", "/features/dep_delay", "/rows", "/download/report.json"):
        assert client.get(f"{address}{page}").status_code == 404
    assert f'href="{address}"' not in client.get("/flights").text
    # A store may err for a moment: it is looked at again.
    shutil.move(f"{place}/elsewhere", f"{place}/flights/2013-02-a")
    monkeypatch.setattr("ig_tasks.web.store_reports._GONE", 0.0)
    assert client.get(address).status_code == 200
    assert f'href="{address}"' in client.get("/flights").text
