"""A real Airflow on this machine: scheduler with LocalExecutor, DAG processor, API server, and a small project.

The project is what a team would have: the DAG file of this repository, specs, a tiny torch model package, and a
data set with four months. Started once for all tests here, in a folder with a short path, and ended behind the last.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from support.dask_cluster import ForeignCluster
from support.gated_model import gated
from support.patience import PATIENCE
from support.webhook import Webhook, listening

from scripts.local_airflow import AirflowHome, LocalAirflow
from scripts.local_airflow.home import USER, airflow_command

REPOSITORY = Path(__file__).resolve().parents[2]
ROWS = 60
VIEWER = "reader"

MODEL = """
import torch
from torch import nn


class Tiny(nn.Module):
    def __init__(self, carriers):
        super().__init__()
        self.carrier_embedding = nn.Embedding(carriers, 2)
        self.body = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 1))

    def forward(self, weather, carrier):
        return self.body(torch.cat([weather, self.carrier_embedding(carrier)], dim=1))


def build(carriers):
    return Tiny(carriers)
"""

# A DAG of another team: runs whenever a report of `monthly` is published, for the report's partition.
CONSUMER = """
from airflow.sdk import dag, task
from ig_tasks.orchestration import on_reports


@dag(schedule=on_reports("monthly"), max_active_runs=1)
def reader():
    @task
    def read(triggering_asset_events=None, partition_key=None):
        (events,) = triggering_asset_events.values()
        return {"partition_key": partition_key, "extra": events[-1].extra}

    read()


reader()
"""

# And one that waits for the same Asset without its partitions: Airflow never starts it.
PLAIN_CONSUMER = """
from airflow.sdk import Asset, dag, task


@dag(schedule=[Asset("ig://monthly")])
def plain_reader():
    @task
    def read():
        return None

    read()


plain_reader()
"""

# A DAG of their own for a spec of the team: it tells of its reports, and of a run that takes longer than a second.
TELLING = """
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DeadlineAlert, DeadlineReference, SyncCallback
from ig_tasks.orchestration import FeatureReportNotifier, ig_dag

done = FeatureReportNotifier(webhook_conn_id="chat", only="publish_report")
late = SyncCallback(FeatureReportNotifier, {"webhook_conn_id": "chat"})
dag = ig_dag(
    Path(__file__).resolve().parent.parent / "include" / "specs" / "monthly.yaml",
    dag_id="told",
    schedule=None,
    default_args={"on_success_callback": done},
    deadline=DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(seconds=1), late),
)
"""

BROKEN = """
version: 1
name: broken
owner: broken-owners
tags: [live]
schedule: {cron: "0 0 1 * *", partition: "%Y-%m", offset: -1, start: 2013-02-01}
modle: ../models/tiny
data: {uri: ../../data, partition: month}
"""


def previous_month() -> str:
    """The key that a monthly schedule gives the run of this month's first day."""
    return (datetime.now(UTC).replace(day=1) - timedelta(days=1)).strftime("%Y-%m")


@dataclass
class Stage:
    """Airflow with the project, and the questions that tests ask it."""

    airflow: LocalAirflow
    project: Path
    store: Path
    dask: ForeignCluster
    chat: Webhook

    @property
    def api(self) -> Any:
        return self.airflow.api

    def viewer(self) -> tuple[str, str]:
        """Name and password of somebody who may read and no more."""
        return VIEWER, json.loads(self.airflow.home.passwords.read_text())[VIEWER]

    def reader(self) -> httpx.Client:
        """Somebody who may read and no more, as a program that follows links."""
        user, password = self.viewer()
        base = {"base_url": self.airflow.url, "trust_env": False, "timeout": PATIENCE}
        with httpx.Client(**base) as door:
            answer = door.post("/auth/token", json={"username": user, "password": password}).raise_for_status()
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return httpx.Client(**base, headers=headers, follow_redirects=True)

    def wait(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """The run once it has ended."""
        deadline = time.monotonic() + PATIENCE
        while (run := self.api.run(dag_id, run_id))["state"] not in {"success", "failed"}:
            assert time.monotonic() < deadline, f"{dag_id} {run_id} is {run['state']}: {self.states(dag_id, run_id)}"
            time.sleep(0.5)
        return run

    def wait_for_runs(self, dag_id: str, count: int) -> list[dict[str, Any]]:
        """The runs of a DAG, once this many have ended."""
        deadline = time.monotonic() + PATIENCE
        while True:
            runs = self.api.runs(dag_id)
            if sum(run["state"] in {"success", "failed"} for run in runs) >= count:
                return runs
            assert time.monotonic() < deadline, runs
            time.sleep(0.5)

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        return {task["task_id"]: task["state"] for task in self.api.tasks(dag_id, run_id)}

    def log_text(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        return "\n".join(json.dumps(record) for record in self.api.log(dag_id, run_id, task_id, try_number))

    def judged(self, partition: str) -> str:
        """The run of ig_feature_validation for a partition, once it waits for a person."""

        def found() -> str | None:
            for run in self.api.runs("ig_feature_validation"):
                if run["partition_key"] == partition:
                    run_id = str(run["dag_run_id"])
                    if self.states("ig_feature_validation", run_id).get("validate_report") == "awaiting_input":
                        return run_id
            return None

        run_id: str = self.wait_for(found)
        return run_id

    def answer(self, run_id: str, option: str) -> None:
        """Answer for the person who is asked."""
        path = f"/dags/ig_feature_validation/dagRuns/{run_id}/taskInstances/validate_report/0/hitlDetails"
        self.api.call("PATCH", path, json={"chosen_options": [option], "params_input": {}})

    def link(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Where the button `Report` of a task leads."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"
        return self.api.get(path)["extra_links"]["Report"]

    def wait_for(self, what: Callable[[], Any]) -> Any:
        """The first true value of a question that is asked again and again."""
        deadline = time.monotonic() + PATIENCE
        while not (found := what()):
            assert time.monotonic() < deadline, "what is waited for did not come"
            time.sleep(0.5)
        return found

    def read_again(self) -> None:
        """Have the DAG processor read our DAG files anew now: it looks at files that changed first."""
        for file in (self.project / "dags").glob("ig_*.py"):
            file.touch()

    def cli(self, *arguments: str) -> str:
        """Airflow's command line, in the home of this Airflow."""
        done = subprocess.run(
            airflow_command(*arguments),
            env=self.airflow.home.environment(self.airflow.port),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def published(self, dag_id: str, run: dict[str, Any]) -> dict[str, Any]:
        """The report that a run published."""
        ref = self.api.result(dag_id, run["dag_run_id"], "publish_report")
        found: dict[str, Any] = json.loads(Path(ref["report_uri"]).read_text())
        return found


@pytest.fixture(scope="package")
def stage() -> Iterator[Stage]:
    project = Path(tempfile.mkdtemp(prefix="ig-", dir="/tmp"))
    # Runs share this worker, except those of `tiny`, which start their own as most users' do.
    dask = ForeignCluster(project / "dask", {"IG_TASKS_CACHE": str(project / "cache")})
    until_the_end = ExitStack()
    try:
        dask.start_scheduler()
        dask.start_worker()
        make_project(project, dask.address)
        chat = until_the_end.enter_context(listening())
        home = AirflowHome(
            project / "h",
            project / "dags",
            REPOSITORY / "plugins",
            variables={
                "IG_TASKS_STORE": str(project / "runs"),
                "IG_TASKS_CACHE": str(project / "cache"),
                "PYTHONPATH": str(REPOSITORY),
                # A DAG file is read anew when it has changed, and not every 30 seconds.
                "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin,{VIEWER}:viewer",
                "AIRFLOW_CONN_CHAT": json.dumps({"conn_type": "http", "host": chat.url, "password": "T0/B0/secret"}),
            },
        )
        with LocalAirflow(home, triggerer=False) as airflow:
            for dag_id in ("ig_tiny", "ig_feature_validation", "ig_explain_on_demand", "reader"):
                airflow.wait_for_dag(dag_id)
            yield Stage(airflow, project, project / "runs", dask, chat)
    finally:
        until_the_end.close()
        dask.close()
        shutil.rmtree(project, ignore_errors=True)


@pytest.fixture(scope="session")
def last_month() -> str:
    return previous_month()


def make_project(project: Path, dask: str) -> None:
    (project / "dags").mkdir()
    for name in (
        "ig_feature_importance.py",
        "ig_broken_specs.py",
        "ig_feature_validation.py",
        "ig_explain_on_demand.py",
    ):
        shutil.copy(REPOSITORY / "dags" / name, project / "dags")
    (project / "dags" / "reader.py").write_text(CONSUMER)
    (project / "dags" / "plain_reader.py").write_text(PLAIN_CONSUMER)
    (project / "dags" / "telling.py").write_text(TELLING)
    make_model(project / "include" / "models" / "tiny")
    make_data(project / "data")
    specs = project / "include" / "specs"
    specs.mkdir()
    common = {
        "version": 1,
        "model": {"uri": "../models/tiny", "target": "late"},
        "data": {"uri": "../../data", "partition": "month", "id": "row"},
        "baseline": {"strategy": "auto", "partition": "2013-01"},
        "compute": {"workers": 1, "shard_rows": 32, "worker_timeout": PATIENCE},
    }
    shared = {"address": dask, "shard_rows": 32}
    monthly = {"cron": "0 0 1 * *", "partition": "%Y-%m", "offset": -1, "start": "2013-02-01"}
    wrong = {**common["data"], "prediction": "wrong"}
    make_model(project / "include" / "models" / "waiting", gate=project / "closed")
    waiting = {"uri": "../models/waiting", "target": "late"}
    deferred = {**shared, "shard_rows": 8, "deferrable": True}
    write(specs / "deferred.yaml", {**common, "name": "deferred", "model": waiting, "compute": deferred})
    write(specs / "tiny.yaml", {**common, "name": "tiny", "owner": "tests", "partition": "2013-02"})
    # Every report has a verdict on which a person decides.
    judged = {"verdicts": {"dominant": {"at_least": 0.01, "severity": "critical"}}, "approval": "critical"}
    write(specs / "monthly.yaml", {**common, "name": "monthly", "schedule": monthly, "compute": shared, **judged})
    write(specs / "asked.yaml", {**common, "name": "asked", "partition": "2013-02", "compute": shared})
    other = {"partition": "2013-01", "compute": shared, "store": str(project / "other_runs")}
    write(specs / "wrong.yaml", {**common, "name": "wrong", "data": wrong, **other})
    (specs / "broken.yaml").write_text(BROKEN)


def make_model(folder: Path, gate: Path | None = None) -> None:
    """A package; one with a gate explains nothing while that file exists."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    code = textwrap.dedent(MODEL).lstrip()
    if gate is not None:
        code = gated(code, inputs="weather, carrier", arguments="carriers")
    (folder / "model.py").write_text(code)
    namespace: dict[str, Any] = {}
    exec(compile(MODEL, "model.py", "exec"), namespace)  # noqa: S102 - the code that stands above
    torch.manual_seed(0)
    save_file(namespace["build"](4).state_dict(), folder / "weights.safetensors")
    write(
        folder / "model.yaml",
        {
            "framework": "torch",
            "factory": "model:build",
            "arguments": {"carriers": 4} if gate is None else {"gate": str(gate), "carriers": 4},
            "weights": "weights.safetensors",
            "inputs": {
                "weather": {"columns": ["temp", "wind"]},
                "carrier": {
                    "columns": "carrier",
                    "vocabulary": ["AA", "DL", "UA"],
                    "offset": 1,
                    "unknown": 0,
                    "layer": "carrier_embedding",
                },
            },
            "targets": {"late": {"output": 0, "space": "logit"}},
            "card": {"name": "Tiny", "version": "1", "owner": "tests", "intended_use": "tests"},
        },
    )


def make_data(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(0)
    for month in ("2013-01", "2013-02", "2013-03", previous_month()):
        warmer = 6.0 if month == "2013-03" else 0.0
        table = pa.table(
            {
                "row": [f"{month}/{number}" for number in range(ROWS)],
                "temp": random.normal(size=ROWS) + warmer,
                "wind": random.normal(size=ROWS),
                "carrier": random.choice(["AA", "DL", "UA"], size=ROWS),
                "wrong": np.full(ROWS, 99.0),
            }
        )
        (folder / f"month={month}").mkdir(parents=True)
        pq.write_table(table, folder / f"month={month}" / "part-0.parquet")


def write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
