"""One worker without a scheduler: what `map_shards` promises of workers holds of a single process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.patience import PATIENCE, until

from ig_tasks.cluster import pace
from ig_tasks.cluster import session as session_module
from ig_tasks.cluster.job import map_shards
from ig_tasks.cluster.progress import Progress
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.cluster.sizing import Machine
from ig_tasks.errors import DataError, ResourceError, RunError, WorkerLostError
from ig_tasks.spec import ComputeSpec

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ComputeSession, "_start", lambda self: pytest.fail("a cluster was started"))
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[ComputeSession]:
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "do-not-pass-on")
    with ComputeSession(ComputeSpec(workers=1), log=SAID.append) as opened:
        yield opened


SAID: list[str] = []


def results(session: ComputeSession, function: Any, tasks: list[dict[str, Any]], **options: Any) -> Any:
    names = [f"shard-{number:06d}" for number in range(len(tasks))]
    notes: list[str] = []
    given: dict[str, Any] = {"keys": names, "resources": {}, "retries": 0, "rows": [10] * len(tasks)}
    given["progress"] = Progress(10 * len(tasks), "job", log=notes.append)
    return map_shards(session, function, tasks, **{**given, **options})


def test_one_process_does_all_tasks_in_their_order_and_is_gone_with_the_session(session: ComputeSession) -> None:
    def square(number: int) -> tuple[int, int, bool]:
        import os

        return os.getpid(), number * number, "AIRFLOW__API_AUTH__JWT_SECRET" in os.environ

    SAID.clear()
    found = list(results(session, square, [{"number": n} for n in (3, 1, 2)]))
    assert [(index, value) for index, (_, value, _) in found] == [(0, 9), (1, 1), (2, 4)]
    ((pid, secrets),) = {(pid, secret) for _, (pid, _, secret) in found}
    assert not secrets
    assert pid != os.getpid()
    assert (session.workers, len(SAID)) == (1, 1)
    assert SAID[0].startswith("started a worker process on this machine (")
    scratch = session._scratch
    assert scratch is not None
    process = psutil.Process(pid)
    session.close()
    assert not process.is_running()
    assert not scratch.exists()


def test_a_run_of_one_shard_and_an_explicit_1_need_one_worker_and_a_run_of_two_shards_needs_a_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module.Machine, "here", classmethod(lambda cls: Machine(4, 64 * 10**9)))
    plain = {}
    for workers, useful in (("auto", 1), ("auto", 2), (1, 8), (2, 1)):
        with ComputeSession(ComputeSpec(workers=workers)) as session:
            session.expect(useful)
            plain[workers, useful] = session.plain is not None
    assert plain == {("auto", 1): True, ("auto", 2): False, (1, 8): True, (2, 1): False}
    with ComputeSession(ComputeSpec(workers=1, address="tcp://127.0.0.1:1")) as session:
        assert session.plain is None
    with (
        ComputeSession(ComputeSpec(workers=1, resources={"GPU": 1})) as session,
        pytest.raises(ResourceError, match=r"^compute\.resources asks for GPU=1, which"),
    ):
        list(results(session, pytest.fail, [{"reason": "it ran"}], resources={"GPU": 1}))


def test_an_error_of_ours_is_raised_as_itself_and_any_other_after_its_tries(
    session: ComputeSession, tmp_path: Path
) -> None:
    tried = tmp_path / "tried"

    def fail(kind: str) -> None:
        with tried.open("a") as file:
            file.write(f"{kind}\n")
        if kind == "ours":
            raise DataError("data.uri: no column 'temp'")
        raise TimeoutError("object store is slow\nsecond line")

    with pytest.raises(DataError, match=r"^data\.uri: no column 'temp'$"):
        list(results(session, fail, [{"kind": "ours"}], retries=3))
    words = r"^shard-000000: the task failed on a worker with TimeoutError: object store is slow$"
    with pytest.raises(RunError, match=words) as caught:
        list(results(session, fail, [{"kind": "other"}], retries=2))
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert tried.read_text().split() == ["ours", "other", "other", "other"]


def test_an_error_of_a_class_that_is_not_known_here_is_told_in_its_words(session: ComputeSession) -> None:
    def fail() -> None:
        import types

        module = types.ModuleType("theirs")
        exec("class OwnError(Exception): pass", module.__dict__)  # noqa: S102
        raise module.OwnError("words")

    with pytest.raises(RunError, match=r"^shard-000000: the task failed on a worker with OwnError: words$"):
        list(results(session, fail, [{}]))


def test_a_process_that_is_killed_is_started_again_and_given_the_task(session: ComputeSession, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def once() -> str:
        import os

        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), 9)
        return "done"

    assert list(results(session, once, [{}])) == [(0, "done")]


@pytest.mark.parametrize(
    ("code", "doing", "said"),
    [
        ("os._exit(3)", "computing", "while they computed it; .*one ended with exit status 3; it is not memory: code"),
        ("os.kill(os.getpid(), 11)", "trying", "while they tried the model .*SIGSEGV; it is not memory"),
        ("os.kill(os.getpid(), 9)", "computing", "SIGKILL; make compute.shard_rows or compute.workers smaller"),
        ("note_loading(loading=True); os._exit(1)", "computing", "while they loaded the model; .*exit status 1"),
    ],
)  # fmt: skip
def test_a_task_of_which_the_process_dies_again_and_again_is_told_by_how(
    session: ComputeSession, code: str, doing: Any, said: str
) -> None:
    def die(code: str) -> None:
        import os

        from ig_tasks.cluster.model_loading import note_loading

        exec(code, {"os": os, "note_loading": note_loading})  # noqa: S102

    with pytest.raises(WorkerLostError, match=f"^shard-000000: 2 workers died .*{said}"):
        list(results(session, die, [{"code": code}], doing=doing))


def test_a_task_that_ends_the_process_or_never_ends_is_rescued_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pace, "LEAST_SECONDS", 0.0)
    notes: list[str] = []

    def work(number: int) -> Any:
        import os
        import time

        if number == 1:
            os._exit(3)
        if number == 2:
            time.sleep(1e6)
        return number

    def rescue(number: int, limit: float, memory: bool) -> Any:
        return number, limit, memory

    with ComputeSession(ComputeSpec(workers=1, shard_timeout=1.0)) as session:
        progress = Progress(40, "job", log=notes.append)
        found = results(session, work, [{"number": n} for n in range(4)], rescue=rescue, progress=progress)
        assert list(found) == [(0, 0), (1, (1, 1.0, False)), (2, (2, 1.0, False)), (3, 3)]
    told = [line for line in notes if "rows/s" not in line and "waiting" not in line]
    assert any("shard-000001: 2 workers died" in line and "tried in pieces" in line for line in told)
    assert any("shard-000002: its 10 rows were not done within 1 s, and are given to another" in line for line in told)
    assert any("shard-000002: its 10 rows were not done within 1 s, also by a second" in line for line in told)


def test_more_memory_than_a_worker_has_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module.Machine, "here", classmethod(lambda cls: Machine(1, 400 * 10**6)))

    def grow() -> None:
        import time

        held = [b"x" * (10 << 20) for _ in range(60)]
        time.sleep(1e6 * len(held))

    with (
        ComputeSession(ComputeSpec(workers=1)) as session,
        pytest.raises(WorkerLostError, match=r"one took more, and was ended; make compute\.shard_rows or"),
    ):
        list(results(session, grow, [{}]))


def test_the_process_goes_by_itself_when_its_run_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "orphaning.py"
    script.write_text(
        textwrap.dedent("""
        import sys
        from ig_tasks.cluster.session import ComputeSession
        from ig_tasks.spec import ComputeSpec

        with ComputeSession(ComputeSpec(workers=1)) as session:
            session.start_ahead()
            print(session._plain._process._process.pid, session._scratch, flush=True)
            sys.stdin.read()
    """)
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              env=environment)  # fmt: skip
    assert parent.stdout is not None
    pid, scratch = parent.stdout.readline().split()
    process = psutil.Process(int(pid))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    process.wait(timeout=PATIENCE)
    until(lambda: not Path(scratch).exists(), "the scratch folder to go")
