"""A deferred computation without Airflow's processes: submitted, looked after by its trigger, brought together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.dask_cluster import ForeignCluster
from support.gated_model import closed, gated
from support.patience import PATIENCE, until
from support.programs import ig_tasks
from support.tiny import MODEL_CODE, table, write_data, write_package, write_project

from ig_tasks import pipeline
from ig_tasks.errors import RunError
from ig_tasks.orchestration.trigger import ShardsTrigger
from ig_tasks.spec import ExplanationSpec, load_spec
from ig_tasks.stages.deferred_job import Submitted
from ig_tasks.stages.run_reference import RunReference

pytestmark = pytest.mark.slow

SHARDS = 12


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignCluster]:
    with ForeignCluster(tmp_path_factory.mktemp("dask")) as cluster:
        cluster.start_scheduler()
        cluster.start_worker()
        yield cluster


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The numbers of a run that nothing happened to."""
    root = tmp_path_factory.mktemp("undisturbed")
    path = write_project(root, rows=40, compute={"workers": 0, "shard_rows": 5})
    assert ig_tasks("run", str(path)).returncode == 0
    (run,) = (folder for folder in (root / "runs" / "tiny").glob("all-*"))
    return numbers(run)


def numbers(run: Path) -> dict[str, bytes]:
    # Half a file of a worker that was killed begins with a dot, and is read by nobody.
    files = [*run.glob("attributions/[!.]*"), *run.glob("quarantine/[!.]*"), run / "importance.parquet"]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}


class Task:
    """What Airflow does with the task, in this process."""

    def __init__(self, root: Path, cluster: ForeignCluster) -> None:
        self.path = write_project(root, rows=40, compute={"address": cluster.address, "shard_rows": 5, "workers": 1})
        self.root = root
        self.gate = root / "closed"
        package = write_package(root / "include" / "models" / "tiny", arguments={"gate": str(self.gate), "width": 8})
        (package / "model.py").write_text(gated(MODEL_CODE, inputs="numeric, kind", arguments="width"))
        self.said: list[str] = []
        self.spec: ExplanationSpec = load_spec(self.path)
        ref = pipeline.load_model(self.spec, log=self.said.append)
        self.ref: RunReference = pipeline.build_baseline(self.spec, ref, log=self.said.append)

    def submit(self, **arguments: Any) -> Submitted | None:
        return pipeline.submit_attributions(self.spec, self.ref, log=self.said.append, **arguments)

    def trigger(self, submitted: Submitted, patience: float = PATIENCE, limit: Any = "auto") -> ShardsTrigger:
        """A trigger that Airflow's database gave back."""
        one = ShardsTrigger(
            submitted.to_json(), resources={}, patience=patience, poll_interval=0.05, shard_timeout=limit
        )
        _, arguments = one.serialize()
        return ShardsTrigger(**arguments)

    def wait(self, submitted: Submitted, patience: float = PATIENCE, limit: Any = "auto") -> dict[str, Any]:
        async def first() -> dict[str, Any]:
            async for event in self.trigger(submitted, patience, limit).run():
                return dict(event.payload)
            raise AssertionError("the trigger ended without an event")

        return asyncio.run(first())

    def finish(self, submitted: Submitted | None) -> RunReference:
        return pipeline.compute_attributions(self.spec, self.ref, submitted=submitted, log=self.said.append)

    def withdraw(self) -> None:
        pipeline.withdraw_attributions(self.spec, self.ref, log=self.said.append)

    @property
    def run(self) -> Path:
        return Path(self.ref.run_uri)

    def finished(self) -> int:
        return len(list(self.run.glob("statistics/*")))


@pytest.fixture
def task(tmp_path: Path, cluster: ForeignCluster) -> Iterator[Task]:
    made = Task(tmp_path, cluster)
    yield made
    made.withdraw()


def test_what_is_submitted_is_finished_without_its_client(
    task: Task, cluster: ForeignCluster, undisturbed: dict[str, bytes]
) -> None:
    submitted = task.submit()
    assert submitted is not None
    assert submitted.shards == SHARDS
    assert task.wait(submitted) == {"status": "finished", "shards": [], "why": ""}
    assert task.finished() == SHARDS
    ref = task.finish(submitted)
    assert ref.rows is not None
    assert ref.rows.read == ref.rows.explained == 60
    assert numbers(task.run) == undisturbed
    noted = ref.run_folder().read_json("manifest.json")["stages"]["compute_attributions"]
    assert (noted["computed"], noted["shards"], noted["workers"]) == (SHARDS, SHARDS, 1)
    task.withdraw()
    assert cluster.datasets() == []
    assert task.submit() is None


def test_a_task_that_was_killed_finds_its_shards_at_work(task: Task, cluster: ForeignCluster) -> None:
    with closed(task.gate):
        assert task.submit() is not None
        again = task.submit()
    assert again is not None
    assert f"{SHARDS} of {SHARDS} shards are at work already, by an earlier attempt" in task.said[-1]
    assert task.wait(again)["status"] == "finished"


def test_a_worker_that_was_killed_costs_nothing_but_time(
    task: Task, cluster: ForeignCluster, undisturbed: dict[str, bytes]
) -> None:
    with closed(task.gate):
        submitted = task.submit()
        assert submitted is not None
        cluster.kill("worker")
    cluster.start_worker()
    assert task.wait(submitted)["status"] == "finished"
    task.finish(submitted)
    assert numbers(task.run) == undisturbed


def test_what_is_cancelled_counts_as_lost_and_is_submitted_again(task: Task, cluster: ForeignCluster) -> None:
    """Who clears the task has its trigger cancel the work."""
    with closed(task.gate):
        submitted = task.submit()
        assert submitted is not None
        asyncio.run(task.trigger(submitted).on_kill())
        assert cluster.datasets() == []
        event = task.wait(submitted)
    assert event["status"] == "lost"
    assert "does not know of this work: it was restarted, or the work was cancelled" in event["why"]
    again = task.submit(earlier=submitted)
    assert again is not None
    assert (again.began, again.shards) == (submitted.began, submitted.shards)
    assert task.wait(again)["status"] == "finished"


def test_data_that_changed_while_nobody_was_at_work_are_refused(task: Task) -> None:
    submitted = task.submit()
    assert submitted is not None
    assert task.wait(submitted)["status"] == "finished"
    write_data(task.root / "data", {"2013-01": table(40, 9)})
    with pytest.raises(RunError, match=r"^data .* changed since the run began"):
        task.finish(submitted)


def test_a_package_that_changed_while_nobody_was_at_work_is_refused(task: Task) -> None:
    submitted = task.submit()
    assert submitted is not None
    assert task.wait(submitted)["status"] == "finished"
    code = task.root / "include" / "models" / "tiny" / "model.py"
    code.write_text(code.read_text() + "\n# changed\n")
    with pytest.raises(RunError, match=r"^model package .* changed since the run began"):
        task.finish(submitted)


def test_a_shard_that_ends_without_a_result_says_why_where_the_task_goes_on(task: Task) -> None:
    """It is explained there, and what keeps it from that is raised."""
    with closed(task.gate):
        submitted = task.submit()
        assert submitted is not None
        for file in (task.root / "data").rglob("*.parquet"):
            file.rename(file.with_suffix(".gone"))
    event = task.wait(submitted)
    assert event["status"] == "failed"
    assert set(event["shards"]) <= {f"shard-{index:06d}" for index in range(SHARDS)}
    for file in (task.root / "data").rglob("*.gone"):
        file.rename(file.with_suffix(".parquet"))
    while (submitted := task.submit(failed=event["shards"], earlier=submitted)) is not None:
        # Others may have failed before their data were back.
        event = task.wait(submitted)
    assert task.finished() == SHARDS


def test_a_shard_with_which_the_model_never_ends_is_given_up_and_its_rows_are_found(
    task: Task, undisturbed: dict[str, bytes]
) -> None:
    """By the trigger, after two workers; then by the task, as in a run that waits."""
    with closed(task.gate):
        submitted = task.submit()
        assert submitted is not None
        event = task.wait(submitted, limit=2.0)
    assert event["status"] == "failed"
    assert (event["limit"], len(event["shards"])) == (2.0, 1)
    assert "was not done within 2 s, also by a second worker; see compute.shard_timeout" in event["why"]
    # The gate is open again: here the model ends with every row.
    again = task.submit(failed=event["shards"], earlier=submitted, limit=float(PATIENCE))
    if again is not None:
        assert task.wait(again)["status"] == "finished"
    task.finish(submitted)
    assert numbers(task.run) == undisturbed


def test_a_scheduler_that_is_gone_is_noticed_and_what_it_finished_is_kept(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    with ForeignCluster(tmp_path / "dask") as own:
        own.start_scheduler()
        own.start_worker()
        task = Task(tmp_path, own)
        submitted = task.submit()
        assert submitted is not None
        until(lambda: task.finished() >= 1, "the first shard")
        task.gate.touch()
        own.kill("scheduler")
        own.kill("worker")
        event = task.wait(submitted, patience=0.5)
        assert event["status"] == "lost"
        assert f"no Dask scheduler answers at {own.address}" in event["why"]
        task.gate.unlink()
        own.start_scheduler()
        own.start_worker()
        again = task.submit(earlier=submitted)
        if again is not None:
            assert task.wait(again)["status"] == "finished"
        task.finish(again)
        assert numbers(task.run) == undisturbed
