"""The report browser as Airflow's plugin: registered once, light, built when it is asked for, and closed otherwise."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.app import RESERVED_URL_PREFIXES
from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse, FastAPIAppResponse
from airflow.plugins_manager import is_valid_plugin
from fastapi import HTTPException
from starlette.testclient import TestClient

from ig_tasks.orchestration import report_browser
from ig_tasks.orchestration.report_browser import LazyApp, ReportBrowserPlugin

ENTRY = EntryPoint("ig_reports", "ig_tasks.orchestration.report_browser:entry_point", "airflow.plugins")
FILE = Path(__file__).parents[3] / "plugins" / "ig_reports.py"


@pytest.fixture(autouse=True)
def untaken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_browser, "_taken", False)


def test_either_the_file_or_the_entry_point_registers_it_and_never_both() -> None:
    assert is_valid_plugin(ENTRY.load())
    spec = importlib.util.spec_from_file_location("ig_reports", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert [held for held in vars(module).values() if is_valid_plugin(held)] == [ReportBrowserPlugin]
    assert not is_valid_plugin(ENTRY.load())


def test_the_package_declares_the_entry_point() -> None:
    import tomllib

    declared = tomllib.loads((FILE.parents[1] / "pyproject.toml").read_text())["project"]["entry-points"]
    assert declared["airflow.plugins"] == {ENTRY.name: ENTRY.value}


def test_airflow_takes_its_app_and_its_views() -> None:
    (app,) = ReportBrowserPlugin.fastapi_apps
    FastAPIAppResponse.model_validate({**app, "app": "LazyApp"})
    assert not any(app["url_prefix"].startswith(prefix) for prefix in RESERVED_URL_PREFIXES)
    views = {
        view.destination: view for view in map(ExternalViewResponse.model_validate, ReportBrowserPlugin.external_views)
    }
    assert set(views) == {"nav", "dag", "dag_run", "task_instance"}
    assert len({view.url_route for view in views.values()}) == 4
    assert views["nav"].href == "/ig/"
    assert views["task_instance"].href == "/ig/-/dags/{DAG_ID}/runs/{RUN_ID}/tasks/{TASK_ID}/{MAP_INDEX}"


def test_below_a_path_its_views_are_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    conf = SimpleNamespace(get=lambda section, option, fallback="": "https://h.example/team/airflow/")
    monkeypatch.setattr(report_browser, "conf", conf)
    assert {view["href"].partition("/-/")[0].rstrip("/") for view in report_browser._views()} == {"/team/airflow/ig"}
    assert report_browser._views()[0]["icon"].startswith("/team/airflow/ig/-/static/")


def test_loading_it_imports_no_web_framework_and_nothing_heavy() -> None:
    program = (
        "import sys; import ig_tasks.orchestration.report_browser;"
        "heavy = {'fastapi', 'torch', 'tensorflow', 'pandas', 'duckdb', 'distributed', 'altair', 'great_expectations',"
        " 'ig_tasks.web.app', 'ig_tasks.web.catalogue'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_cannot_be_built_shows_nothing_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IG_TASKS_STORE", "https://user:secret@store.example/runs")
    app = LazyApp()
    for _ in range(2):
        answer = TestClient(app).get("/")
        assert answer.status_code == 503
        assert "secret" not in answer.text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


class Manager:
    """An auth manager: tokens are names, and rights are a mapping."""

    def __init__(self, **rights: set[str]) -> None:
        self.rights = rights

    async def get_user_from_token(self, token: str) -> Any:
        from jwt import InvalidTokenError

        if token not in self.rights:
            raise InvalidTokenError
        return SimpleNamespace(get_name=lambda: token)

    def get_authorized_dag_ids(self, *, user: Any, method: str) -> set[str]:
        assert method == "GET"
        return self.rights[user.get_name()]


@pytest.fixture
def browse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    access = pytest.importorskip("ig_tasks.web.airflow_access")
    from airflow.api_fastapi.core_api import security

    manager = Manager(ana={"ig_loans", "other"}, nobody=set())
    monkeypatch.setattr(security, "get_auth_manager", lambda: manager)
    monkeypatch.setattr(access, "get_auth_manager", lambda: manager)
    monkeypatch.setattr(access.AirflowAccess, "activity", lambda self, names: {})
    monkeypatch.setattr(access.MakersInAirflow, "_look", lambda self: None)
    monkeypatch.setenv("IG_TASKS_STORE", str(tmp_path))
    return TestClient(LazyApp())


def test_who_is_asking_is_airflows_question(browse: TestClient) -> None:
    assert browse.get("/").status_code == 401
    assert "Log in to Airflow" in browse.get("/loans?a=b").text
    assert "/api/v2/auth/login?next=http" in browse.get("/loans?a=b").text
    assert browse.get("/", headers={"Authorization": "Bearer mallory"}).status_code == 403
    assert browse.get("/", headers={"Authorization": "Basic YTpi"}).status_code == 401
    assert browse.get("/", headers={"Authorization": "Bearer ana"}).status_code == 200
    browse.cookies.set("_token", "ana")
    assert "for ana" in browse.get("/").text
    # An explicit credential wins over the cookie.
    assert browse.get("/", headers={"Authorization": "Bearer mallory"}).status_code == 403


def test_reports_are_those_of_dags_that_may_be_read(browse: TestClient) -> None:
    from ig_tasks.web.access import User
    from ig_tasks.web.airflow_access import AirflowAccess

    def user(name: str) -> User:
        return User(name, SimpleNamespace(get_name=lambda: name))

    access = AirflowAccess("/runs")
    assert access.readable(user("ana"), ["loans", "fraud", "other", "ig_loans"]) == {"loans"}
    assert access.readable(user("nobody"), ["loans"]) == set()
    assert access.places(user("nobody"), "ig_loans", "manual__1") == []


def test_an_http_error_of_airflow_keeps_its_kind(browse: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def expired(*args: Any) -> None:
        raise HTTPException(401, "Token Expired")

    monkeypatch.setattr("ig_tasks.web.airflow_access.get_user", expired)
    assert browse.get("/").status_code == 401

    async def broken(*args: Any) -> None:
        raise RuntimeError("no auth manager")

    monkeypatch.setattr("ig_tasks.web.airflow_access.get_user", broken)
    assert browse.get("/").status_code == 403
