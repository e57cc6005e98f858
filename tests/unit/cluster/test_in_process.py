"""A job without workers: what `map_shards` promises of workers holds of the process itself."""

from __future__ import annotations

import os
from typing import Any

import pytest
from pydantic import ValidationError

from ig_tasks.cluster import in_process
from ig_tasks.cluster.job import map_shards, run_one
from ig_tasks.cluster.progress import Progress
from ig_tasks.cluster.session import ADDRESS_VARIABLE, ComputeSession
from ig_tasks.cluster.sizing import Machine
from ig_tasks.errors import DataError, ResourceError, RunError, ValidationFailedError
from ig_tasks.spec import ComputeSpec


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> ComputeSession:
    """One that fails as soon as anybody asks for a worker."""
    monkeypatch.setattr(ComputeSession, "_start", lambda self: pytest.fail("a cluster was started"))
    monkeypatch.setattr(ComputeSession, "_connect", lambda self: pytest.fail("a scheduler was asked"))
    return ComputeSession(ComputeSpec(workers=0))


def results(session: ComputeSession, function: Any, tasks: list[dict[str, Any]], **options: Any) -> Any:
    names = [f"shard-{number:06d}" for number in range(len(tasks))]
    given: dict[str, Any] = {"keys": names, "resources": {}, "retries": 0, "rows": [10] * len(tasks)}
    given["progress"] = Progress(10 * len(tasks), "job", log=[].append)
    return map_shards(session, function, tasks, **{**given, **options})


def test_tasks_run_here_one_after_the_other_as_they_are_asked_for(session: ComputeSession) -> None:
    seen: list[int] = []
    lines: list[str] = []

    def square(number: int) -> tuple[int, int]:
        seen.append(number)
        return os.getpid(), number * number

    progress = Progress(30, "job", log=lines.append, every=0.0)
    found = results(session, square, [{"number": n} for n in (3, 1, 2)], rows=[5, 10, 15], progress=progress)
    assert seen == []
    assert next(found) == (0, (os.getpid(), 9))
    assert (seen, progress.done) == ([3], 5)
    assert list(found) == [(1, (os.getpid(), 1)), (2, (os.getpid(), 4))]
    assert (progress.done, session.workers) == (30, 0)
    assert "100 %" in lines[-1]


def test_one_task_runs_here_too(session: ComputeSession) -> None:
    assert run_one(session, lambda task: task + 1, 1, key="try-model", resources={}, rows=1) == 2


@pytest.mark.parametrize("error", [DataError("data.uri: no column 'temp'"), ValidationFailedError("failed", "file:/r")])
def test_an_error_of_ours_is_raised_as_itself_at_the_first_try(session: ComputeSession, error: Exception) -> None:
    calls: list[int] = []

    def refuse(number: int) -> None:
        calls.append(number)
        raise error

    with pytest.raises(type(error)) as caught:
        list(results(session, refuse, [{"number": 0}, {"number": 1}], retries=3))
    assert caught.value is error
    assert calls == [0]


def test_other_exceptions_are_tried_again_and_then_named(session: ComputeSession) -> None:
    calls: list[int] = []

    def flaky(until: int) -> str:
        calls.append(until)
        if len(calls) <= until:
            raise TimeoutError("object store is slow\nsecond line")
        return "done"

    assert list(results(session, flaky, [{"until": 2}], retries=2)) == [(0, "done")]
    calls.clear()
    with pytest.raises(
        RunError, match=r"^shard-000000: the task failed with TimeoutError: object store is slow$"
    ) as caught:
        list(results(session, flaky, [{"until": 9}], retries=1))
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert len(calls) == 2


def test_a_resource_that_the_machine_does_not_have_is_refused_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_process.Machine, "here", classmethod(lambda cls: Machine(2, 8 * 10**9)))
    asking = ComputeSession(ComputeSpec(workers=0, resources={"GPU": 1}))
    with pytest.raises(ResourceError, match=r"^compute\.resources asks for GPU=1, which"):
        list(results(asking, pytest.fail, [{"reason": "it ran"}], resources={"GPU": 1}))
    monkeypatch.setattr(in_process.Machine, "here", classmethod(lambda cls: Machine(2, 8 * 10**9, gpus=("0",))))
    assert list(results(asking, lambda: "ran", [{}], resources={"GPU": 1})) == [(0, "ran")]


def test_a_spec_that_says_0_is_not_sent_to_the_deployments_scheduler(
    session: ComputeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADDRESS_VARIABLE, "tcp://127.0.0.1:1")
    assert list(results(session, lambda: "here", [{}])) == [(0, "here")]


@pytest.mark.parametrize("where", [{"address": "tcp://dask:8786"}, {"connection": "dask_default"}])
def test_a_scheduler_beside_no_workers_is_a_contradiction(where: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=r"workers: 0 computes in the process of the run; leave out address"):
        ComputeSpec.model_validate({"workers": 0, **where})


def test_fewer_workers_than_none_are_none() -> None:
    assert ComputeSpec(workers=0).with_workers(1).workers == 0
    assert ComputeSpec(workers=4).with_workers(1).workers == 1
    assert ComputeSpec().with_workers(1).workers == 1
