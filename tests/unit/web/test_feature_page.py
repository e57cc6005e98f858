"""A feature's page: its attribution by its value, by segment and over time, and the rows in which it does most."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient
from support.stored_rows import of_features, put_run

from ig_tasks.errors import QueryError
from ig_tasks.store.report import Report

Serve = Callable[..., TestClient]
FEATURES = ["dep_delay", "carrier", "humid"]
ROWS = of_features(FEATURES, 400, seed=3).drop(columns="input:humid")


@pytest.fixture(scope="module")
def report(sample: SimpleNamespace) -> Report:
    found: Report = sample.flights_report(name="flights", run_id="2013-02-a", partition="2013-02")
    return found


@pytest.fixture(scope="module")
def reader(
    serve: Serve, sample: SimpleNamespace, report: Report, tmp_path_factory: pytest.TempPathFactory
) -> TestClient:
    store = str(tmp_path_factory.mktemp("store"))
    before = sample.flights_report(**sample.BARE, name="flights", run_id="2013-01-a", partition="2013-01")
    put_run(store, before, [])
    put_run(store, report, [ROWS])
    return serve(store)


def documents(page: str) -> list[dict[str, Any]]:
    return [json.loads(text) for text in re.findall(r'class="chart-document">(.*?)</script>', page)]


def section(page: str, name: str) -> str:
    return page.partition(f'<h2 id="{name}">')[2].partition("</section>")[0]


def page_of(reader: TestClient, feature: str, **query: str) -> str:
    answer = reader.get(f"/flights/2013-02-a/features/{feature}", params=query)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def test_it_says_what_the_report_says_of_the_feature(reader: TestClient, report: Report) -> None:
    row = report.importance[0]
    page = page_of(reader, row.feature)
    assert f"<h1>{report.label(row.feature)}</h1>" in page
    assert "<b>2.410</b>" in page
    assert "95 % interval 2.382 to 2.439" in page
    assert "; median about " in page  # read from a sketch, as the glossary of the report says
    assert "After it: " + report.label(report.importance[1].feature) in page
    assert "Before it" not in page


def test_a_number_has_bands_by_value_with_single_rows_over_them(reader: TestClient) -> None:
    held, *_ = documents(section(page_of(reader, "dep_delay"), "dependence"))
    values, attributions = ROWS["input:dep_delay"], ROWS["attribution:dep_delay"]
    drawn = [layer.get("data", {}).get("values", ()) for layer in held["spec"]["layer"]]
    (dots,) = [part for part in drawn if len(part) > 50]
    every = set(zip(values, attributions, strict=True))
    assert {(dot["value"], dot["low"]) for dot in dots} <= every
    assert 350 <= len(dots) <= 400
    bands = next(part for part in drawn if part and "middle" in part[0])
    assert len(bands) == 20
    lowest = attributions[values <= np.quantile(values, 0.05)]
    assert bands[0]["middle"] == pytest.approx(lowest.median(), abs=0.25)


def test_a_category_has_boxes_and_counts(reader: TestClient) -> None:
    part = section(page_of(reader, "carrier"), "dependence")
    counts = ROWS["input:carrier"].value_counts()
    cells = re.findall(r'<tr><th scope="row">(\w+ \(\d+\))</th>(.*?)</tr>', part)
    assert [name for name, _ in cells] == [f"{name} ({rows})" for name, rows in counts.items()]
    held = ROWS[ROWS["input:carrier"] == counts.index[0]]["attribution:carrier"]
    figures = [float(text.replace("−", "-")) for text in re.findall(r'<td class="n">(.*?)</td>', cells[0][1])]
    assert figures == pytest.approx(np.quantile(held, (0.05, 0.25, 0.5, 0.75, 0.95)), rel=1e-3)


def test_without_values_the_rest_is_there_and_the_reason(reader: TestClient) -> None:
    page = page_of(reader, "humid")
    assert "The run kept no values of this feature (report.keep_inputs)" in page
    assert '<h2 id="spread">' in page
    assert '<h2 id="rows">' in page


@pytest.mark.parametrize(("way", "place"), [("raises the output most", False), ("lowers the output most", True)])
def test_rows_with_the_greatest_and_the_least_lead_to_their_pages(reader: TestClient, way: str, place: bool) -> None:
    part = section(page_of(reader, "dep_delay"), "rows")
    table = part.partition(f"Where it {way}")[2].partition("</table>")[0]
    wanted = ROWS.sort_values("attribution:dep_delay", ascending=place).head(8)
    assert re.findall(r'href="/flights/2013-02-a/rows/(\d+)"', table) == list(wanted["row_id"])
    assert "/rows?target=late&amp;sort=attribution%3Adep_delay" in part


def test_what_is_drawn_and_what_moves_nothing_is_said_as_the_rows_have_it(
    serve: Serve, sample: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = str(tmp_path_factory.mktemp("store"))
    rows = of_features(["dep_delay"], 400, seed=3)
    # Ones and zeros, of which the ones raise the output and the zeros do nothing; and one row far away.
    rows["input:dep_delay"] = np.where(np.arange(400) % 4 == 0, 1.0, 0.0)
    rows["attribution:dep_delay"] = 0.5 * rows["input:dep_delay"]
    rows.loc[0, ["input:dep_delay", "attribution:dep_delay"]] = [900.0, 0.5]
    put_run(store, sample.flights_report(**sample.BARE, name="flights", run_id="a", partition="2013-02"), [rows])
    page = serve(store).get("/flights/a/features/dep_delay").text
    assert "What the rows hold. From 0 to 1.000: 399 of 400 rows." in unescape(page)
    assert "From 0 to 0.5000: all 400 rows." in page
    assert "Where it raises the output most" in page
    assert "Where it lowers the output most" not in page
    assert "There is no row in which it lowers the output." in page


def test_a_segment_narrows_figures_and_rows(reader: TestClient, report: Report) -> None:
    page = page_of(reader, "dep_delay", segment="origin=JFK")
    row = next(one for one in report.segments if (one.segment, one.feature) == ("origin=JFK", "dep_delay"))
    assert f"<b>{row.rows:,}</b>" in page
    within = ROWS[ROWS["segment:origin"] == "JFK"].sort_values("attribution:dep_delay", ascending=False).head(8)
    table = section(page, "rows").partition("</table>")[0]
    assert re.findall(r'/rows/(\d+)"', table) == list(within["row_id"])
    assert "column=segment%3Aorigin&amp;op=is&amp;value=JFK" in page


def test_parts_of_the_data_have_a_chart_each_that_leads_to_them(reader: TestClient, report: Report) -> None:
    part = section(page_of(reader, "dep_delay"), "segments")
    origin = next(held for held in documents(part) if any("JFK" in label for label in held["links"]))
    assert origin["links"]["JFK (8,710)"] == "/flights/2013-02-a/features/dep_delay?segment=origin%3DJFK"
    figures = {row["label"]: row["abs_mean"] for row in origin["spec"]["data"]["values"]}
    held = {one.segment: one.abs_mean for one in report.segments if one.feature == "dep_delay"}
    assert figures["JFK (8,710)"] == held["origin=JFK"]


def test_over_time_each_partition_leads_to_its_report(reader: TestClient) -> None:
    (held,) = documents(section(page_of(reader, "dep_delay"), "time"))
    assert held["links"]["2013-01"] == "/flights/2013-01-a/features/dep_delay?target=late"
    assert [row[0].partition(":")[0] for row in held["rows"]] == ["2013-01", "2013-02"]


def test_rows_that_are_gone_leave_what_the_report_says(reader: TestClient) -> None:
    answer = reader.get("/flights/2013-01-a/features/dep_delay")
    assert answer.status_code == 200
    assert "are not in the store" in answer.text or "cannot be asked" in answer.text
    assert "<b>2.410</b>" in answer.text


@pytest.mark.parametrize(
    ("feature", "query", "line"),
    [
        ("nothing", {}, "This report has no such feature."),
        ("..~-..~-etc", {}, "This report has no such feature."),
        ("dep_delay", {"target": "x"}, "This report has no such target."),
        ("dep_delay", {"segment": "origin=XXX"}, "This report has no such segment of this feature."),
        ("dep_delay", {"segment": "origin=JFK' OR 1=1 --"}, "This report has no such segment of this feature."),
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    reader: TestClient, feature: str, query: dict[str, str], line: str
) -> None:
    answer = reader.get(f"/flights/2013-02-a/features/{feature}", params=query)
    assert answer.status_code == 404
    assert line in unescape(answer.text)


def test_texts_are_said_to_be_shown_row_by_row(
    serve: Serve, sample: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = str(tmp_path_factory.mktemp("store"))
    report = sample.texts_and_images_report().model_copy(update={"name": "words", "run_id": "a"})
    feature = report.importance[0].feature
    rows = of_features([feature], 20, target=report.targets[0].name)
    rows[f"input:{feature}"] = pd.Series([["a", "b"]] * 20)
    put_run(store, report, [rows])
    page = serve(store).get(f"/words/a/features/{feature}").text
    assert "a row&#39;s own page shows it, part by part" in page
    assert '<h2 id="spread">' in page


def test_rows_that_could_not_be_asked_once_are_asked_again(reader: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise QueryError("too many questions at a time; ask again")

    with monkeypatch.context() as patched:
        patched.setattr("ig_tasks.web.pages.feature.feature_rows", busy)
        page = page_of(reader, "carrier", segment="origin=EWR")
    assert "The rows of this run cannot be asked: too many questions at a time; ask again." in page
    assert '<h2 id="segments">' in page
    assert '<h2 id="spread">' not in page
    assert '<h2 id="spread">' in page_of(reader, "carrier", segment="origin=EWR")
