"""Specs in stores of their own: pages beside those of the browser's store, and never mixed with them."""

from __future__ import annotations

import time
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.browser import HeaderAccess

from ig_tasks.errors import RunError
from ig_tasks.reports.indexing import mend_index
from ig_tasks.web import catalogue as catalogue_module
from ig_tasks.web.access import User
from ig_tasks.web.app import create_app
from ig_tasks.web.catalogue import Catalogue
from ig_tasks.web.report_files import ReportPlace, report_places
from ig_tasks.web.spec_places import SpecPlace, spec_key
from tests.unit.web.conftest import put


@pytest.fixture(scope="module")
def other(sample: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store that has `flights`, too, of another owner, and a spec that no DAG names."""
    place = str(tmp_path_factory.mktemp("other"))
    for partition in ("2020-01", "2020-02"):
        rows = {"name": "flights", "partition": partition, "run_id": f"{partition}-x", "owner": "the other team"}
        put(place, sample.flights_report(**sample.BARE, **rows))
    put(place, sample.flights_report(**sample.BARE, name="secret", partition="all", run_id="all-s"))
    for name in ("flights", "secret"):
        assert list(mend_index(place, name))
    return place


class Knowing(HeaderAccess):
    """Two DAGs: `ig_flights` of the browser's store, and `nightly`, which makes what lies elsewhere."""

    def __init__(self, keys: list[str], **rights: Collection[str]) -> None:
        super().__init__(**rights)
        self.keys = keys

    def specs_of(self, dag_id: str) -> list[str]:
        return self.keys if dag_id == "nightly" else ["flights"]

    def places(self, user: User, dag_id: str, run_id: str, *_: Any) -> list[ReportPlace]:
        return [ReportPlace(self.keys[0], "2020-02-x", 1)] if dag_id == "nightly" else []


@pytest.fixture
def catalogue(store: str, other: str) -> Catalogue:
    place = SpecPlace("flights", other)
    return Catalogue(store, fresh_for=0.0, elsewhere=lambda: {spec_key(place, store): place})


@pytest.fixture
def key(store: str, other: str) -> str:
    return spec_key(SpecPlace("flights", other), store)


def clients(catalogue: Catalogue, key: str) -> tuple[TestClient, ...]:
    access = Knowing([key], ana=["flights"], bob=[key])
    app = create_app(catalogue, access)
    return tuple(TestClient(app, headers={"who": who}, follow_redirects=False) for who in ("all", "ana", "bob"))


def test_two_specs_of_one_name_have_pages_of_their_own(catalogue: Catalogue, key: str, other: str) -> None:
    every, _, _ = clients(catalogue, key)
    assert catalogue.names() == ["flights", key, "loans"]
    overview = every.get("/").text
    address = f"/{key.replace('@', '%40')}"
    assert f'href="{address}"' in overview
    assert 'href="/flights"' in overview
    assert "the other team" in overview
    model = every.get(address)
    assert model.status_code == 200
    assert "2020-02" in model.text
    assert "2013-02" not in model.text
    assert f"Store: {other}." in model.text
    assert "@" not in model.text.replace("%40", "").partition("<main")[2].replace(key, "")
    for page in ("", "/features/dep_delay", "/rows", "/rows/7", "/download/report.json"):
        assert every.get(f"{address}/2020-02-x{page}").status_code == 200, page
        assert every.get(f"/flights/2020-02-x{page}").status_code == 404, page
        assert every.get(f"{address}/2013-02-a{page}").status_code == 404, page
    assert address in every.get(f"{address}/2020-02-x").text
    compared = every.get("/-/compare", params={"after": f"{key}/2020-02-x"})
    assert f"{address}/2020-01-x" in compared.text
    assert f"{address}/2020-02-x" in compared.text


def test_each_is_read_by_those_who_may_read_its_dag(catalogue: Catalogue, key: str) -> None:
    _, ana, bob = clients(catalogue, key)
    address = f"/{key.replace('@', '%40')}"
    assert [ana.get(page).status_code for page in ("/flights", address, f"{address}/2020-02-x")] == [200, 404, 404]
    assert [bob.get(page).status_code for page in ("/flights", address, f"{address}/2020-02-x")] == [404, 200, 200]
    assert key not in ana.get("/").text.replace("%40", "@")
    assert 'href="/flights"' not in bob.get("/").text
    assert ana.get("/-/compare", params={"before": "flights/2013-01-a", "after": f"{key}/2020-02-x"}).status_code == 404


def test_no_spec_of_such_a_store_is_shown_that_no_dag_names(catalogue: Catalogue, key: str, other: str) -> None:
    every, _, _ = clients(catalogue, key)
    place = SpecPlace("secret", other)
    assert "secret" not in every.get("/").text
    assert every.get(f"/{spec_key(place, catalogue.store.uri)}").status_code == 404
    assert every.get("/secret").status_code == 404


def test_tabs_of_the_dag_lead_there(catalogue: Catalogue, key: str) -> None:
    _, ana, bob = clients(catalogue, key)
    address = f"/{key.replace('@', '%40')}"
    assert bob.get("/-/dags/nightly").headers["Location"] == address
    assert bob.get("/-/dags/nightly/runs/r").headers["Location"] == f"{address}/2020-02-x"
    assert "no report yet that you may read" in ana.get("/-/dags/nightly").text
    assert "no report yet that you may read" in ana.get("/-/dags/nightly/runs/r").text


def test_a_dag_of_several_specs_offers_them(catalogue: Catalogue, key: str) -> None:
    app = create_app(catalogue, Knowing([key, "flights"], ana=["flights"]))
    every = TestClient(app, headers={"who": "all"}, follow_redirects=False).get("/-/dags/nightly").text
    assert 'href="/flights"' in every
    assert f'href="/{key.replace("@", "%40")}"' in every
    ana = TestClient(app, headers={"who": "ana"}, follow_redirects=False).get("/-/dags/nightly")
    assert ana.headers["Location"] == "/flights"


def test_a_store_that_is_silent_or_out_of_reach_keeps_no_page_from_being_shown(
    catalogue: Catalogue, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_module, "_PATIENCE", 0.05)
    reports = catalogue._reports_in(catalogue._elsewhere()[key].store)

    def refuse() -> set[str]:
        raise RunError("out of reach")

    asked: list[float] = []

    def slow() -> set[str]:
        asked.append(time.monotonic())
        time.sleep(0.5)
        return {"flights"}

    every, _, _ = clients(catalogue, key)
    for broken in (refuse, slow):
        catalogue._silent.clear()
        monkeypatch.setattr(reports, "names", broken)
        assert catalogue.names() == ["flights", "loans"]
        assert every.get("/").status_code == 200
        assert every.get(f"/{key}").status_code == 404
    assert len(asked) == 1
    assert every.get("/flights").status_code == 200


def test_results_of_tasks_are_found_in_every_store_that_is_shown() -> None:
    results = [{"page_uri": "s3://team/runs/loans/all-0/report.html"}, {"report_uri": "/runs/a/all-0/report.r2.json"}]
    key = spec_key(SpecPlace("loans", "s3://team/runs"), "/runs")
    assert report_places(results, "/runs", ["/runs", "s3://team/runs"]) == [
        ReportPlace(key, "all-0", 1),
        ReportPlace("a", "all-0", 2),
    ]
    assert report_places(results, "/runs") == [ReportPlace("a", "all-0", 2)]
