"""What Airflow's list of providers shows of this package. Imported by every Airflow process: stays light."""

from __future__ import annotations

from typing import Any

__all__ = ["get_provider_info"]


def get_provider_info() -> dict[str, Any]:
    """The `apache_airflow_provider` entry point.

    The form of a `dask` connection is described here, so that Airflow's API server need not import the hook.
    """
    return {
        "package-name": "ig-tasks",
        "name": "ig-tasks",
        "description": "Feature importance of deep models by Integrated Gradients, on Dask workers.",
        "extra-links": ["ig_tasks.orchestration.links.ReportLink"],
        "connection-types": [
            {
                "connection-type": "dask",
                "hook-class-name": "ig_tasks.orchestration.hook.DaskHook",
                "hook-name": "Dask",
                "ui-field-behaviour": {
                    "hidden-fields": ["login", "password"],
                    "relabeling": {"host": "Scheduler host", "schema": "Protocol"},
                    "placeholders": {"host": "dask-scheduler", "port": "8786", "schema": "tcp, or tls"},
                },
                "conn-fields": {
                    "tls_ca_file": _file("Authority's certificate"),
                    "tls_client_cert": _file("Client's certificate"),
                    "tls_client_key": _file("Client's private key"),
                },
            }
        ],
    }


def _file(label: str) -> dict[str, Any]:
    return {
        "label": label,
        "description": "A path on the machines that run Airflow's tasks; with protocol tls only.",
        "schema": {"type": ["string", "null"]},
    }
