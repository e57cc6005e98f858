"""The DAG of a spec that does not load: it stays, keeps its schedule, and every run of it says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import DAG, BaseOperator

from ig_tasks.errors import SpecError
from ig_tasks.orchestration.docs import plain
from ig_tasks.orchestration.failures import plain_failures, retry_policy
from ig_tasks.orchestration.schedule import timetable_arguments
from ig_tasks.presentation.colours import TASKS
from ig_tasks.spec.standing import Standing

__all__ = ["BrokenSpecOperator", "broken_dag"]


class BrokenSpecOperator(BaseOperator):
    """Fails with what is wrong with a spec."""

    ui_color = TASKS["broken"]

    def __init__(self, *, message: str, **operator_arguments: Any) -> None:
        super().__init__(**operator_arguments)
        self.message = message

    def execute(self, context: Any) -> None:  # noqa: ARG002 - Airflow's signature
        """Fail.

        Raises:
            StoppedError: always; its line is in the log.
        """
        with plain_failures(self.log):
            raise SpecError(self.message)


def broken_dag(dag_id: str, message: str, standing: Standing, dag_arguments: Mapping[str, Any] | None = None) -> DAG:
    """A DAG with the schedule, owner and tags of the spec, whose one task fails with what is wrong.

    Args:
        dag_arguments: of the folder's DAGs, such as callbacks; left out if no DAG can be made with them.
    """
    own_arguments = dict(dag_arguments or {})
    try:
        return _dag(dag_id, message, standing, own_arguments)
    except Exception:
        if not own_arguments:
            raise
        return _dag(dag_id, message, standing, {})


def _dag(dag_id: str, message: str, standing: Standing, dag_arguments: Mapping[str, Any]) -> DAG:
    tags = {"broken-spec", "ig-tasks", *(tag[:100] for tag in standing.tags), *(dag_arguments.get("tags") or ())}
    arguments = {
        "max_active_runs": 1,
        **_schedule(standing),
        **dag_arguments,
        "dag_id": dag_id,
        "description": message[:500],
        "tags": sorted(tags),
        "doc_md": f"# This spec does not load\n\n{plain(message)}\n",
        "default_args": {"owner": standing.owner or "airflow", **(dag_arguments.get("default_args") or {})},
    }
    with DAG(**arguments) as dag:
        BrokenSpecOperator(task_id="read_spec", message=message, retry_policy=retry_policy(), doc_md=plain(message))
    return dag


def _schedule(standing: Standing) -> dict[str, Any]:
    try:
        return timetable_arguments(standing.schedule, by_partition=standing.by_partition)
    except Exception:  # noqa: BLE001 - it may be the schedule that is wrong
        return timetable_arguments(None, by_partition=standing.by_partition)
