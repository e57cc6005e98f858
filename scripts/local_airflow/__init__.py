"""Airflow on this machine, for trying things out: its own home, LocalExecutor, SQLite, loopback only.

    python -m scripts.local_airflow up                        what `make airflow` calls
    python -m scripts.local_airflow run DAG_ID [DAG_ID ...]   what `make demo` calls
    python -m scripts.local_airflow down                      ends one that was left running

Not for production: SQLite takes one writer at a time, so runs are triggered one after the other.
"""

from scripts.local_airflow.api import AirflowApi, AirflowApiError
from scripts.local_airflow.follow import RunOutcome, follow_run
from scripts.local_airflow.home import AirflowHome
from scripts.local_airflow.server import LocalAirflow, running

__all__ = ["AirflowApi", "AirflowApiError", "AirflowHome", "LocalAirflow", "RunOutcome", "follow_run", "running"]
