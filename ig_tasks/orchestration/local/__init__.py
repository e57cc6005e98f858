"""Airflow on this machine, for trying things out: its own home, LocalExecutor, SQLite, loopback only.

    python -m ig_tasks.orchestration.local up                        what `make airflow` calls
    python -m ig_tasks.orchestration.local run DAG_ID [DAG_ID ...]   what `make demo` calls
    python -m ig_tasks.orchestration.local down                      ends one that was left running

Not for production: SQLite takes one writer at a time, so runs are triggered one after the other.
"""

from ig_tasks.orchestration.local.api import AirflowApi, AirflowApiError
from ig_tasks.orchestration.local.follow import RunOutcome, follow_run
from ig_tasks.orchestration.local.home import AirflowHome
from ig_tasks.orchestration.local.server import LocalAirflow, running

__all__ = ["AirflowApi", "AirflowApiError", "AirflowHome", "LocalAirflow", "RunOutcome", "follow_run", "running"]
