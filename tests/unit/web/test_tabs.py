"""Tabs of Airflow's pages: from a DAG to its model, from a run or a task to the report that it wrote."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from support.browser import HeaderAccess

from ig_tasks.web.access import User
from ig_tasks.web.app import create_app
from ig_tasks.web.catalogue import Catalogue
from ig_tasks.web.report_files import ReportPlace, place_of, report_places

RESULTS: dict[tuple[str, str], list[ReportPlace]] = {
    ("run", "publish_report"): [ReportPlace("flights", "2013-02-a", 1)],
    ("run", ""): [ReportPlace("flights", "2013-02-a", 1)],
    ("again", ""): [ReportPlace("flights", "2013-03-a", 1)],
    ("two", ""): [ReportPlace("flights", "2013-01-a", 1), ReportPlace("loans", "all-b", 1)],
    ("gone", ""): [ReportPlace("flights", "2012-01-a", 1)],
    ("evil", ""): [ReportPlace("../../etc", "passwd", 1), ReportPlace("loans", "all-b", 1)],
}


class Running(HeaderAccess):
    def places(
        self, user: User, dag_id: str, run_id: str, task_id: str | None = None, map_index: int | None = None
    ) -> list[ReportPlace]:
        return RESULTS.get((run_id, task_id or ""), [])


@pytest.fixture
def ana(store: str) -> TestClient:
    app = create_app(Catalogue(store, fresh_for=0.0), Running(ana=["flights"]))
    return TestClient(app, headers={"who": "ana"}, follow_redirects=False)


@pytest.mark.parametrize(
    ("tab", "page"),
    [
        ("/-/dags/ig_flights", "/flights"),
        ("/-/dags/ig_flights/runs/run", "/flights/2013-02-a"),
        ("/-/dags/ig_flights/runs/run/tasks/publish_report/-1", "/flights/2013-02-a"),
        ("/-/dags/ig_flights/runs/run/tasks/load_model/-1", "/flights/2013-02-a"),
        ("/-/dags/ig_flights/runs/again", "/flights/2013-03-a?revision=1"),
        ("/-/dags/ig_explain_on_demand/runs/two", "/flights/2013-01-a"),
    ],
)
def test_a_tab_leads_to_the_page(ana: TestClient, tab: str, page: str) -> None:
    answer = ana.get(tab)
    assert (answer.status_code, answer.headers["Location"]) == (303, page)
    assert ana.get(page).status_code == 200


@pytest.mark.parametrize(
    ("tab", "line"),
    [
        ("/-/dags/example_dag", "This DAG publishes no feature importance."),
        ("/-/dags/example_dag/runs/scheduled__2013-01-01T00%3A00%3A00%2B00%3A00", "publishes no feature importance"),
        ("/-/dags/ig_loans", "no report yet that you may read"),
        ("/-/dags/ig_nothing", "no report yet that you may read"),
        ("/-/dags/ig_flights/runs/new", "no report yet that you may read"),
        ("/-/dags/ig_flights/runs/gone", "no report yet that you may read"),
        ("/-/dags/ig_flights/runs/evil/tasks/x/%2e%2e", "no report yet that you may read"),
    ],
)
def test_where_there_is_none_it_says_so_politely(ana: TestClient, tab: str, line: str) -> None:
    answer = ana.get(tab)
    assert answer.status_code == 200
    assert line in answer.text
    assert "all-b" not in answer.text


def test_several_reports_are_listed(store: str) -> None:
    app = create_app(Catalogue(store, fresh_for=0.0), Running())
    text = TestClient(app, headers={"who": "all"}).get("/-/dags/ig_explain_on_demand/runs/two").text
    assert 'href="/flights/2013-01-a"' in text
    assert 'href="/loans/all-b"' in text


def test_without_airflow_there_are_no_tabs_of_runs(app: FastAPI) -> None:
    assert TestClient(app, headers={"who": "all"}).get("/-/dags/ig_flights/runs/run").status_code == 404


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("/runs/a/all-0/report.json", ReportPlace("a", "all-0", 1)),
        ("/runs/a/all-0/report.r12.html", ReportPlace("a", "all-0", 12)),
        ("/runs/a/all-0/plan.json", None),
        ("/runs/a/report.json", None),
        ("/runs/a/b/all-0/report.json", None),
        ("/runs2/a/all-0/report.json", None),
        ("/runs//all-0/report.json", None),
        ("", None),
    ],
)
def test_a_place_is_told_by_a_reports_file(uri: str, place: Any) -> None:
    assert place_of(uri, "/runs") == place
    assert place_of(uri, "/runs/") == place


def test_results_of_tasks_that_are_no_reports_are_passed_over() -> None:
    report = {"page_uri": "/runs/a/all-0/report.html", "store": "/runs"}
    results = [
        None,
        3,
        "text",
        {"page_uri": 4},
        {"rows": {}},
        report,
        {"report_uri": "/runs/a/all-0/report.json"},
        [report],
    ]
    assert report_places(results, "/runs") == [ReportPlace("a", "all-0", 1)]
