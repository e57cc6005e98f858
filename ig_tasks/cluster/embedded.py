"""The embedded cluster: a scheduler and workers as processes of this one, on the loopback address only.

Dask's SubprocessCluster is the only kind that works inside an Airflow task (multiprocessing's spawn
re-imports the airflow command there), but it passes its whole environment on and leaves its processes
behind. The two process classes here replace how they are started; the rest is Dask's.

Imported lazily by `session`: it needs `distributed` at the top.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask.config
from distributed.deploy.spec import SpecCluster  # noqa: TID253 - this module is imported lazily
from distributed.deploy.subprocess import Subprocess  # noqa: TID253 - likewise

from ig_tasks.cluster.certificate import ClusterCertificate
from ig_tasks.cluster.environment import worker_environment
from ig_tasks.cluster.sizing import WorkerPlan
from ig_tasks.errors import WorkerLostError

__all__ = ["end_cluster", "log_tail", "read_log", "start_cluster"]

LOOPBACK = "127.0.0.1"
ANY_LOOPBACK_PORT = f"{LOOPBACK}:0"
SCHEDULER_START_SECONDS = 60.0
# A worker whose scheduler has vanished (not its parent, which the watchdog sees) gives up after this long.
DEATH_TIMEOUT_SECONDS = 15
GOODBYE_SECONDS = 3
_LOOPS = 3


class WatchedProcess(Subprocess):  # type: ignore[misc]  # distributed has no types
    """One process of the cluster, started by `ig_tasks.cluster.launch` with an environment of its own."""

    def __init__(self, name: str, scratch: str, environment: Mapping[str, str]) -> None:
        super().__init__()
        self.label = name
        self.scratch = Path(scratch)
        self.environment = dict(environment)

    async def launch(self, *arguments: str) -> None:
        """Start the process; what it prints goes to `<scratch>/<name>.log`, since nobody would empty a pipe."""
        with (self.scratch / f"{self.label}.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "ig_tasks.cluster.launch",
                str(os.getpid()),
                str(self.scratch),
                *arguments,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # An interrupt at the terminal is for this process, which then ends the others in order.
                start_new_session=True,
            )


class WatchedScheduler(WatchedProcess):
    """Dask's scheduler in a process of its own."""

    def __init__(self, scratch: str, environment: Mapping[str, str]) -> None:
        super().__init__("scheduler", scratch, environment)
        self.address: str | None = None

    async def _start(self) -> None:
        identity = self.scratch / "scheduler.json"
        options = {
            "host": LOOPBACK,
            "port": 0,
            "protocol": "tls",
            "dashboard": False,
            "dashboard_address": ANY_LOOPBACK_PORT,
            "scheduler_file": str(identity),
        }
        await self.launch("--spec", json.dumps({"cls": "distributed.Scheduler", "opts": options}))
        deadline = time.monotonic() + SCHEDULER_START_SECONDS
        while self.process is not None and self.process.returncode is None and time.monotonic() < deadline:
            try:
                self.address = str(json.loads(identity.read_text())["address"])
            except (OSError, ValueError, KeyError):  # not there yet, or not yet whole
                await asyncio.sleep(0.05)
            else:
                return
        raise RuntimeError(f"the Dask scheduler did not start: {log_tail(self.scratch, 'scheduler')}")


class WatchedWorker(WatchedProcess):
    """One of Dask's nannies with its worker."""

    def __init__(
        self, scheduler: str, name: str, scratch: str, environment: Mapping[str, str], options: Mapping[str, Any]
    ) -> None:
        super().__init__(f"worker-{name}", scratch, environment)
        self.scheduler = scheduler
        self.options = {**options, "name": name}

    async def _start(self) -> None:
        await self.launch(
            self.scheduler, "--spec", json.dumps({"cls": "ig_tasks.cluster.nanny.NotingNanny", "opts": self.options})
        )


def start_cluster(plan: WorkerPlan, scratch: Path) -> Any:
    """A running cluster of `plan.workers` workers; log files, spilled data and its certificate are in `scratch`.

    Whoever may not read `scratch` is turned away by its processes, which show nobody a dashboard.

    Raises:
        RuntimeError: with the last line that the scheduler wrote, when the scheduler does not start.
    """
    certificate = ClusterCertificate.made_in(scratch)
    # Dask serves pages with logs and stacks to whoever asks, beside the dashboard: no routes, no pages.
    closed = {**certificate.environment(), "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]",
              "DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]"}  # fmt: skip
    options: dict[str, Any] = {
        "host": LOOPBACK,
        "protocol": "tls",
        "nthreads": 1,
        "memory_limit": plan.memory_limit,
        "silence_logs": logging.WARNING,
        "local_directory": str(scratch),
        "death_timeout": DEATH_TIMEOUT_SECONDS,
        "dashboard": False,
        "dashboard_address": ANY_LOOPBACK_PORT,
        "resources": dict(plan.resources) or None,
    }
    workers = {
        name: {
            "cls": WatchedWorker,
            "options": {
                "name": str(name),
                "scratch": str(scratch),
                "options": options,
                "environment": worker_environment(threads=plan.threads, gpu=plan.gpus[name] if plan.gpus else None)
                | closed,
            },
        }
        # The cluster knows them by number, Dask by the number's text: did the names agree, the cluster would
        # end the nanny of a worker that took 15 s to come back, and start no other.
        for name in range(plan.workers)
    }
    scheduler = {
        "cls": WatchedScheduler,
        "options": {"scratch": str(scratch), "environment": worker_environment(threads=1) | closed},
    }
    for _ in range(_LOOPS):
        # Dask gives the thread of its event loop ten seconds to start, then asserts: too few on a machine that is busy.
        with contextlib.suppress(AssertionError):
            return SpecCluster(
                workers=workers,
                scheduler=scheduler,
                worker=None,
                name="ig-tasks",
                silence_logs=logging.ERROR,
                security=certificate.security(),
            )
    raise WorkerLostError("the event loop of a Dask cluster did not start: this machine is overloaded; run again later")


def end_cluster(cluster: Any) -> None:
    """End every process of the cluster, in whatever state it is; seconds at most."""
    processes = [item.process for item in (cluster.scheduler, *cluster.workers.values()) if item is not None]
    # Dask says goodbye to its scheduler first, and would try for half a minute to reach one that has died.
    with (
        dask.config.set({"distributed.comm.timeouts.connect": f"{GOODBYE_SECONDS}s"}),
        contextlib.suppress(OSError, RuntimeError, TimeoutError),
    ):
        cluster.close(timeout=2 * GOODBYE_SECONDS)
    for process in processes:
        # Each leads a group of its own, in which a nanny's worker is too.
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def log_tail(scratch: Path, name: str) -> str:
    """The last line that a process of the cluster wrote, for a message of one line."""
    lines = read_log(scratch, name).split("\n")
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it wrote nothing")


def read_log(scratch: Path, name: str) -> str:
    """What a process of the cluster wrote; nothing where there is no such file."""
    try:
        return (scratch / f"{name}.log").read_text(errors="replace")
    except OSError:
        return ""
