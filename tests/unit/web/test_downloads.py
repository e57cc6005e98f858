"""Downloads: a report's files as they were written, its importance, and the rows of a filter."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient
from support.stored_rows import of_features, put_run

from ig_tasks.store import Manifest
from ig_tasks.web import queries
from ig_tasks.web.pages import downloads
from ig_tasks.web.row_files import as_csv

ROWS = of_features(["dep_delay", "carrier"], 60, seed=8)
ROWS.loc[4, "input:carrier"] = "=HYPERLINK(1)"
LATE = ROWS.sort_values("output", ascending=False)
PLACE = "/flights/2013-01~~a%22b/download"


@pytest.fixture(scope="module")
def stored(sample, tmp_path_factory):
    store = str(tmp_path_factory.mktemp("store"))
    report = sample.flights_report(**sample.BARE, name="flights", partition="2013-01", run_id='2013-01~a"b')
    run = put_run(store, report, [ROWS])
    run.write_text("report.html", "<p>the page</p>")
    Manifest(run).record_files({"report.html": b"<p>the page</p>"})
    return store, run, report


@pytest.fixture
def client(serve, stored) -> TestClient:
    return serve(stored[0])


def test_files_of_the_report_are_those_that_were_written(client, stored) -> None:
    _, run, report = stored
    answer = client.get(f"{PLACE}/report.json").raise_for_status()
    assert answer.content == run.read_bytes("report.json")
    assert json.loads(answer.content)["run_id"] == report.run_id
    assert answer.headers["Content-Type"] == "application/json"
    page = client.get(f"{PLACE}/report.html").raise_for_status()
    assert (page.text, page.headers["Content-Type"]) == ("<p>the page</p>", "text/html; charset=utf-8")


def test_names_of_files_are_plain_and_all_are_downloads(client) -> None:
    for what in ("report.json", "report.html", "importance.csv", "rows.csv", "rows.parquet"):
        answer = client.get(f"{PLACE}/{what}").raise_for_status()
        assert answer.headers["Content-Disposition"] == f'attachment; filename="flights-2013-01-a-b-{what}"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_pdf_is_made_of_the_page_that_was_written(client, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(downloads, "can_make_pdf", lambda: True)
    monkeypatch.setattr(downloads, "pdf_of", lambda page, **words: asked.append((page, words)) or b"%PDF-1.7")
    answer = client.get(f"{PLACE}/report.pdf").raise_for_status()
    assert (answer.content, answer.headers["Content-Type"]) == (b"%PDF-1.7", "application/pdf")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="flights-2013-01-a-b-report.pdf"'
    assert asked[0][0] == "<p>the page</p>"
    assert asked[0][1]["below"] == "flights, 2013-01, revision 1 (published)"
    monkeypatch.setattr(downloads, "can_make_pdf", lambda: False)
    refused = client.get(f"{PLACE}/report.pdf")
    assert refused.status_code == 404
    assert "pip install &#39;ig-tasks[pdf]&#39;" in refused.text


def test_importance_has_a_line_for_each_feature_and_segment(client, stored) -> None:
    report = stored[2]
    lines = list(csv.DictReader(io.StringIO(client.get(f"{PLACE}/importance.csv").text)))
    assert len(lines) == len(report.importance) + len(report.segments)
    assert float(lines[0]["abs_mean"]) == report.ranking()[0].abs_mean


def test_rows_of_a_filter_come_as_csv_and_as_parquet(client) -> None:
    query = {"column": "segment:origin", "op": "is", "value": "JFK", "sort": "attribution:dep_delay", "way": "asc"}
    wanted = LATE[LATE["segment:origin"] == "JFK"].sort_values("attribution:dep_delay").reset_index(drop=True)
    text = client.get(f"{PLACE}/rows.csv", params=query).raise_for_status()
    found = pd.read_csv(io.StringIO(text.text), dtype={"row_id": str})
    assert found.columns.tolist() == ROWS.columns.tolist()
    assert found["row_id"].tolist() == wanted["row_id"].tolist()
    assert found["attribution:carrier"].tolist() == pytest.approx(wanted["attribution:carrier"].tolist(), rel=1e-14)
    table = pq.read_table(io.BytesIO(client.get(f"{PLACE}/rows.parquet", params=query).content))
    assert table.to_pandas()["row_id"].tolist() == wanted["row_id"].tolist()
    about = json.loads(table.schema.metadata[b"ig_tasks"])
    assert about["conditions"] == [["target", "is", "late"], ["segment:origin", "is", "JFK"]]
    assert about["rows"] == about["rows_of_filter"] == len(wanted)


def test_a_download_that_is_cut_says_so(client, monkeypatch) -> None:
    short = replace(queries.LIMITS, download=7)
    shorter = classmethod(lambda cls, run: cls(run.folder, run.document["files"], short))
    monkeypatch.setattr(queries.RunRows, "of", shorter)
    answer = client.get(f"{PLACE}/rows.csv").raise_for_status()
    assert len(answer.text.splitlines()) == 8
    assert answer.headers["X-Rows"] == "7 of 60"
    assert 'filename="flights-2013-01-a-b-first-7-of-60-rows.csv"' in answer.headers["Content-Disposition"]


def test_no_cell_is_a_formula(client) -> None:
    text = client.get(f"{PLACE}/rows.csv").text
    assert '"\'=HYPERLINK(1)"' in text
    begins = ["=1+1", "+1", "-1", "@a", "\tx", "\rx", "\nx", "a=1", None, "", "é=", "'=1"]
    text = as_csv(pa.table({"text": begins, "n": [-1.5] * len(begins)})).decode()
    cells = list(csv.reader(io.StringIO(text, newline="")))
    assert [row[0] for row in cells[1:]] == [
        "'=1+1", "'+1", "'-1", "'@a", "'\tx", "'\rx", "'\nx", "a=1", "", "", "é=", "'=1",
    ]  # fmt: skip
    assert {row[1] for row in cells[1:]} == {"-1.5"}


@pytest.mark.parametrize("what", ["report.pdf.exe", "manifest.json", "~..", "~-etc~-passwd", "rows", "report.r2.json"])
def test_there_are_no_other_downloads(client, what) -> None:
    answer = client.get(f"{PLACE}/{what}")
    assert answer.status_code == 404
    assert not re.search("checksum|root:", answer.text)


def test_a_mistake_in_the_filter_is_one_line(client) -> None:
    answer = client.get(f"{PLACE}/rows.csv", params={"column": "output", "op": "ge", "value": "much"})
    assert answer.status_code == 400
    assert "is not a number such as" in answer.text
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_damaged_file_is_not_given_away(client, stored) -> None:
    run = stored[1]
    written = run.read_bytes("report.html")
    run.write_bytes("report.html", b"<p>another</p>")
    answer = client.get(f"{PLACE}/report.html")
    assert answer.status_code == 409
    assert "another" not in answer.text
    run.write_bytes("report.html", written)
