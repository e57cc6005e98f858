"""Airflow: a DAG for every spec.

    from ig_tasks.orchestration import ig_dag, ig_dags, ig_task_group

Importing this is light: names are fetched when they are used, and nothing here imports a framework,
pandas, pyarrow, Dask or Great Expectations before a task runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ig_tasks.orchestration.assets import on_reports, on_validated, report_asset, validated_asset
    from ig_tasks.orchestration.factory import ig_dag, ig_task_group
    from ig_tasks.orchestration.feature_validation import ig_feature_validation_dag
    from ig_tasks.orchestration.hook import DaskHook
    from ig_tasks.orchestration.launch_report import RegisterReferenceOperator
    from ig_tasks.orchestration.notifier import FeatureReportNotifier
    from ig_tasks.orchestration.on_demand import ig_on_demand_dag
    from ig_tasks.orchestration.spec_folder import ig_dags, require_specs

__all__ = [
    "DaskHook",
    "FeatureReportNotifier",
    "RegisterReferenceOperator",
    "ig_dag",
    "ig_dags",
    "ig_feature_validation_dag",
    "ig_on_demand_dag",
    "ig_task_group",
    "on_reports",
    "on_validated",
    "report_asset",
    "require_specs",
    "validated_asset",
]

_HOME = {
    "DaskHook": "hook",
    "FeatureReportNotifier": "notifier",
    "RegisterReferenceOperator": "launch_report",
    "ig_dag": "factory",
    "ig_dags": "spec_folder",
    "ig_feature_validation_dag": "feature_validation",
    "ig_on_demand_dag": "on_demand",
    "ig_task_group": "factory",
    "on_reports": "assets",
    "on_validated": "assets",
    "validated_asset": "assets",
    "report_asset": "assets",
    "require_specs": "spec_folder",
}


def __getattr__(name: str) -> Any:
    # Airflow asks provider_info of this package in every process that starts; that must not import its SDK.
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
