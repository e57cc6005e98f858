"""The services of docker-compose.yml, run as processes with their own commands, environments and health checks."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.local_services import SECRETS, Stage
from support.patience import PATIENCE, until

from ig_tasks.cluster.job import map_shards
from ig_tasks.cluster.progress import Progress
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.spec import ComputeSpec

pytestmark = pytest.mark.slow


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    built = Stage(tmp_path)
    yield built
    built.stop()


def test_dask_services_come_up_healthy_and_compute(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    # In a container they listen on the container's own address; here, on the loopback address.
    stage.start("dask-scheduler", "--host", "127.0.0.1")
    stage.wait_until_healthy("dask-scheduler")
    # As a task in airflow-scheduler finds it.
    address = stage.translate(stage.services["airflow-scheduler"]["environment"]["IG_TASKS_DASK_ADDRESS"])
    monkeypatch.setenv("IG_TASKS_DASK_ADDRESS", address)

    def look(number: int) -> tuple[int, list[str], str | None]:
        import os

        return number, [key for key in os.environ if "AIRFLOW" in key.upper()], os.environ.get("IG_TASKS_THREADS")

    kinds: dict[str, dict[str, float]] = {"dask-worker": {}, "dask-worker-gpu": {"GPU": 1.0}}
    for name, resources in kinds.items():
        code, said = stage.check(name)
        assert (code, "no worker of this host is registered" in said) == (1, True)
        stage.start(name, "--host", "127.0.0.1")
        stage.wait_until_healthy(name)
        with ComputeSession(ComputeSpec(resources=resources, worker_timeout=PATIENCE)) as session:
            results = map_shards(
                session, look, [{"number": 7}], keys=[f"look-{name}"], resources=resources, retries=0, rows=[1],
                progress=Progress(1, "look", log=lambda line: None),
            )  # fmt: skip
            assert list(results) == [(0, (7, [], stage.services[name]["environment"]["IG_TASKS_THREADS"]))]
        stage.stop(name)
        until(lambda name=name: stage.check(name)[0] == 1, "the scheduler to miss the worker", every=1.0)


def postgresql() -> Path | None:
    """The folder of PostgreSQL's programs: on the path, or where Debian keeps them."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders and (folders[-1] / "initdb").exists() else None


class Database:
    """The `postgres` service: what the official image's entry point does with the service's environment."""

    def __init__(self, stage: Stage, programs: Path) -> None:
        self.stage = stage
        self.programs = programs
        # PostgreSQL refuses to run as root, and its own user may not look into a test's folder.
        self.folder = Path(tempfile.mkdtemp(prefix="ig-postgres-", dir="/tmp"))
        self.become: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        if self.become:
            shutil.chown(self.folder, "postgres")

    def run(self, program: str, *arguments: str, background: bool = False) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [str(self.programs / program), *arguments], cwd="/", stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, **self.become,
            env=self.stage.environment("postgres") | {"PGPASSWORD": SECRETS["POSTGRES_PASSWORD"]},
        )  # fmt: skip
        if not background:
            assert process.wait(timeout=PATIENCE) == 0, program
        return process

    def start(self) -> None:
        environment = self.stage.services["postgres"]["environment"]
        user, port = environment["POSTGRES_USER"], str(self.stage.ports["postgres"])
        password = self.folder / "password"
        password.write_text(environment["POSTGRES_PASSWORD"])
        if self.become:
            shutil.chown(password, "postgres")
        data = str(self.folder / "data")
        self.run(
            "initdb", "-D", data, f"--username={user}", f"--pwfile={password}", "--no-sync",
            *environment["POSTGRES_INITDB_ARGS"].split(),
        )  # fmt: skip
        self.stage.processes["postgres"] = self.run(
            "postgres", "-D", data, "-h", "127.0.0.1", "-p", port, "-k", str(self.folder), "-c", "fsync=off",
            background=True,
        )  # fmt: skip
        check = self.stage.services["postgres"]["healthcheck"]["test"][1:]
        asked = [str(self.programs / check[0]), *check[1:], f"--port={port}"]
        until(
            lambda: subprocess.run(asked, stdout=subprocess.DEVNULL, check=False).returncode == 0,
            "PostgreSQL to be healthy",
        )
        self.run("createdb", "-h", "127.0.0.1", "-p", port, "-U", user, environment["POSTGRES_DB"])

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def ask(url: str, *, token: str | None = None, body: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310 - the test's own server
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, {}


@pytest.mark.scheduler
def test_airflow_services_come_up_healthy_on_postgresql(stage: Stage) -> None:
    programs = postgresql()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    if importlib.util.find_spec("airflow.providers.postgres") is None:
        pytest.skip("Airflow's PostgreSQL provider is not installed (pip install -r docker/requirements.txt)")
    lasting = ["airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"]
    database = Database(stage, programs)
    try:
        database.start()
        stage.finish("airflow-init")
        passwords = stage.folder / "airflow/auth/passwords.json"
        assert passwords.stat().st_mode & 0o077 == 0
        for name in lasting:
            stage.start(name)
        for name in lasting:
            stage.wait_until_healthy(name)

        url = f"http://127.0.0.1:{stage.ports['api']}"
        _, health = ask(f"{url}/api/v2/monitor/health")
        assert {name: part["status"] for name, part in health.items()} == dict.fromkeys(
            ["metadatabase", "scheduler", "triggerer", "dag_processor"], "healthy"
        )
        assert ask(f"{url}/api/v2/pools/ig_compute")[0] == 401
        assert ask(f"{url}/auth/token", body={"username": "admin", "password": "wrong"})[0] == 401
        status, answer = ask(
            f"{url}/auth/token", body={"username": "admin", "password": SECRETS["AIRFLOW_ADMIN_PASSWORD"]}
        )
        assert status == 201
        status, pool = ask(f"{url}/api/v2/pools/ig_compute", token=answer["access_token"])
        assert (status, pool["slots"]) == (200, 1)

        # In their containers, too, scheduler, DAG processor and triggerer open nothing to the network.
        listening = {
            connection.laddr.ip
            for name in lasting
            for process in family(stage.processes[name].pid)
            for connection in process.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}
    finally:
        stage.stop()
        database.remove()


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
