"""A store of a few small reports, and people who may read some of them."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from support.browser import HeaderAccess
from support.stored_rows import of_features, put_run

from ig_tasks.reports.indexing import mend_index
from ig_tasks.store import Folder
from ig_tasks.web.app import create_app
from ig_tasks.web.catalogue import Catalogue

__all__ = ["HeaderAccess"]

FLIGHTS = ("2013-01", "2013-02", "2013-03")


@pytest.fixture(scope="session")
def sample() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "reports" / "sample_report.py")))


def put(store: str, report: Any) -> None:
    """Write a report as a run has it, with thirty rows of two of its features."""
    put_run(store, report, [of_features(["dep_delay", "carrier"], 30)])


@pytest.fixture(scope="session")
def store(sample: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three months of `flights`, the last withheld in its second revision, and one report of `loans`."""
    place = str(tmp_path_factory.mktemp("store"))
    for month, partition in enumerate(FLIGHTS):
        rows = [row | {"abs_mean": row["abs_mean"] * (1.0 + month)} for row in sample.flights_body()["importance"]]
        put(
            place,
            sample.flights_report(
                **sample.BARE, name="flights", partition=partition, run_id=f"{partition}-a", importance=rows
            ),
        )
    put(
        place, sample.flights_report(**sample.BARE, name="flights", partition="2013-03", run_id="2013-03-a", revision=2)
    )
    put(place, sample.flights_report(**sample.BARE, name="loans", partition="all", run_id="all-b"))
    for name in ("flights", "loans"):
        assert list(mend_index(place, name))
    return place


@pytest.fixture
def app(store: str) -> FastAPI:
    return create_app(Catalogue(store, fresh_for=0.0), HeaderAccess(ana=["flights"], nobody=[]))


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """Somebody who may read everything."""
    return TestClient(app, headers={"who": "all"})


@pytest.fixture(scope="session")
def serve() -> Callable[..., TestClient]:
    """A client of the browser over a store: `serve(store)` reads all, `serve(store, "ana", ana=["flights"])` some."""

    def made(store: str, who: str = "all", **rights: Collection[str]) -> TestClient:
        for name in Folder(store).names():
            list(mend_index(store, name))
        return TestClient(create_app(Catalogue(store, fresh_for=0.0), HeaderAccess(**rights)), headers={"who": who})

    return made
