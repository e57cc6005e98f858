"""Which DAG makes which reports, as Airflow's database tells it, and the pages that follow of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from airflow.models.serialized_dag import SerializedDagModel
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from sqlalchemy.orm import Session

from ig_tasks.orchestration import ig_dag, ig_task_group
from ig_tasks.orchestration.links import browser_address
from ig_tasks.web import airflow_access
from ig_tasks.web.access import User
from ig_tasks.web.spec_places import SpecPlace, spec_key

SPEC = {"version": 1, "model": "../model", "data": "../data", "baseline": "auto"}


class Database:
    """The tables of Airflow that are asked, in memory."""

    def __init__(self) -> None:
        self.engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
        self.documents: dict[str, Any] = {}
        self._do("CREATE TABLE dag (dag_id)")
        self._do("CREATE TABLE asset (id INTEGER PRIMARY KEY, name UNIQUE)")
        self._do("CREATE TABLE task_outlet_asset_reference (asset_id, dag_id, task_id)")
        self._do("CREATE TABLE serialized_dag (dag_id, last_updated)")

    def _do(self, statement: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    def put(self, dag: DAG) -> None:
        """A DAG as Airflow keeps it."""
        document = self.documents[dag.dag_id] = DagSerialization.to_dict(dag)
        self._do("INSERT INTO dag VALUES (:dag)", dag=dag.dag_id)
        self._do("INSERT INTO serialized_dag VALUES (:dag, '2026-01-01 00:00:00')", dag=dag.dag_id)
        for task in document["dag"]["tasks"]:
            for outlet in task["__var"].get("outlets") or ():
                name = outlet["__var"]["name"]
                self._do("INSERT OR IGNORE INTO asset (name) VALUES (:name)", name=name)
                self._do(
                    "INSERT INTO task_outlet_asset_reference SELECT id, :dag, :task FROM asset WHERE name = :name",
                    dag=dag.dag_id,
                    task=task["__var"]["task_id"],
                    name=name,
                )

    def latest(self, *, dag_ids: list[str], session: Session) -> list[SimpleNamespace]:
        return [SimpleNamespace(dag_id=dag_id, data=self.documents[dag_id]) for dag_id in dag_ids]


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    held = Database()
    monkeypatch.setattr(airflow_access, "create_session", lambda: Session(held.engine))
    monkeypatch.setattr(SerializedDagModel, "get_latest_serialized_dags", held.latest)
    monkeypatch.setattr(airflow_access, "_FRESH", -1.0)
    yield held
    held.engine.dispose()


def test_dags_say_which_reports_they_make_and_where(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own, other = str(tmp_path / "runs"), str(tmp_path / "{their} runs")
    monkeypatch.setenv("IG_TASKS_STORE", own)
    allowed: dict[str, set[str]] = {"ana": {"ig_loans"}, "bob": {"nightly"}, "eve": {"ig_loans", "ig_own", "nightly"}}
    manager = SimpleNamespace(get_authorized_dag_ids=lambda user, method: allowed[user])
    monkeypatch.setattr(airflow_access, "get_auth_manager", lambda: manager)
    access = airflow_access.AirflowAccess(own)
    assert access.elsewhere() == {}
    database.put(ig_dag({**SPEC, "name": "loans"}))
    database.put(ig_dag({**SPEC, "name": "own", "store": other}))
    with DAG("nightly") as nightly:
        ig_task_group({**SPEC, "name": "fraud"})
        ig_task_group({**SPEC, "name": "loans", "store": other})
    database.put(nightly)
    own_key, loans_key = (spec_key(SpecPlace(name, other), own) for name in ("own", "loans"))
    assert access.elsewhere() == {own_key: SpecPlace("own", other), loans_key: SpecPlace("loans", other)}
    every = ["loans", "fraud", "own", own_key, loans_key, "missing"]

    def readable(name: str) -> set[str]:
        return access.readable(User(name, name), every)

    assert readable("ana") == {"loans"}
    assert readable("bob") == {"fraud", loans_key}
    # Reports of `own` from before it had a store of its own are those of the DAG of its name.
    assert readable("eve") == {"loans", "fraud", "own", own_key, loans_key}
    assert access.specs_of("nightly") == sorted(["fraud", loans_key])
    assert access.specs_of("ig_own") == [own_key]
    monkeypatch.setattr("ig_tasks.orchestration.links.conf", SimpleNamespace(get=lambda *a, **k: "https://h.example"))
    page = browser_address(f"{other}/own/all-0/report.html", other)
    assert page == f"https://h.example/ig/{own_key.replace('@', '%40')}/all-0?revision=1"


def test_a_dag_that_cannot_be_read_opens_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IG_TASKS_STORE", "/srv/runs")
    with DAG("nightly") as nightly:
        ig_task_group({**SPEC, "name": "loans", "store": "/srv/theirs"})
    database.put(nightly)
    database.documents["nightly"] = {"dag": {"tasks": "?"}}
    access = airflow_access.AirflowAccess("/srv/runs")
    assert access.elsewhere() == {}
    assert access._makers.current().of_spec("loans", set()) == {"nightly"}
