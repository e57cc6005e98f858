"""A report's page: what report.html says, of one target, and every state of it at an address of its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from ig_tasks.reports.page import render_page
from ig_tasks.reports.page_files import page_files
from ig_tasks.store.report import Report
from tests.unit.web.conftest import put

Serve = Callable[..., TestClient]


@pytest.fixture(scope="module")
def reading(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """A client of the browser over a store of these reports."""

    def made(*reports: Report) -> TestClient:
        store = str(tmp_path_factory.mktemp("store"))
        for report in reports:
            put(store, report)
        return serve(store)

    return made


@pytest.fixture(scope="module")
def report(sample: SimpleNamespace) -> Report:
    found: Report = sample.flights_report(name="flights", run_id="a")
    return found


@pytest.fixture(scope="module")
def reader(reading: Serve, report: Report) -> TestClient:
    return reading(report)


def features(page: str) -> list[str]:
    """The features of the table, in its order."""
    table = page.partition('<table class="importance">')[2].partition("</table>")[0]
    return re.findall(r'<th scope="row"><a href="/flights/a/features/([a-z_]+)', table)


def text_of(page: str) -> set[str]:
    """The lines of words on the page, without tags and what scripts read."""
    bare = re.sub(r"<(script|style|svg|noscript|form)\b.*?</\1>", "", page, flags=re.DOTALL)
    return {line.strip() for line in unescape(re.sub(r"<[^>]+>", "\n", bare)).splitlines() if line.strip()}


def test_it_says_all_that_the_file_says(reader: TestClient, report: Report) -> None:
    page = reader.get("/flights/a").raise_for_status().text
    missing = text_of(render_page(report)) - text_of(page)
    # A file names the files beside it, and has a heading and a foot of its own.
    beside = {text for file in page_files(report) for text in file}
    own = {line for line in missing - beside if not line.startswith(("flights", "Made by", "They lie beside"))}
    assert own == {"Feature importance report", "The files of this run"}
    headings = re.compile(r'<h2 id="([a-z0-9_-]+)">')
    assert headings.findall(page) == headings.findall(render_page(report))


def test_the_file_report_stays_without_links_to_the_browser_and_without_script(report: Report) -> None:
    page = render_page(report)
    assert "<script" not in page
    assert "/features/" not in page


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("", lambda row: row.rank),
        ("?sort=-rank", lambda row: -row.rank),
        ("?sort=mean", lambda row: -row.mean),
        ("?sort=-mean", lambda row: row.mean),
        ("?sort=std_dev", lambda row: -row.std_dev),
        ("?sort=median&statistic=median", lambda row: -row.median),
    ],
)
def test_features_are_sorted_by_rank_and_by_their_figures(
    reader: TestClient, report: Report, asked: str, wanted: Callable[..., float]
) -> None:
    ordered = [row.feature for row in sorted(report.importance, key=wanted)]
    assert features(reader.get(f"/flights/a{asked}").text) == ordered


def test_quantiles_are_a_statistic_and_features_without_them_come_last(reader: TestClient, report: Report) -> None:
    page = reader.get("/flights/a?statistic=q0.95&sort=figure").text
    known = {spread.feature: {p.q: p.value for p in spread.quantiles}[0.95] for spread in report.distributions}
    ordered = features(page)
    assert ordered[: len(known)] == sorted(known, key=lambda feature: -known[feature])
    assert set(ordered) == {row.feature for row in report.importance}
    assert ">95 % quantile</a>" in page


def test_words_search_name_label_and_group(reader: TestClient, report: Report) -> None:
    page = reader.get("/flights/a?search=WIND").text
    assert features(page) == ["wind_speed", "wind_gust"]
    assert "2 features of 20" in page
    labelled = next(item for item in report.features if item.label and item.name not in item.label.casefold())
    assert labelled.name in features(reader.get("/flights/a", params={"search": labelled.label}).text)
    empty = reader.get("/flights/a", params={"search": "<b>nothing</b>"}).text
    assert "No feature has “&lt;b&gt;nothing&lt;/b&gt;” in its name" in empty


def test_a_segment_shows_its_own_figures(reader: TestClient, report: Report) -> None:
    page = reader.get("/flights/a", params={"segment": "origin=JFK"}).text
    rows = sorted((row for row in report.segments if row.segment == "origin=JFK"), key=lambda row: row.rank)
    assert features(page) == [row.feature for row in rows]
    figures = re.findall(r'<td class="n strong"><data value="([^"]+)"', page)
    assert [float(figure) for figure in figures[: len(rows)]] == [row.abs_mean for row in rows]
    assert "origin=JFK: importance over 8,710 rows" in page


@pytest.mark.parametrize(
    ("asked", "status", "line"),
    [
        ("target=x", 404, "This report has no such target."),
        ("segment=origin%3DXXX", 404, "This report has no such segment of this target."),
        ("segment=..%2F..%2Fetc", 404, "This report has no such segment of this target."),
        ("statistic=q0.3", 404, "This report has no such statistic; it has: abs_mean, mean,"),
        ("segment=origin%3DJFK&statistic=q0.5", 404, "no such statistic within a segment; it has: abs_mean, mean,"),
        ("statistic=__class__", 404, "This report has no such statistic; it has: abs_mean, mean,"),
        ("sort=feature%3BDROP", 400, "sort: give one of rank, name, abs_mean"),
        ("part=0", 400, "part"),
        ("part=-1", 400, "part"),
        ("part=99999999999999999999", 400, "part"),
        ("revision=2", 404, "There is no such report"),
    ],
)
def test_what_the_report_has_not_is_said_in_one_line(reader: TestClient, asked: str, status: int, line: str) -> None:
    answer = reader.get(f"/flights/a?{asked}")
    assert answer.status_code == status
    assert line in unescape(answer.text)


def test_names_lead_to_features_rows_and_parts_of_the_data(reader: TestClient, report: Report) -> None:
    page = reader.get("/flights/a").text
    assert f'<code><a href="/flights/a/rows/{report.examples[0].row_id}' in page
    assert '<a href="/flights/a?segment=origin%3DJFK#importance">JFK</a>' in page
    (held,) = [text for text in re.findall(r'class="chart-document">(.*?)</script>', page) if "95 %" in text][:1]
    assert '"Dep' in held or "/flights/a/features/dep_delay" in held


def test_where_scripts_run_the_features_alone_are_sent(reader: TestClient) -> None:
    whole = reader.get("/flights/a?sort=mean")
    part = reader.get("/flights/a?sort=mean", headers={"HX-Request": "true", "HX-Target": "features-part"})
    assert "HX-Target" in part.headers["Vary"]
    assert part.text.lstrip().startswith('<div id="features-part">')
    assert "<html" not in part.text
    assert features(part.text) == features(whole.text)


def test_each_target_has_its_page(reading: Serve, sample: SimpleNamespace) -> None:
    held = sample.two_target_report()
    held = held.model_copy(update={"name": "flights", "run_id": "a"})
    reader = reading(held)
    first, second = (target.name for target in held.targets)
    for name in (first, second):
        page = reader.get("/flights/a", params={"target": name}).text
        assert features(page) == [row.feature for row in held.ranking(name)]
        assert page.count('<h2 id="importance">') == 1
    assert features(reader.get("/flights/a").text) == [row.feature for row in held.ranking(first)]


def test_withheld_and_ad_hoc_reports_say_so_first(reading: Serve, sample: SimpleNamespace) -> None:
    override = {"field": "attribution.tolerance", "spec": 0.01, "run": 0.1}
    reader = reading(
        sample.withheld_report(**sample.BARE, name="flights", run_id="a"),
        sample.flights_report(**sample.BARE, name="flights", run_id="b", overrides=[override]),
    )
    withheld, adhoc = reader.get("/flights/a").text, reader.get("/flights/b").text
    assert '<div class="report withheld">' in withheld
    assert "Withheld: shown so that the cause can be found, not to be used." in withheld
    assert '<section class="adhoc"' in adhoc
    assert '<section class="adhoc"' not in withheld


def test_a_wide_report_comes_in_hundreds(reading: Serve, sample: SimpleNamespace) -> None:
    held = sample.wide_report(250).model_copy(update={"name": "flights", "run_id": "a"})
    reader = reading(held)
    ranking = [row.feature for row in held.ranking()]
    found = [re.findall(r"/features/([^?\"]+)", reader.get(f"/flights/a?part={part}").text) for part in (1, 3)]
    assert set(ranking[:100]) <= set(found[0])
    assert ranking[120] not in found[0]
    assert set(ranking[200:]) <= set(found[1])


def test_a_damaged_report_and_one_of_a_later_version_are_said_in_one_line(
    serve: Serve, report: Report, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("store")
    for run_id in ("a", "b"):
        put(str(store), report.model_copy(update={"run_id": run_id}))
    reader = serve(str(store))
    later, damaged = (store / "flights" / run_id / "report.json" for run_id in ("a", "b"))
    later.write_text(later.read_text().replace('"schema_version": "1', '"schema_version": "2', 1))
    damaged.write_text(damaged.read_text()[:1000])
    for run_id in ("a", "b"):
        for address in (
            f"/flights/{run_id}",
            f"/flights/{run_id}/features/dep_delay",
            f"/-/compare?after=flights/{run_id}",
        ):
            answer = reader.get(address)
            assert answer.status_code in (404, 409)
            assert "Traceback" not in answer.text
            assert str(store) not in answer.text
            assert answer.text.count("<h1>") == 1


def test_a_run_computed_again_under_its_id_is_shown_as_it_is_now(
    sample: SimpleNamespace, serve: Serve, tmp_path: Path
) -> None:
    store = str(tmp_path / "again")
    for rows, moment in ((31_415, "2026-03-02T06:04:11Z"), (27_182, "2026-03-03T06:04:11Z")):
        shutil.rmtree(store, ignore_errors=True)
        data = {**sample.flights_body()["data"], "rows_explained": rows}
        put(store, sample.flights_report(name="flights", run_id="a", data=data, created_at=moment))
        page = serve(store).get("/flights/a").text
        assert f"{rows:,}" in page
