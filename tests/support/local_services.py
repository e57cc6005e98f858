"""Runs a service of docker-compose.yml as a process of this machine: its own command, environment and health check.

What differs from a container is put in one place, `Stage.translate`: host names become 127.0.0.1 with free
ports, and the container's folders become folders of a test. Nothing of this process's environment is passed on
but what starting a process takes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.compose import ROOT, SECRETS, services
from support.patience import PATIENCE, until


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Stage:
    """Folders and ports for one set of services, and the processes started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.services = services()
        self.ports = {name: free_port() for name in ("postgres", "api", "dask", "dashboard", "health")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("airflow/auth", "airflow/logs", "store", "tmp"):
            (folder / name).mkdir(parents=True)

    def translate(self, value: Any) -> Any:
        """A value of the compose file as it reads outside containers."""
        if isinstance(value, dict):
            return {key: self.translate(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.translate(item) for item in value]
        if not isinstance(value, str):
            return value
        ports = self.ports
        whole = {"8080": ports["api"], "8786": ports["dask"], "8974": ports["health"], "/tmp": self.folder / "tmp"}
        if value in whole:
            return str(whole[value])
        for old, new in {
            "/opt/airflow": str(self.folder / "airflow"),
            "/opt/ig-tasks/store": str(self.folder / "store"),
            "/opt/ig-tasks": str(ROOT),
            "postgres:5432": f"127.0.0.1:{ports['postgres']}",
            "airflow-apiserver:8080": f"127.0.0.1:{ports['api']}",
            "dask-scheduler:8786": f"127.0.0.1:{ports['dask']}",
            "127.0.0.1:8786": f"127.0.0.1:{ports['dask']}",
            "127.0.0.1:8787": f"127.0.0.1:{ports['dashboard']}",
            "127.0.0.1:8080": f"127.0.0.1:{ports['api']}",
            "127.0.0.1:8974": f"127.0.0.1:{ports['health']}",
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - replaced, so that a test is not open to the network
        }.items():
            value = value.replace(old, new)
        return value

    def environment(self, name: str) -> dict[str, str]:
        given = {key: value for key, value in self.services[name].get("environment", {}).items() if value is not None}
        return {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
            "HOME": str(self.folder), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1",
            **self.translate(given),
        }  # fmt: skip

    def start(self, name: str, *more: str) -> subprocess.Popen[bytes]:
        """Start the service's command, with `more` arguments behind it; its output is in `<name>.log`."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [*self.translate(self.services[name]["command"]), *more], env=self.environment(name),
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        return self.processes[name]

    def finish(self, name: str) -> None:
        """Run the service's command to its end, which must be a good one."""
        code = self.start(name).wait(timeout=PATIENCE)
        assert code == 0, self.log(name)

    def wait_until_healthy(self, name: str) -> None:
        """Run the service's health check as its container would, until it succeeds."""

        def healthy() -> bool:
            assert self.processes[name].poll() is None, f"{name} ended\n{self.log(name)}"
            return self.check(name)[0] == 0

        until(healthy, f"{name} to be healthy", every=1.0)

    def check(self, name: str) -> tuple[int, str]:
        """One run of the health check: its exit code and what it wrote."""
        how = self.services[name]["healthcheck"]
        done = subprocess.run(
            self.translate(how["test"][1:]), env=self.environment(name), cwd=self.folder, capture_output=True,
            text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-4000:]

    def stop(self, *names: str) -> None:
        """End the named services, or all of them, the last started first."""
        for name in names or tuple(reversed(self.processes)):
            process = self.processes.pop(name)
            for how in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, how)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=60)


__all__ = ["SECRETS", "Stage", "free_port"]
