"""Airflow as the one that says who is asking, and which reports they may read: those of the DAGs that they may read.

The only file of the report browser that knows Airflow. Imported by the API server when the first page is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import quote, urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import get_user
from airflow.configuration import conf
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from fastapi import HTTPException
from fastapi.security import HTTPAuthorizationCredentials
from sqlalchemy import select
from starlette.requests import HTTPConnection, Request

from ig_tasks.web.access import Activity, RefusedError, User
from ig_tasks.web.report_files import ReportPlace, report_places

__all__ = ["AirflowAccess"]

_DAG = "ig_"
_UNDER_WAY = ("queued", "running")
_MOST = 500
"""Results of tasks that are looked through for one run: a run of many mapped tasks has many."""


class AirflowAccess:
    """Rights by Airflow's own auth manager, whichever it is.

    Args:
        store: URI of the browser's store: results of tasks that lie elsewhere are none of its reports.
    """

    def __init__(self, store: str) -> None:
        self._store = store

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
        """The specs whose DAG `ig_<name>` is there, and may be read."""
        allowed = self._dags_of(user)
        return {name for name in names if f"{_DAG}{name}" in allowed}

    def outside(self, connection: HTTPConnection) -> str:
        """What Airflow says its own address is; behind a proxy the request knows another."""
        parts = urlsplit(conf.get("api", "base_url", fallback=""))
        if not parts.netloc:
            return f"{connection.url.scheme}://{connection.url.netloc}"
        return f"{parts.scheme}://{parts.netloc}"

    def activity(self, names: Collection[str]) -> Mapping[str, Activity]:
        """What is going on with the DAGs of these specs."""
        dag_ids = [f"{_DAG}{name}" for name in names]
        with create_session() as session:
            query = select(DagModel.dag_id).where(DagModel.dag_id.in_(dag_ids), DagModel.is_paused)
            paused = session.scalars(query).all()
            query = select(DagRun.dag_id).where(DagRun.dag_id.in_(dag_ids), DagRun.state.in_(_UNDER_WAY)).distinct()
            running = session.scalars(query).all()
        activities: dict[str, Activity] = {dag_id.removeprefix(_DAG): "paused" for dag_id in paused}
        activities |= {dag_id.removeprefix(_DAG): "running" for dag_id in running}
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
        return report_places(values, self._store)

    def _dags_of(self, user: User) -> set[str]:
        dag_ids: set[str] = get_auth_manager().get_authorized_dag_ids(user=user.identity, method="GET")
        return dag_ids

    def _login(self, connection: HTTPConnection) -> str:
        """Airflow's login page, which leads back here."""
        prefix = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        path = connection.scope.get("raw_path", b"").decode("ascii", "replace") or connection.url.path
        page = f"{self.outside(connection)}{path}" + (f"?{connection.url.query}" if connection.url.query else "")
        return f"{prefix}/api/v2/auth/login?next={quote(page, safe='')}"
