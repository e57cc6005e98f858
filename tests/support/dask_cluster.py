"""A Dask scheduler and its workers as somebody else runs them: processes that outlive every client."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from support.local_services import free_port
from support.patience import until

__all__ = ["ForeignCluster"]

ROOT = Path(__file__).resolve().parents[2]


class ForeignCluster:
    """A context manager; what was started is ended with it. Its scheduler keeps its port when it is started again."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **(environment or {})}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what was started."""
        for name in list(self._processes):
            self.kill(name)

    def start_scheduler(self, *more: str) -> None:
        """Start it, and wait until it listens."""
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        self._start("scheduler", "scheduler", "--port", str(self.port), "--host", "127.0.0.1",
                    "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file), *more)  # fmt: skip
        until(lambda: file.exists() and file.read_text().strip(), "the scheduler to write its address")
        self.address = str(json.loads(file.read_text())["address"])

    def start_worker(self, name: str = "worker", *more: str) -> None:
        """Start one, with a thread; whoever needs it waits for it."""
        self._start(name, "worker", self.address, "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard",
                    "--dashboard-address", "127.0.0.1:0",
                    "--local-directory", str(self.folder / name), *more)  # fmt: skip

    def kill(self, name: str) -> None:
        """kill -9, of the process and of its children."""
        process = self._processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def datasets(self) -> list[str]:
        """Names of what is published on it."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            return [str(name) for name in client.list_datasets()]

    def _start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments], env=self._environment, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
