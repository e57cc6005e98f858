"""`ig-tasks index`."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from ig_tasks.cli import _run
from ig_tasks.reports.indexing import entry_of
from ig_tasks.store import Store
from ig_tasks.store.index import Index


@pytest.fixture(scope="module")
def sample() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "reports" / "sample_report.py")))


def test_the_index_is_made_anew_of_the_reports_alone(
    sample: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(str(tmp_path))
    for partition in ("2013-01", "2013-02"):
        report = sample.flights_report(**sample.BARE, name="flights", partition=partition, run_id=f"{partition}-a")
        store.run("flights", report.run_id).write_bytes("report.json", report.to_json().encode())
        wrong = entry_of(report, store.run("flights", report.run_id)).model_copy(update={"owner": "nobody"})
        Index(store.uri).record(wrong)
    gone = wrong.model_copy(update={"run_id": "2013-03-gone"})
    Index(store.uri).record(gone)
    assert _run(["index", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{tmp_path}/_index\n"
    assert said.err == "flights: 2 reports\n"
    table = Index(store.uri).table("flights")
    assert table is not None
    assert [(entry.run_id, entry.owner) for entry in table.entries] == [
        ("2013-01-a", "airline-analytics"),
        ("2013-02-a", "airline-analytics"),
    ]
    assert len(table.notes) == 2


def test_a_folder_without_reports_is_refused_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["index", str(tmp_path)]) == 2
    assert "there are no reports here" in capsys.readouterr().err
