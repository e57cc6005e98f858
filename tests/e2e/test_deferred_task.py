"""A deferred task under a real scheduler and triggerer: it may be killed, and who clears it cancels its work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gated_model import closed
from support.programs import ig_tasks

from ig_tasks import pipeline
from ig_tasks.spec import load_spec

pytestmark = [pytest.mark.scheduler, pytest.mark.slow]

DAG = "ig_deferred"
TASK = "compute_attributions"
ROWS = 60


@pytest.fixture(scope="module")
def deferring(stage) -> Iterator[None]:
    """The triggerer is up, for these tests."""
    stage.airflow.start_process("triggerer")
    stage.wait_for(lambda: stage.api.health().get("triggerer") == "healthy")
    stage.airflow.wait_for_dag(DAG)
    stage.api.unpause(DAG)
    yield
    stage.airflow.kill_process("triggerer")


@pytest.fixture(scope="module")
def begun(stage, deferring) -> dict[str, bytes]:
    """The first two stages are done, so that no task but the deferred one asks the model; the undisturbed numbers."""
    path = stage.project / "include" / "specs" / "deferred.yaml"
    whole = ig_tasks("run", str(path), "--partition", "2013-01", "--store", str(stage.project / "undisturbed"))
    assert whole.returncode == 0, whole.stderr
    spec = load_spec(path).with_overrides(partition="2013-01").model_copy(update={"store": str(stage.store)})
    pipeline.build_baseline(spec, pipeline.load_model(spec))
    (run,) = (stage.project / "undisturbed" / "deferred").glob("2013-01-*")
    return numbers(run)


def deferred(stage, run_id: str, after: int = 0) -> bool:
    """Whether the task waits in the triggerer, in a later try than `after`."""
    (task,) = [one for one in stage.api.tasks(DAG, run_id) if one["task_id"] == TASK]
    return task["state"] == "deferred" and task["try_number"] > after


def looked_at(stage, run_id: str, try_number: int) -> bool:
    """Whether the triggerer is at it: marked before that, a task is forgotten without a word to anybody."""
    return "shards are in the store" in stage.log_text(DAG, run_id, TASK, try_number)


def numbers(run: Path) -> dict[str, bytes]:
    # Half a file of a worker that was killed begins with a dot, and is read by nobody.
    files = [*run.glob("attributions/[!.]*"), *run.glob("quarantine/[!.]*"), run / "importance.parquet"]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}


def test_what_is_cleared_or_marked_as_failed_is_cancelled_and_a_killed_triggerer_loses_nothing(stage, begun):
    with closed(stage.project / "closed"):
        run_id = stage.api.trigger(DAG, conf={"partition": "2013-01"})
        stage.wait_for(lambda: deferred(stage, run_id) and looked_at(stage, run_id, 1))
        (name,) = stage.dask.datasets()
        assert name.startswith("ig-tasks-2013-01-")

        # Marked as failed: nothing is left at work.
        path = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{TASK}"
        stage.api.call("PATCH", path, json={"new_state": "failed"})
        stage.wait_for(lambda: stage.dask.datasets() == [])
        assert stage.wait(DAG, run_id)["state"] == "failed"

        # Cleared: it is submitted again, by a task that is deferred again.
        clear = {"dry_run": False, "dag_run_id": run_id, "only_failed": False, "reset_dag_runs": True}
        failed = [TASK, "validate", "publish_report", "register_reference"]
        stage.api.call("POST", f"/dags/{DAG}/clearTaskInstances", json={**clear, "task_ids": failed})
        stage.wait_for(lambda: deferred(stage, run_id, after=1))
        assert stage.dask.datasets() == [name]

        # The triggerer dies while the work goes on, and another takes the trigger over.
        stage.airflow.kill_process("triggerer")
    run_folder = next((stage.store / "deferred").glob("2013-01-*"))
    stage.wait_for(lambda: len(list(run_folder.glob("statistics/*"))) == len(list_of_shards(begun)))
    assert deferred(stage, run_id, after=1)
    stage.airflow.start_process("triggerer")
    assert stage.wait(DAG, run_id)["state"] == "success"
    assert numbers(run_folder) == begun
    report = stage.published(DAG, {"dag_run_id": run_id})
    assert (report["state"], report["data"]["rows_read"]) == ("published", ROWS)
    assert stage.dask.datasets() == []
    assert "shards are submitted to" in stage.log_text(DAG, run_id, TASK, 2)


def list_of_shards(files: dict[str, bytes]) -> list[str]:
    return [name for name in files if name.startswith("attributions/")]
