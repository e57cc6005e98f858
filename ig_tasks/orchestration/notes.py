"""A note on runs whose partition a Param gave: Airflow's list of runs shows it, as it shows a partition key.

A plugin to be switched on by a file in Airflow's plugins folder, not by installing this package: it is a listener, and
where there is one Airflow refuses DAGs of anybody whose operators have `end_from_trigger=True`.
"""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

__all__ = ["RunNotesPlugin"]

_TAG = "ig-tasks"
_MOST = 200


class _RunNotes:
    """Called by the scheduler; a task has no way to write a note of its own run in Airflow 3.3."""

    @hookimpl
    def on_dag_run_running(self, dag_run: Any, msg: str) -> None:  # noqa: ARG002 - Airflow's signature
        """Note the partition of one of our runs, unless its key says it or somebody has written a note."""
        partition = (dag_run.conf or {}).get("partition")
        dag = getattr(dag_run, "dag", None)
        if not partition or dag_run.partition_key or dag_run.note or _TAG not in (getattr(dag, "tags", None) or ()):
            return
        dag_run.note = f"Partition {partition}"[:_MOST]


class RunNotesPlugin(AirflowPlugin):
    """Notes the partition on runs that got it by a Param."""

    name = "ig_tasks_run_notes"
    listeners = [_RunNotes()]  # noqa: RUF012 - Airflow's own form
