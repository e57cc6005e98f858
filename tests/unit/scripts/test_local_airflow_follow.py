from pathlib import Path

import pytest

from scripts.local_airflow.follow import follow_run

OURS = "airflow.task.operators.ig_tasks.orchestration.operators.LoadModelOperator"


def record(event, logger=OURS, level="info", **rest):
    return {"event": event, "logger": logger, "level": level, **rest}


class FakeApi:
    """A run that moves on with every look at it."""

    def __init__(self, steps):
        self.steps = steps
        self.now = -1

    def run(self, dag_id, run_id):
        self.now = min(self.now + 1, len(self.steps) - 1)
        return {"state": self.steps[self.now][0]}

    def tasks(self, dag_id, run_id):
        common = {"dag_id": dag_id, "dag_run_id": run_id, "try_number": 1, "start_date": "2013", "duration": None}
        return [{**common, "task_id": name, **task} for name, task in self.steps[self.now][1].items()]

    def log(self, dag_id, run_id, task_id, try_number):
        return self.steps[self.now][2].get((task_id, try_number), [])

    def result(self, dag_id, run_id, task_id):
        return {"report_uri": f"/runs/{task_id}"}


@pytest.fixture
def follow():
    def run(*steps):
        said = []
        outcome = follow_run(FakeApi(steps), "ig_x", "r1", say=said.append, logs=Path("/logs"), poll=0.0)
        return outcome, said

    return run


def test_progress_is_told_once_and_airflows_own_lines_are_not(follow):
    noise = record("Filling up the DagBag", logger="airflow.dag_processing")
    outcome, said = follow(
        ("running", {"load_model": {"state": "running"}}, {("load_model", 1): [noise, record("10 %")]}),
        ("running", {"load_model": {"state": "running"}}, {("load_model", 1): [noise, record("10 %"), record("90 %")]}),
        (
            "success",
            {"load_model": {"state": "success", "duration": 3.21}},
            {("load_model", 1): [record("10 %"), record("90 %"), record("done")]},
        ),
    )
    assert said == ["  10 %", "  90 %", "  done", "load_model            success 3.2 s"]
    assert outcome.state == "success"
    assert outcome.ref == {"report_uri": "/runs/publish_report"}


def test_a_failure_names_the_task_its_line_and_the_log(follow):
    lines = [record("data: no column 'x'", level="error"), record("Task exited", logger="task", level="error")]
    outcome, _ = follow(("failed", {"load_model": {"state": "failed"}}, {("load_model", 1): lines}))
    assert outcome.state == "failed"
    assert (
        outcome.error
        == "load_model: data: no column 'x' (log: /logs/dag_id=ig_x/run_id=r1/task_id=load_model/attempt=1.log)"
    )


def test_a_bug_is_named_by_its_exception(follow):
    detail = [{"exc_type": "ValueError", "exc_value": "a bug", "frames": []}]
    lines = [record("Task failed with exception", logger="task", level="error", error_detail=detail)]
    outcome, _ = follow(("failed", {"validate": {"state": "failed"}}, {("validate", 1): lines}))
    assert outcome.error.startswith("validate: ValueError: a bug (log: ")


def test_another_try_is_told_from_its_first_line(follow):
    first = {("load_model", 1): [record("lost")]}
    _, said = follow(
        ("running", {"load_model": {"state": "up_for_retry", "duration": 1.0}}, first),
        (
            "success",
            {"load_model": {"state": "success", "try_number": 2}},
            {**first, ("load_model", 2): [record("again")]},
        ),
    )
    assert said == ["  lost", "load_model            up_for_retry 1.0 s", "  again", "load_model            success"]
