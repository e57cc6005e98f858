"""Airflow as the one that says who is asking, and which reports they may read: those of the DAGs that they may read.

The only file of the report browser that knows Airflow. Imported by the API server when the first page is asked for.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import get_user
from airflow.configuration import conf
from airflow.models.asset import AssetModel, TaskOutletAssetReference
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from fastapi import HTTPException
from fastapi.security import HTTPAuthorizationCredentials
from sqlalchemy import func, select
from starlette.requests import HTTPConnection, Request

from ig_tasks.spec.specification import STORE_VARIABLE
from ig_tasks.web.access import Activity, RefusedError, User
from ig_tasks.web.dag_claims import Claim, Makers, claims_in
from ig_tasks.web.report_files import ReportPlace, report_places
from ig_tasks.web.spec_places import SpecPlace

__all__ = ["AirflowAccess"]

_UNDER_WAY = ("queued", "running")
_ASSET = "ig://"
_FRESH = 3.0
"""Seconds for which it is taken to be current which DAGs make which reports; Airflow reads DAGs less often."""
_MOST = 500
"""Results of tasks that are looked through for one run: a run of many mapped tasks has many."""


class AirflowAccess:
    """Rights by Airflow's own auth manager, whichever it is.

    Args:
        store: URI of the browser's own store.
    """

    def __init__(self, store: str) -> None:
        self._store = store
        self._makers = MakersInAirflow(store)

    def elsewhere(self) -> Mapping[str, SpecPlace]:
        """{key: where it lies} of specs whose DAGs write into other stores than the browser's own."""
        return self._makers.current().elsewhere

    async def user_of(self, connection: HTTPConnection) -> User:
        """Airflow's user, by a Bearer token, else by the cookie of its pages."""
        scheme, _, token = connection.headers.get("Authorization", "").partition(" ")
        bearer = HTTPAuthorizationCredentials(scheme=scheme, credentials=token.strip()) if token else None
        try:
            user = await get_user(Request(connection.scope), None, bearer)
        except HTTPException as refused:
            line = "Log in to Airflow to read reports." if refused.status_code == 401 else "This login is not valid."
            raise RefusedError(refused.status_code, line, self._login(connection)) from None
        return User(user.get_name(), user)

    def readable(self, user: User, names: Collection[str]) -> set[str]:
        """The specs whose DAGs are there, and may all be read: the DAG `ig_<name>`, and those that say they make it."""
        allowed, makers = self._dags_of(user), self._makers.current()
        there = self._makers.dag_ids()
        dags = {name: makers.of_spec(name, there) for name in names}
        return {name for name, dag_ids in dags.items() if dag_ids and dag_ids <= allowed}

    def specs_of(self, dag_id: str) -> list[str]:
        """The keys of the specs whose reports a DAG makes."""
        return self._makers.current().specs_of(dag_id)

    def outside(self, connection: HTTPConnection) -> str:
        """What Airflow says its own address is; behind a proxy the request knows another."""
        parts = urlsplit(conf.get("api", "base_url", fallback=""))
        if not parts.netloc:
            return f"{connection.url.scheme}://{connection.url.netloc}"
        return f"{parts.scheme}://{parts.netloc}"

    def activity(self, names: Collection[str]) -> Mapping[str, Activity]:
        """What is going on with the DAGs of these specs: a spec is paused if all of them are."""
        makers, there = self._makers.current(), self._makers.dag_ids()
        dags = {name: makers.of_spec(name, there) for name in names}
        dag_ids = frozenset[str]().union(*dags.values())
        with create_session() as session:
            query = select(DagModel.dag_id).where(DagModel.dag_id.in_(dag_ids), DagModel.is_paused)
            paused = set(session.scalars(query).all())
            query = select(DagRun.dag_id).where(DagRun.dag_id.in_(dag_ids), DagRun.state.in_(_UNDER_WAY)).distinct()
            running = set(session.scalars(query).all())
        activities: dict[str, Activity] = {name: "paused" for name, of in dags.items() if of and of <= paused}
        activities |= {name: "running" for name, of in dags.items() if of & running}
        return activities

    def places(
        self, user: User, dag_id: str, run_id: str, task_id: str | None = None, map_index: int | None = None
    ) -> list[ReportPlace]:
        """The reports that a run of a DAG, or one of its tasks, wrote or withheld; none if the DAG may not be read."""
        if dag_id not in self._dags_of(user):
            return []
        query = XComModel.get_many(run_id=run_id, dag_ids=dag_id, task_ids=task_id, map_indexes=map_index)
        with create_session() as session:
            results = session.scalars(query.limit(_MOST)).all()
            values = [XComModel.deserialize_value(result) for result in results]
        return report_places(values, self._store, self._makers.current().stores)

    def _dags_of(self, user: User) -> set[str]:
        dag_ids: set[str] = get_auth_manager().get_authorized_dag_ids(user=user.identity, method="GET")
        return dag_ids

    def _login(self, connection: HTTPConnection) -> str:
        """Airflow's login page, which leads back here."""
        prefix = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        path = connection.scope.get("raw_path", b"").decode("ascii", "replace") or connection.url.path
        page = f"{self.outside(connection)}{path}" + (f"?{connection.url.query}" if connection.url.query else "")
        return f"{prefix}/api/v2/auth/login?next={quote(page, safe='')}"


class MakersInAirflow:
    """Which DAGs make which reports, as Airflow's database has it; read again every few seconds.

    Args:
        store: URI of the browser's own store.
    """

    def __init__(self, store: str) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._read = float("-inf")
        self._known: dict[str, tuple[Any, tuple[Claim, ...]]] = {}
        self._dag_ids: frozenset[str] = frozenset()
        self._makers = Makers.of(store, ())

    def current(self) -> Makers:
        """The makers. What cannot be read is raised: nobody is shown anything then."""
        with self._lock:
            if time.monotonic() - self._read > _FRESH:
                self._look()
                self._read = time.monotonic()
            return self._makers

    def dag_ids(self) -> frozenset[str]:
        """The DAGs that are called as those of specs are."""
        self.current()
        return self._dag_ids

    def _look(self) -> None:
        with create_session() as session:
            query = select(TaskOutletAssetReference.dag_id, AssetModel.name)
            query = query.join(AssetModel, AssetModel.id == TaskOutletAssetReference.asset_id)
            names: dict[str, set[str]] = {}
            for dag_id, asset in session.execute(query.where(AssetModel.name.startswith(_ASSET))):
                if "/" not in (name := asset.removeprefix(_ASSET)):
                    names.setdefault(dag_id, set()).add(name)
            dated = select(SerializedDagModel.dag_id, func.max(SerializedDagModel.last_updated))
            dated = dated.where(SerializedDagModel.dag_id.in_(names)).group_by(SerializedDagModel.dag_id)
            stamps = {dag_id: (updated, frozenset(names[dag_id])) for dag_id, updated in session.execute(dated)}
            changed = [dag_id for dag_id in names if stamps.get(dag_id) != self._known.get(dag_id, ("",))[0]]
            documents = {}
            if changed:
                latest = SerializedDagModel.get_latest_serialized_dags(dag_ids=changed, session=session)
                documents = {dag.dag_id: dag.data for dag in latest}
            called = select(DagModel.dag_id).where(DagModel.dag_id.startswith("ig_", autoescape=True))
            self._dag_ids = frozenset(session.scalars(called).all())
        for dag_id in changed:
            claims = claims_in(dag_id, documents.get(dag_id), names[dag_id], self._store_of)
            self._known[dag_id] = stamps.get(dag_id), tuple(claims)
        self._known = {dag_id: known for dag_id, known in self._known.items() if dag_id in names}
        if changed or {claim.dag_id for claim in self._makers.claims} - names.keys():
            self._makers = Makers.of(self._store, (claim for _, claims in self._known.values() for claim in claims))

    def _store_of(self, store: str, beside: str) -> str:
        """Where a spec's reports lie, by the environment of this server."""
        return store or (self._store if os.environ.get(STORE_VARIABLE) else beside or self._store)
