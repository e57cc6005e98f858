"""Sessions and jobs on real Dask processes: what starts, what listens, what survives, what is said when it does not."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.patience import PATIENCE, until

from ig_tasks.cluster.environment import ALLOCATOR
from ig_tasks.cluster.job import map_shards
from ig_tasks.cluster.offers import offered, worker_infos
from ig_tasks.cluster.progress import Progress
from ig_tasks.cluster.reach import open_client
from ig_tasks.cluster.session import ADDRESS_VARIABLE, ComputeSession
from ig_tasks.errors import DataError, ResourceError, RunError, ValidationFailedError, WorkerLostError
from ig_tasks.spec import ComputeSpec

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def session() -> Iterator[ComputeSession]:
    patch = pytest.MonkeyPatch()
    patch.delenv(ADDRESS_VARIABLE, raising=False)
    patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "do-not-pass-on")
    patch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://user:password@host/db")
    patch.setenv("SOME_TOKEN", "do-not-pass-on")
    patch.setenv("AWS_PROFILE", "reports")
    with ComputeSession(ComputeSpec(workers=2, worker_timeout=PATIENCE)) as opened:
        opened.client.wait_for_workers(2, timeout=PATIENCE)
        yield opened
    patch.undo()


def run(
    session: ComputeSession, function: Callable[..., Any], tasks: list[dict[str, Any]], **options: Any
) -> list[tuple[int, Any]]:
    settings: dict[str, Any] = {
        "keys": [f"shard-{index:06d}" for index in range(len(tasks))],
        "resources": {}, "retries": 0, "rows": [10] * len(tasks),
        "progress": Progress(10 * len(tasks), "work", log=lambda line: None),
    } | options  # fmt: skip
    return list(map_shards(session, function, tasks, **settings))


def test_nothing_starts_until_the_client_is_used() -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with ComputeSession(ComputeSpec()) as unused:
        unused.close()
    assert {child.pid for child in psutil.Process().children(recursive=True)} == before


def test_results_come_with_their_index_and_rows_are_counted(session: ComputeSession) -> None:
    lines: list[str] = []
    progress = Progress(60, "work", lines.append)
    tasks = [{"number": number, "twice": {"a": number}} for number in range(6)]
    results = run(session, lambda number, twice: number + twice["a"], tasks, progress=progress)
    assert sorted(results) == [(number, 2 * number) for number in range(6)]
    assert progress.done == 60
    assert lines[-1].startswith("work  100 %  60 of 60 rows")


def test_no_tasks_is_no_work(session: ComputeSession) -> None:
    assert run(session, lambda: None, []) == []


def test_workers_are_single_threads_within_their_share_of_memory(session: ComputeSession) -> None:
    infos = list(session.client.scheduler_info(n_workers=-1)["workers"].values())
    assert [info["nthreads"] for info in infos] == [1, 1]
    assert sum(info["memory_limit"] for info in infos) <= 0.9 * psutil.virtual_memory().total
    assert session.workers == 2


def test_everything_listens_on_the_loopback_address_only(session: ComputeSession) -> None:
    listening = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # another test's, which ended just now
            listening += [
                (child.pid, connection.laddr)
                for connection in child.net_connections(kind="inet")
                if connection.status == psutil.CONN_LISTEN
            ]
    # The scheduler and its HTTP server, for each worker a nanny, the worker and its HTTP server; what other tests
    # of this process may have started.
    assert len(listening) >= 2 + 2 * 3
    assert {address.ip for _, address in listening} == {"127.0.0.1"}


def test_nobody_else_on_this_machine_runs_code_on_the_workers_or_reads_their_logs(session: ComputeSession) -> None:
    """Neither without a certificate, nor with one of their own, nor without TLS; to the files, only we have access."""
    from distributed import Security

    address = session.client.scheduler.address
    assert address.startswith("tls://127.0.0.1:")
    for stranger, security in (
        (address, None),
        (address, Security.temporary()),
        (address.replace("tls://", "tcp://"), None),
    ):
        with pytest.raises((OSError, TypeError)):
            open_client(stranger, PATIENCE, security=security)
    assert session._scratch is not None
    assert session._scratch.stat().st_mode & 0o077 == 0
    assert {(session._scratch / name).stat().st_mode & 0o777 for name in ("certificate.pem", "key.pem")} == {0o600}
    with socket.create_connection(("127.0.0.1", session.client.scheduler_info()["services"]["dashboard"])) as asked:
        asked.sendall(b"GET /info/logs.html HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert asked.recv(100).startswith(b"HTTP/1.1 404 ")
    assert session.client.submit(lambda: 7).result(timeout=PATIENCE) == 7


def test_workers_import_no_airflow_and_see_none_of_its_variables(session: ComputeSession) -> None:
    def look() -> tuple[list[str], dict[str, str]]:
        import os
        import sys

        import ig_tasks.stages.worker_models  # noqa: F401

        return [name for name in sys.modules if name.split(".")[0] == "airflow"], dict(os.environ)

    for modules, environment in session.client.run(look).values():
        assert modules == []
        assert [name for name in environment if "AIRFLOW" in name.upper()] == []
        assert "SOME_TOKEN" not in environment
        assert environment["AWS_PROFILE"] == "reports"
        assert environment.items() >= ALLOCATOR.items()  # Dask's nanny has another mind of it
        assert environment["OMP_NUM_THREADS"] == environment["IG_TASKS_THREADS"]
        assert int(environment["IG_TASKS_THREADS"]) == max(1, len(os.sched_getaffinity(0)) // 2)


def test_an_error_of_ours_arrives_as_itself_at_once_and_bare(session: ComputeSession, tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    def missing(number: int) -> None:
        with calls.open("a") as file:
            file.write("x")
        try:
            {}["temp"]  # type: ignore[index]
        except KeyError as error:
            raise DataError("data.uri: no column 'temp'") from error

    with pytest.raises(DataError, match=r"^data\.uri: no column 'temp'$") as caught:
        run(session, missing, [{"number": 0}], retries=3)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert calls.read_text() == "x"  # it would fail again, so it is not tried again


def test_a_failed_validation_keeps_its_report(session: ComputeSession) -> None:
    def fail() -> None:
        raise ValidationFailedError("completeness failed", "file:///r/report.json")

    with pytest.raises(ValidationFailedError) as caught:
        run(session, fail, [{}])
    assert caught.value.report_uri == "file:///r/report.json"


def test_other_exceptions_are_tried_again_and_then_named(session: ComputeSession, tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    def flaky(until: int) -> str:
        with calls.open("a") as file:
            file.write("x")
        if len(calls.read_text()) <= until:
            raise TimeoutError("object store is slow")
        return "done"

    assert run(session, flaky, [{"until": 2}], retries=2) == [(0, "done")]
    calls.unlink()
    with pytest.raises(RunError, match=r"^shard-000000: .* TimeoutError: object store is slow$") as caught:
        run(session, flaky, [{"until": 9}], retries=1)
    assert type(caught.value) is RunError
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert len(calls.read_text()) == 2


def test_the_same_key_may_fail_and_be_run_again(session: ComputeSession) -> None:
    def divide(by: int) -> float:
        return 1 / by

    with pytest.raises(RunError, match="ZeroDivisionError"):
        run(session, divide, [{"by": 0}])
    assert run(session, divide, [{"by": 2}]) == [(0, 0.5)]


def test_after_a_failure_the_rest_is_cancelled(session: ComputeSession, tmp_path: Path) -> None:
    goes_on, done = tmp_path / "goes on", tmp_path / "done"
    done.mkdir()

    def work(number: int) -> None:
        import time

        if number == 0:
            raise DataError("data.uri: broken")
        while not goes_on.exists():
            time.sleep(0.02)
        (done / str(number)).touch()

    def forgotten() -> bool:
        gc.collect()  # the errors that these tests caught are in cycles with the tests' own frames
        return session.client.futures == {}

    with pytest.raises(DataError):
        run(session, work, [{"number": number} for number in range(20)])
    until(forgotten, "the client to forget what it asked for")
    goes_on.touch()
    until(lambda: not any(session.client.processing().values()), "the workers to be idle")
    assert len(list(done.iterdir())) <= 2  # one a worker had begun


def test_a_resource_that_nobody_offers_is_an_error_without_waiting(session: ComputeSession) -> None:
    """The session's own wait for workers is as long as a test may take."""
    with pytest.raises(
        ResourceError, match=r"compute\.resources asks for GPU=1; of 2 workers .* none offers it; change compute"
    ):
        run(session, lambda: None, [{}], resources={"GPU": 1})
    with (
        ComputeSession(ComputeSpec(resources={"MEMORY": 1}, worker_timeout=PATIENCE)) as other,
        pytest.raises(ResourceError, match=r"asks for MEMORY=1, .* do not offer; .*name a scheduler"),
    ):
        _ = other.client
    assert other._cluster is None  # nothing was started to find that out


def test_workers_that_die_are_an_error_that_may_be_tried_again(session: ComputeSession) -> None:
    def die() -> None:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(WorkerLostError, match=r"^shard-000000: 4 workers died .* each worker may take .* smaller"):
        run(session, die, [{}])
    assert run(session, lambda: "alive", [{}]) == [(0, "alive")]  # Dask's nannies brought the workers back


def test_a_task_that_ends_its_workers_is_tried_once_more_with_care(session: ComputeSession) -> None:
    def work(number: int) -> int:
        import os

        if number == 1:
            os._exit(3)
        return number

    def careful(number: int, limit: float, memory: bool) -> tuple[int, float, bool]:
        return number, limit, memory

    lines: list[str] = []
    tasks = [{"number": number} for number in range(3)]
    results = dict(run(session, work, tasks, rescue=careful, progress=Progress(30, "work", lines.append)))
    assert results.pop(1)[0] == 1  # type: ignore[index]
    assert {number: found if isinstance(found, int) else found[0] for number, found in results.items()} == {0: 0, 2: 2}
    assert any("shard-000001: 4 workers died" in line and line.endswith("tried in pieces") for line in lines)


@contextlib.contextmanager
def shard_timeout(session: ComputeSession, seconds: float) -> Iterator[None]:
    before = session.compute
    session.compute = before.model_copy(update={"shard_timeout": seconds})
    yield
    session.compute = before


def test_a_task_that_never_ends_is_given_to_another_worker_and_then_tried_with_care(
    session: ComputeSession, tmp_path: Path
) -> None:
    def work(number: int) -> int:
        import time

        if number == 1:
            with (tmp_path / "begun").open("a") as file:
                file.write("x")
            time.sleep(1e6)
        return number

    def careful(number: int, limit: float, memory: bool) -> str:
        return f"{number} {limit} {memory}"

    lines: list[str] = []
    tasks = [{"number": number} for number in range(3)]
    with shard_timeout(session, 3):
        results = dict(run(session, work, tasks, rescue=careful, progress=Progress(30, "work", lines.append)))
        assert results == {0: 0, 1: "1 3 False", 2: 2}
        assert (tmp_path / "begun").read_text().startswith("xx")
        told = [line for line in lines if "shard-000001: its 10 rows were not done within 3 s" in line]
        assert [line.rpartition(", ")[2] for line in told] == [
            "and are given to another worker",
            "also by a second worker; see compute.shard_timeout; its rows are tried in pieces",
        ]
        with pytest.raises(WorkerLostError, match=r"^shard-000000: its 10 rows .* 3 s, also by a second worker; see"):
            run(session, work, [{"number": 1}])
    assert run(session, lambda: "alive", [{}]) == [(0, "alive")]


def test_a_worker_that_is_stopped_for_good_loses_its_task_to_another(session: ComputeSession, tmp_path: Path) -> None:
    def work() -> int:
        import os
        import signal

        if not (tmp_path / "stopped").exists():
            (tmp_path / "stopped").touch()
            os.kill(os.getpid(), signal.SIGSTOP)
        return os.getpid()

    with shard_timeout(session, 3):
        ((_, elsewhere),) = run(session, work, [{}])
    assert elsewhere != os.getpid()


def test_a_scheduler_that_is_lost_is_an_error_that_may_be_tried_again() -> None:
    with ComputeSession(ComputeSpec(workers=1, worker_timeout=PATIENCE)) as doomed:
        assert doomed.client is not None
        assert doomed.workers == 1
        scheduler = doomed._cluster.scheduler.process.pid

        def lose() -> Iterator[tuple[int, Any]]:
            def work(number: int) -> int:
                import time

                time.sleep(0.2 if number == 0 else 10 * 600)
                return number

            return map_shards(
                doomed, work, [{"number": 0}, {"number": 1}], keys=["a", "b"], resources={}, retries=2, rows=[1, 1],
                progress=Progress(2, "work", log=lambda line: None),
            )  # fmt: skip

        results = lose()
        assert next(results) == (0, 0)
        os.kill(scheduler, signal.SIGKILL)
        with pytest.raises(WorkerLostError, match="scheduler was lost"):
            next(results)


def test_every_process_and_file_is_gone_when_the_session_closes() -> None:
    before = set(psutil.Process().children(recursive=True))
    with ComputeSession(ComputeSpec(workers=1, worker_timeout=PATIENCE)) as short:
        assert short.client is not None
        assert run(short, lambda: 1, [{}]) == [(0, 1)]
        started = set(psutil.Process().children(recursive=True)) - before
        scratch = short._scratch
        assert len(started) >= 3
        assert scratch is not None
        assert scratch.is_dir()
    _, alive = psutil.wait_procs(started, timeout=PATIENCE)
    assert alive == []
    assert not scratch.exists()


ORPHANING = """
    import os, sys, time
    sys.path.insert(0, {root!r})
    from ig_tasks.cluster.session import ComputeSession
    from ig_tasks.spec import ComputeSpec

    def compute(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sum(range(100_000))

    session = ComputeSession(ComputeSpec(workers=1, worker_timeout=600))
    session.client.wait_for_workers(1, timeout=600)
    busy = [] if {idle} else session.client.map(compute, [6000, 6001], pure=False)
    while not {idle} and not any(session.client.processing().values()):
        time.sleep(0.05)
    print("ready", session._scratch, flush=True)
    time.sleep(6000)
"""


@pytest.mark.parametrize("idle", [False, True], ids=["computing", "idle"])
def test_orphans_of_a_killed_run_go_by_themselves(idle: bool, tmp_path: Path) -> None:
    script = tmp_path / "orphaning.py"
    script.write_text(textwrap.dedent(ORPHANING).format(root=str(ROOT), idle=idle))
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        ready, scratch = parent.stdout.readline().split()
        assert ready == "ready"
        family = psutil.Process(parent.pid).children(recursive=True)
        assert len(family) >= 3  # scheduler, nanny, worker
    finally:
        parent.kill()
        parent.wait()
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    for process in alive:
        process.kill()
    assert alive == []
    assert not Path(scratch).exists()


@contextlib.contextmanager
def foreign_process(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> Iterator[None]:
    """A `dask` command that somebody else runs, with this process's environment and what is given."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0",
         "--scheduler-file", str(folder / "scheduler.json")],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | (environment or {}),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def address_in(folder: Path) -> str:
    file = folder / "scheduler.json"
    until(lambda: file.exists() and file.read_text().strip(), "the scheduler to write its address")
    return str(json.loads(file.read_text())["address"])


@pytest.fixture(scope="module")
def existing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler with one worker that offers a GPU."""
    folder = tmp_path_factory.mktemp("existing")
    worker = ("worker", "--nthreads", "1", "--resources", "GPU=1", "--local-directory", str(folder))
    with foreign_process(folder, "scheduler", "--port", "0"), foreign_process(folder, *worker):
        yield address_in(folder)


def test_an_existing_scheduler_is_used_and_left_running(existing: str) -> None:
    lines: list[str] = []
    for _ in range(2):
        with ComputeSession(
            ComputeSpec(address=existing, resources={"GPU": 1}, worker_timeout=PATIENCE), log=lines.append
        ) as outer:
            assert run(outer, lambda: 7, [{}], resources={"GPU": 1}) == [(0, 7)]
            assert outer.workers == 1
            assert offered(worker_infos(outer.client)) == {"GPU": 1.0}
    assert len(lines) == 2
    assert lines[1].startswith(f"connected to the Dask scheduler {existing}, 1 worker (")


def test_the_deployment_may_name_the_scheduler(existing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS_VARIABLE, existing)
    with ComputeSession(ComputeSpec(worker_timeout=PATIENCE)) as outer:
        assert run(outer, lambda: 7, [{}]) == [(0, 7)]
    assert ComputeSession(ComputeSpec(address="tcp://127.0.0.1:1")).address == "tcp://127.0.0.1:1"  # the spec wins


def test_an_existing_scheduler_without_the_resource(existing: str) -> None:
    with (
        ComputeSession(ComputeSpec(address=existing, resources={"gpu": 1}, worker_timeout=PATIENCE)) as outer,
        pytest.raises(ResourceError, match=r"asks for gpu=1; of 1 worker at tcp://.*did you mean 'GPU'\?"),
    ):
        _ = outer.client
    with (
        ComputeSession(ComputeSpec(address=existing, resources={"GPU": 4}, worker_timeout=PATIENCE)) as outer,
        pytest.raises(ResourceError, match=r"asks for GPU=4; .* none offers more than GPU=1; change"),
    ):
        _ = outer.client


def test_other_versions_there_are_refused(existing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import ig_tasks.cluster.session as module

    monkeypatch.setattr(module, "version_skew", lambda versions: "dask 1 here, 2 on a worker")
    with (
        ComputeSession(ComputeSpec(address=existing, worker_timeout=PATIENCE)) as outer,
        pytest.raises(ResourceError, match=r"versions differ at tcp://.*: dask 1 here, 2 on a worker; run scheduler"),
    ):
        _ = outer.client


def test_nobody_at_the_address() -> None:
    with (
        ComputeSession(ComputeSpec(address="tcp://127.0.0.1:1", worker_timeout=3)) as nobody,
        pytest.raises(ResourceError, match=r"compute\.address: no Dask scheduler answers at tcp://127\.0\.0\.1:1 "),
    ):
        _ = nobody.client


def test_a_scheduler_without_workers(tmp_path: Path) -> None:
    with (
        foreign_process(tmp_path, "scheduler", "--port", "0"),
        ComputeSession(ComputeSpec(address=address_in(tmp_path), worker_timeout=2)) as alone,
        pytest.raises(ResourceError, match=r"no Dask worker came up at \S+ within 2 s; start workers there"),
    ):
        _ = alone.client


def test_workers_of_others_that_all_leave_are_missed(tmp_path: Path) -> None:
    """Dask itself would wait for ever for workers to come back."""
    worker = ("worker", "--nthreads", "1", "--local-directory", str(tmp_path))
    with foreign_process(tmp_path, "scheduler", "--port", "0"):
        with contextlib.ExitStack() as workers:
            workers.enter_context(foreign_process(tmp_path, *worker))
            session = ComputeSession(ComputeSpec(address=address_in(tmp_path), worker_timeout=PATIENCE))
            assert run(session, lambda: 1, [{}]) == [(0, 1)]
        session.compute = session.compute.model_copy(update={"worker_timeout": 6})
        with pytest.raises(WorkerLostError, match="no Dask worker is left that can go on, and none came back in 6 s"):
            run(session, lambda: 1, [{}])
        session.close()


def test_an_encrypted_scheduler_is_reached_with_the_environments_certificates(tmp_path: Path) -> None:
    import dask
    from distributed.security import Security

    pem = Security.temporary()
    files = {"ca": pem.tls_ca_file, "cert": pem.tls_scheduler_cert, "key": pem.tls_scheduler_key}
    for name, text in files.items():
        (tmp_path / f"{name}.pem").write_text(text)
    settings = {"distributed.comm.require-encryption": "true"}
    settings["distributed.comm.tls.ca-file"] = str(tmp_path / "ca.pem")
    for role in ("scheduler", "worker", "client"):
        for name in ("cert", "key"):
            settings[f"distributed.comm.tls.{role}.{name}"] = str(tmp_path / f"{name}.pem")
    tls = {f"DASK_{key.replace('.', '__').replace('-', '_').upper()}": value for key, value in settings.items()}
    worker = ("worker", "--nthreads", "1", "--local-directory", str(tmp_path))
    with (
        foreign_process(tmp_path, "scheduler", "--port", "0", "--protocol", "tls", environment=tls),
        foreign_process(tmp_path, *worker, environment=tls),
    ):
        address = address_in(tmp_path)
        assert address.startswith("tls://")
        with (
            dask.config.set(settings),
            ComputeSession(ComputeSpec(address=address, worker_timeout=PATIENCE)) as encrypted,
        ):
            assert run(encrypted, lambda: 7, [{}]) == [(0, 7)]
        for without in (address, address.replace("tls://", "tcp://")):
            with (
                ComputeSession(ComputeSpec(address=without, worker_timeout=3)) as bare,
                pytest.raises(ResourceError, match="no Dask scheduler answers at"),
            ):
                _ = bare.client


def test_an_airflow_connection_outside_airflow_is_explained() -> None:
    with (
        ComputeSession(ComputeSpec(connection="dask_default")) as outer,
        pytest.raises(ResourceError, match=r"compute\.connection .* 'dask_default'.* name the scheduler in"),
    ):
        _ = outer.client


def test_workers_that_cannot_start_are_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import ig_tasks.cluster.embedded as module

    monkeypatch.setattr(module.WatchedWorker, "launch", _launch_nothing)
    with (
        ComputeSession(ComputeSpec(workers=1, worker_timeout=PATIENCE)) as broken,
        pytest.raises(ResourceError, match=r"no Dask worker came up on this machine .*wrote: Must specify"),
    ):
        _ = broken.client


async def _launch_nothing(self: Any, *arguments: str) -> None:
    from ig_tasks.cluster.embedded import WatchedProcess

    await WatchedProcess.launch(self, "--no-such-option")
