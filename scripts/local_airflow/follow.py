"""A run of a DAG, from its trigger to its end, told in a few lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.local_airflow.api import AirflowApi

__all__ = ["RunOutcome", "follow_run"]

_OURS = "ig_tasks"
_QUIET = {None, "none", "scheduled", "queued", "running"}
_ENDED = {"success", "failed"}


@dataclass
class RunOutcome:
    """How a run ended.

    Attributes:
        state: `success` or `failed`.
        ref: what publish_report returned: run_id, report_uri, page_uri, rows ...; empty if the run failed.
        error: the failed task and the line that says why; empty if the run succeeded.
    """

    dag_id: str
    run_id: str
    state: str
    seconds: float
    ref: dict[str, Any] = field(default_factory=dict)
    error: str = ""


def follow_run(
    api: AirflowApi, dag_id: str, run_id: str, *, say: Callable[[str], None], logs: Path, poll: float = 0.5
) -> RunOutcome:
    """Watch a run: each task's end, and in between the progress that our own code wrote to the tasks' logs.

    Args:
        say: takes one line at a time.
        logs: the folder of the tasks' logs, named when a task fails.
    """
    began = time.monotonic()
    told: dict[str, int] = {}
    states: dict[str, str | None] = {}
    while True:
        run = api.run(dag_id, run_id)
        for task in _in_order(api.tasks(dag_id, run_id)):
            _tell_progress(api, task, told, say)
            state = task["state"]
            key = f"{task['task_id']}/{task['try_number']}"
            if state not in _QUIET and states.get(key) != state:
                states[key] = state
                say(f"{task['task_id']:<21} {state} {_duration(task)}".rstrip())
        if run["state"] in _ENDED:
            break
        time.sleep(poll)
    outcome = RunOutcome(dag_id, run_id, str(run["state"]), time.monotonic() - began)
    if outcome.state == "success":
        outcome.ref = api.result(dag_id, run_id, "publish_report")
    else:
        outcome.error = _reason(api, dag_id, run_id, logs)
    return outcome


def _in_order(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As they started; those that did not, last."""
    return sorted(tasks, key=lambda task: str(task["start_date"] or "9999"))


def _tell_progress(api: AirflowApi, task: dict[str, Any], told: dict[str, int], say: Callable[[str], None]) -> None:
    if task["state"] in {None, "none", "scheduled", "queued", "upstream_failed"} or not task["try_number"]:
        return
    key = f"{task['task_id']}/{task['try_number']}"
    if told.get(key) == -1:
        return
    lines = _own_lines(api.log(task["dag_id"], task["dag_run_id"], task["task_id"], task["try_number"]))
    for line in lines[told.get(key, 0) :]:
        say(f"  {line}")
    # A task that has ended writes nothing more.
    told[key] = len(lines) if task["state"] == "running" else -1


def _own_lines(records: list[dict[str, Any]]) -> list[str]:
    return [str(record.get("event", "")) for record in records if _OURS in str(record.get("logger", ""))]


def _duration(task: dict[str, Any]) -> str:
    return f"{task['duration']:.1f} s" if task.get("duration") else ""


def _reason(api: AirflowApi, dag_id: str, run_id: str, logs: Path) -> str:
    """The failed task, its last error, and where its log lies."""
    for task in _in_order(api.tasks(dag_id, run_id)):
        if task["state"] == "failed":
            name, number = task["task_id"], task["try_number"]
            records = api.log(dag_id, run_id, name, number) if number else []
            place = logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={name}" / f"attempt={number}.log"
            return f"{name}: {_last_error(records)} (log: {place})"
    return "no task failed; the run was ended from outside"


def _last_error(records: list[dict[str, Any]]) -> str:
    errors = [record for record in records if str(record.get("level", "")).lower() in {"error", "critical"}]
    for record in errors:
        if _OURS in str(record.get("logger", "")):
            return str(record.get("event", ""))
    for record in reversed(errors):
        details = record.get("error_detail")
        if details:
            return f"{details[0].get('exc_type')}: {details[0].get('exc_value')}"
    return str(errors[-1].get("event", "")) if errors else "failed without a word in its log"
