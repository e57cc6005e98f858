"""Airflow's processes: started in sessions of their own, watched until they are healthy, and all ended again.

Not `airflow standalone`: ended by a signal it leaves its children behind, and the log servers that it starts
listen on every address of the machine.
"""

from __future__ import annotations

import ctypes
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import psutil

from ig_tasks.errors import RunError
from scripts.local_airflow.api import AirflowApi
from scripts.local_airflow.home import USER, AirflowHome, airflow_command

__all__ = ["LocalAirflow", "end_leftovers", "free_port", "running"]

POOL = "ig_compute"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
# Enough for the scheduler to sign off in the database; what is left after it holds nothing that could be lost.
_GRACE = 3.0


class LocalAirflow:
    """API server, scheduler with LocalExecutor, DAG processor and (unless left out) triggerer of one home.

    A context manager: on leaving it every process that came of these is ended, tasks and their workers
    included. `api` speaks to it.
    """

    def __init__(
        self,
        home: AirflowHome,
        *,
        port: int | None = None,
        triggerer: bool = True,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.home = home
        self.port = port or free_port()
        self.triggerer = triggerer
        self.say = say
        self.url = f"http://127.0.0.1:{self.port}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._api: AirflowApi | None = None
        self._began: datetime | None = None

    @property
    def is_ours(self) -> bool:
        """Whether this object started the processes, rather than found them."""
        return bool(self._processes)

    @property
    def api(self) -> AirflowApi:
        if self._api is None:
            self._api = AirflowApi(self.url, USER, self.home.password())
        return self._api

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, *, timeout: float = 600.0) -> None:
        """Start everything and wait until all of it is healthy and the pool is there.

        Raises:
            RunError: if a process ends, or nothing is healthy in `timeout` seconds; names the log to read.
        """
        self.home.prepare(self.say)
        end_leftovers(self.home)
        self.say(f"starting Airflow on {self.url}")
        self._began = datetime.now(UTC)
        for name in ("api-server", "scheduler", "dag-processor", *(["triggerer"] if self.triggerer else [])):
            self.start_process(name)
        self._wait_until_healthy(time.monotonic() + timeout)
        self.api.warm_up()
        self.api.ensure_pool(POOL)

    def start_process(self, name: str) -> None:
        """Start one of Airflow's processes; whoever needs it waits for it."""
        arguments = {
            "api-server": ["--host", "127.0.0.1", "--port", str(self.port)],
            "scheduler": ["--skip-serve-logs"],
            "triggerer": ["--skip-serve-logs"],
        }
        with (self.home.logs / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                airflow_command(name, *arguments.get(name, [])),
                env=self.home.environment(self.port),
                cwd=self.home.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        self._write_state()

    def kill_process(self, name: str) -> None:
        """kill -9, of one of Airflow's processes and of all that it started."""
        process = self._processes.pop(name)
        started = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for child in started:
            child.kill()
        process.wait()
        self._write_state()

    def wait(self) -> None:
        """Until one of the processes ends.

        Raises:
            RunError: then; names the log to read.
        """
        while True:
            self._raise_if_ended()
            time.sleep(1.0)

    def wait_for_dag(self, dag_id: str, *, timeout: float = 300.0) -> None:
        """Until the DAG processor has read the DAG's file (again, if the database knew the DAG before).

        Raises:
            RunError: if it has not in `timeout` seconds; with the import errors there are.
        """
        deadline = time.monotonic() + timeout
        while not self._is_parsed(dag_id):
            self._raise_if_ended()
            errors = self.api.get("/importErrors")["import_errors"]
            if errors:
                # Perhaps of another file, or of a moment ago: the wait is cut short, not ended.
                deadline = min(deadline, time.monotonic() + 10.0)
            if time.monotonic() > deadline:
                reason = "; it could not import: " + errors[0]["stack_trace"].strip().splitlines()[-1] if errors else ""
                raise RunError(f"{dag_id}: Airflow found no such DAG in {self.home.dags}{reason}")
            time.sleep(0.3)

    def _is_parsed(self, dag_id: str) -> bool:
        found = {dag["dag_id"]: dag["last_parsed_time"] for dag in self.api.get("/dags", limit=500)["dags"]}
        if dag_id not in found:
            return False
        return self._began is None or datetime.fromisoformat(found[dag_id]) >= self._began

    def stop(self) -> None:
        """End every process that was started, and whatever these started."""
        if self._api is not None:
            self._api.close()
            self._api = None
        _end(psutil.Process(p.pid) for p in self._processes.values() if p.poll() is None)
        for process in self._processes.values():
            process.wait()
        if self._processes:
            (self.home.path / "server.json").unlink(missing_ok=True)
        self._processes.clear()

    def _wait_until_healthy(self, deadline: float) -> None:
        expected = {"metadatabase", "scheduler", "dag_processor"} | ({"triggerer"} if self.triggerer else set())
        while True:
            health = self.api.health()
            if all(health.get(name) == "healthy" for name in expected):
                return
            self._raise_if_ended()
            if time.monotonic() > deadline:
                ill = ", ".join(sorted(name for name in expected if health.get(name) != "healthy"))
                raise RunError(f"airflow is not healthy ({ill}); see {self.home.logs}")
            time.sleep(0.2)

    def _raise_if_ended(self) -> None:
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise RunError(f"airflow {name} ended with {process.returncode}; see {self.home.logs / name}.log")

    def _write_state(self) -> None:
        started = {name: [p.pid, psutil.Process(p.pid).create_time()] for name, p in self._processes.items()}
        (self.home.path / "server.json").write_text(json.dumps({"port": self.port, "processes": started}) + "\n")


def running(home: AirflowHome) -> LocalAirflow | None:
    """The Airflow of this home that someone else started, if it is up; leaving it does not end it."""
    state = _state(home)
    if not state or not home.passwords.exists():
        return None
    found = LocalAirflow(home, port=int(state["port"]))
    health = found.api.health()
    if all(health.get(name) == "healthy" for name in ("metadatabase", "scheduler", "dag_processor")):
        return found
    found.stop()
    return None


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _state(home: AirflowHome) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads((home.path / "server.json").read_text())
    except (OSError, ValueError):
        return {}
    return state


def end_leftovers(home: AirflowHome) -> None:
    """End what an Airflow of this home left behind that could not end itself (killed with -9, a crash)."""
    left = []
    for pid, created in _state(home).get("processes", {}).values():
        try:
            process = psutil.Process(pid)
            # The number may have gone to someone else's process since.
            if abs(process.create_time() - created) < 1.0:
                left.append(process)
        except psutil.NoSuchProcess:
            continue
    _end(left)


def _end(processes: Iterable[psutil.Process]) -> None:
    """SIGTERM, a few seconds of grace, then SIGKILL, for processes and all their descendants.

    Tasks run in process groups of their own, so a signal to a group would not reach them.
    """
    roots = list(processes)
    family: set[psutil.Process] = set(roots)
    for root in roots:
        try:
            family.update(root.children(recursive=True))
        except psutil.NoSuchProcess:
            continue
    for process in roots:
        _signal(process.terminate)
    psutil.wait_procs(roots, timeout=_GRACE)
    remaining = [process for process in family if process.is_running()]
    for process in list(remaining):
        try:
            remaining.extend(process.children(recursive=True))
        except psutil.NoSuchProcess:
            continue
    for process in remaining:
        _signal(process.kill)
    psutil.wait_procs(remaining, timeout=_GRACE)


def _end_with_parent() -> None:
    """Have Linux send SIGTERM to this process when its parent is gone, even if that was killed with -9."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return
