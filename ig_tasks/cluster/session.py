"""A run's connection to Dask workers: its own, started when they are first needed, or an existing scheduler's."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ig_tasks.cluster.amounts import gigabytes, workers_counted
from ig_tasks.cluster.first_worker import await_worker
from ig_tasks.cluster.offers import can_run, missing_words, worker_infos
from ig_tasks.cluster.plain_worker import PlainWorker
from ig_tasks.cluster.quiet import quieten_dask
from ig_tasks.cluster.reach import installed_versions, open_client, require_answer
from ig_tasks.cluster.sizing import Machine, WorkerPlan, plan_workers
from ig_tasks.cluster.versions import version_skew
from ig_tasks.cluster.worker_exits import Doing, WorkerExits, remedy
from ig_tasks.errors import ResourceError, UnreachableError, brief
from ig_tasks.spec.uris import environment_uri

if TYPE_CHECKING:
    from distributed import Client

    from ig_tasks.spec import ComputeSpec

__all__ = ["ADDRESS_VARIABLE", "ComputeSession"]

Say = Callable[[str], None]
Begin = Callable[[], object]

ADDRESS_VARIABLE = "IG_TASKS_DASK_ADDRESS"
"""Address of an existing scheduler for specs that name none (a deployment's default)."""

CONNECT_SECONDS, POLL_SECONDS = 10.0, 0.1
# Workers of one scheduler register one after the other: the one with the resource may be the last.
RESOURCE_GRACE_SECONDS = 3.0


class ComputeSession:
    """Dask workers for the length of a `with` block. Nothing starts until `client` is first used.

    An address (`compute.address`, else the variable IG_TASKS_DASK_ADDRESS) means an existing scheduler, which
    is left running at the end; without one, a scheduler and workers are started on this machine, on the
    loopback address, and are gone when the block ends or this process dies. Where one worker is enough, it is
    a process without a scheduler (`plain`). `compute.workers: 0` starts none.

    `log` takes lines about what was started; `when_started` is called once workers are there. Errors are
    `ResourceError`s of one line, within seconds (a first worker is awaited for `compute.worker_timeout`).
    """

    def __init__(self, compute: ComputeSpec, *, log: Say | None = None, when_started: Begin | None = None) -> None:
        self.compute = compute
        self._when_started = when_started or (lambda: None)
        self._useful: int | None = None
        self._log = log or (lambda line: None)  # noqa: ARG005 - nobody listens
        self._client: Client | None = None
        self._cluster: Any = None
        self._plan: WorkerPlan | None = None
        self._scratch: Path | None = None
        self._plain: PlainWorker | None = None
        self._was_started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: TracebackType | None) -> None:
        self.close()

    @property
    def address(self) -> str | None:
        """The existing scheduler that this session uses, or None when it starts its own."""
        if self.compute.address:
            return self.compute.address
        if self.compute.connection:
            raise ResourceError(
                f"compute.connection names the Airflow connection '{self.compute.connection}', which can be "
                "read inside Airflow alone; outside it, name the scheduler in compute.address"
            )
        return environment_uri(ADDRESS_VARIABLE)

    @property
    def client(self) -> Client:
        """The connected client, with at least one worker and every resource of `compute.resources` at hand.

        Raises `ResourceError` when nobody answers at the address, no worker comes, a resource is not offered,
        or versions differ.
        """
        if self._client is None:
            self.close()
            try:
                self._client = self._connect() if self.address else self._start()
                self.check_resources(self.compute.resources)
            except BaseException:
                self.close()
                raise
            self._when_started()
        return self._client

    @property
    def plain(self) -> PlainWorker | None:
        """The process that works without a scheduler, where one worker is all that this session needs; else None."""
        if self._plain is None and self._client is None and not self.in_process and self.address is None:
            plan = plan_workers(self.compute, Machine.here(), useful=self._useful)
            if plan.workers == 1:
                self._plan, self._scratch = plan, Path(tempfile.mkdtemp(prefix="ig-tasks-"))
                self._plain = PlainWorker(plan, self._scratch)
        return self._plain

    def require_reachable(self) -> None:
        """See that the existing scheduler answers, or that this machine offers what is asked for; starts nothing.

        Raises:
            ResourceError: in one line, within some seconds.
        """
        if self.in_process or self._client is not None:
            return
        if self.address is None:
            plan_workers(self.compute, Machine.here(), useful=self._useful)
        else:
            require_answer(self.address, min(CONNECT_SECONDS, self.compute.worker_timeout))

    def start_ahead(self, *modules: str) -> None:
        """Have a worker that is going to be needed import `modules`, while the caller does something else."""
        worker = self.plain
        if worker is None or worker.is_running:
            return
        try:
            worker.start(modules)
        except OSError as error:
            raise ResourceError(f"a worker could not be started on this machine: {brief(error)}") from error
        if self._plan is not None and not self._was_started:
            self._was_started = True
            self._log(f"started a worker process on this machine ({self._plan.describe()})")
            self._when_started()

    def expect(self, useful: int) -> None:
        """Start no more than `useful` workers in place of `auto`; of several calls the greatest number counts."""
        self._useful = max(useful, self._useful or 1)

    @property
    def in_process(self) -> bool:
        """Whether this process computes, without workers: nothing may ask for `client` then."""
        return self.compute.workers == 0

    @property
    def workers(self) -> int:
        """The number of workers: as planned for workers of this machine, else those connected now."""
        connected = 0 if self.in_process or self.plain else len(worker_infos(self.client))
        return max(connected, self._plan.workers) if self._plan else connected

    def can_run(self, resources: Mapping[str, float]) -> bool:
        """Whether a worker is connected that offers all of `resources`."""
        return can_run(worker_infos(self.client), resources)

    def check_resources(self, resources: Mapping[str, float]) -> None:
        """Raise `ResourceError` unless one worker offers all of `resources`; Dask itself would wait for ever."""
        deadline = time.monotonic() + RESOURCE_GRACE_SECONDS
        while resources and not self.can_run(resources):
            if time.monotonic() > deadline:
                raise ResourceError(missing_words(worker_infos(self.client), resources, self._where))
            time.sleep(POLL_SECONDS)

    def worker_exits(self) -> WorkerExits:
        """How workers of this session ended; nothing is known of those of an existing scheduler."""
        if self._plain is not None:
            return self._plain.exits()
        if self._scratch is None or self._plan is None:
            return WorkerExits()
        from ig_tasks.cluster.embedded import read_log

        return WorkerExits.of(read_log(self._scratch, f"worker-{number}") for number in range(self._plan.workers))

    def lost_workers_note(self) -> str:
        """What is known of embedded workers that ended, for the message; empty for an existing scheduler."""
        if self._plan is None:
            return ""
        limit = f"each worker may take {gigabytes(self._plan.memory_limit)}"
        return "; ".join([limit, *self.worker_exits().words()])

    def lost_workers_remedy(self, doing: Doing) -> str:
        """What helps when workers died while they were `doing` this."""
        return remedy(doing, self.worker_exits(), self._plan.workers if self._plan else None)

    def close(self) -> None:
        """Close the client and end what this session started. May be called again."""
        client, cluster, scratch, plain = self._client, self._cluster, self._scratch, self._plain
        self._client = self._cluster = self._scratch = self._plain = None
        if plain is not None:
            plain.end()
        if client is not None:
            # Whatever state the scheduler is in, closing must go on to the processes.
            with contextlib.suppress(OSError, TimeoutError, RuntimeError):
                client.close(timeout=3)
        if cluster is not None:
            from ig_tasks.cluster.embedded import end_cluster

            end_cluster(cluster)
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)

    def _connect(self) -> Client:
        quieten_dask()
        address, began = self.address, time.monotonic()
        limit = min(CONNECT_SECONDS, self.compute.worker_timeout)
        require_answer(str(address), limit)
        try:
            client = open_client(str(address), limit)
        except (OSError, TypeError, ValueError) as error:
            why = brief(error)
            raise UnreachableError(f"compute.address: {address} answered and does not any more ({why})") from None
        self._client = client
        await_worker(client, self.compute, self._where, self._cluster, self.lost_workers_note)
        skew = version_skew(installed_versions(client, self._log))
        if skew:
            remedy = "run scheduler, workers and this process from one image"
            raise ResourceError(f"compute.address: versions differ at {address}: {skew}; {remedy}")
        workers = workers_counted(len(worker_infos(client)))
        self._log(f"connected to the Dask scheduler {address}, {workers} ({time.monotonic() - began:.1f} s)")
        return client

    def _start(self) -> Client:
        plan = plan_workers(self.compute, Machine.here(), useful=self._useful)
        from distributed import Client

        from ig_tasks.cluster.embedded import start_cluster

        quieten_dask()
        began = time.monotonic()
        self._plan = plan
        self._scratch = Path(tempfile.mkdtemp(prefix="ig-tasks-"))
        try:
            self._cluster = start_cluster(plan, self._scratch)
        except (OSError, RuntimeError) as error:
            raise ResourceError(f"workers could not be started on this machine: {brief(error)}") from error
        self._client = client = Client(self._cluster, set_as_default=False)
        await_worker(client, self.compute, self._where, self._cluster, self.lost_workers_note)
        took = time.monotonic() - began
        self._log(f"started {workers_counted(plan.workers)} on this machine ({plan.describe()}) in {took:.1f} s")
        return client

    @property
    def _where(self) -> str:
        return f"at {self.address}" if self.address else "on this machine"
