"""The few calls of Airflow's REST API that a local Airflow needs."""

from __future__ import annotations

from typing import Any

import httpx

from ig_tasks.errors import RunError

__all__ = ["AirflowApi", "AirflowApiError"]


class AirflowApiError(RunError):
    """Airflow refused a request. `args` is `(message, status)`."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message, status)

    @property
    def status(self) -> int:
        return int(self.args[1])

    def __str__(self) -> str:
        return str(self.args[0])


class AirflowApi:
    """Airflow's REST API v2, for one user. Logs in when it is first used, and again when a token has expired."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        self._login = {"username": user, "password": password}
        self._http = httpx.Client(base_url=self.url, timeout=300, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def health(self) -> dict[str, str]:
        """The state of each of Airflow's processes; empty while the API server does not answer."""
        try:
            answer = self._http.get("/api/v2/monitor/health")
            answer.raise_for_status()
        except httpx.HTTPError:
            return {}
        return {name: str(part.get("status")) for name, part in answer.json().items()}

    def warm_up(self) -> None:
        """Have the API server build what tasks talk to. Its first request takes seconds; better now than in a task."""
        try:
            self._http.get("/execution/health")
        except httpx.HTTPError:
            return

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, params=query)

    def call(self, method: str, path: str, **request: Any) -> Any:
        """One request below /api/v2; the answer's JSON, or None if it has none.

        Raises:
            AirflowApiError: if Airflow does not answer, or refuses.
        """
        try:
            answer = self._http.request(method, f"/api/v2{path}", **request)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                token = self._http.post("/auth/token", json=self._login)
                token.raise_for_status()
                self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
                answer = self._http.request(method, f"/api/v2{path}", **request)
        except httpx.HTTPError as error:
            raise AirflowApiError(f"airflow at {self.url}: {method} {path} failed ({error})") from error
        if answer.is_error:
            raise AirflowApiError(f"airflow refused {method} {path}: {_detail(answer)}", answer.status_code)
        return answer.json() if answer.content else None

    def ensure_pool(self, name: str, slots: int = 1) -> None:
        """Make a pool unless it is there: Airflow starts no task whose pool does not exist."""
        try:
            self.get(f"/pools/{name}")
        except AirflowApiError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            self.call("POST", "/pools", json={"name": name, "slots": slots, "description": "Dask workers of ig-tasks"})

    def ensure_pools_of(self, dag_id: str) -> None:
        """Make the pools that a DAG's tasks wait for."""
        for name in {task["pool"] for task in self.get(f"/dags/{dag_id}/tasks")["tasks"]}:
            self.ensure_pool(name)

    def end_unfinished(self, dag_id: str) -> int:
        """Mark runs that an Airflow which was stopped has left unfinished as failed; says how many."""
        left = [run for run in self.runs(dag_id) if run["state"] not in {"success", "failed"}]
        for run in left:
            self.call("PATCH", f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}", json={"state": "failed"})
        return len(left)

    def unpause(self, dag_id: str) -> None:
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, *, partition_key: str | None = None, conf: dict[str, Any] | None = None) -> str:
        """Start a run; returns its id."""
        body = {"logical_date": None, "conf": conf or {}, "partition_key": partition_key}
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/dags/{dag_id}/dagRuns/{run_id}")
        return found

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"/dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
        return found

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The run's task instances: task_id, state, try_number, start_date, end_date ..."""
        found: list[dict[str, Any]] = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return found

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[dict[str, Any]]:
        """The records of a task's log so far: event, level, logger, timestamp ..."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.get(path, full_content="true")["content"]
        return [record for record in content if isinstance(record, dict)]

    def result(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task returned."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.get(path, deserialize="true")["value"]

    def asset_events(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The events that a run made: asset, extra, partition_key ..."""
        query = {"source_dag_id": dag_id, "source_run_id": run_id, "limit": 100}
        found: list[dict[str, Any]] = self.get("/assets/events", **query)["asset_events"]
        return found


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text
    return f"{answer.status_code} {detail}"
