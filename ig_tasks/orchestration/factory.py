"""DAGs and task groups made of specs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, TaskGroup

from ig_tasks.orchestration import docs
from ig_tasks.orchestration.assets import report_asset
from ig_tasks.orchestration.failures import retry_defaults
from ig_tasks.orchestration.launch_report import RegisterReferenceOperator
from ig_tasks.orchestration.operators import STAGES, PublishReportOperator
from ig_tasks.orchestration.params import params
from ig_tasks.orchestration.schedule import schedule_arguments
from ig_tasks.spec import ExplanationSpec, load_spec
from ig_tasks.web.dag_claims import claim_of

__all__ = ["ig_dag", "ig_task_group"]

SpecSource = str | Path | Mapping[str, Any] | ExplanationSpec

# These start Dask workers, so they share the slots of the spec's pool with all other explanations.
_WITH_WORKERS = {"load_model", "build_baseline", "compute_attributions"}
_MAX_TAG = 100


def ig_dag(spec: SpecSource, **dag_arguments: Any) -> DAG:
    """The DAG `ig_<name>` of a spec.

    Args:
        spec: a YAML file's path, a mapping, or an ExplanationSpec. The resolved spec becomes part of the DAG.
        dag_arguments: arguments of `airflow.sdk.DAG`, which win over the spec's. `default_args` reaches every
            task (`pool`, `queue`, `executor_config`, callbacks, `retries` ...), `params` adds to the spec's.

    Raises:
        SpecError: one line naming the field and the remedy.
    """
    resolved = load_spec(spec)
    own_arguments = dict(dag_arguments)
    default_args = _defaults(resolved, own_arguments.pop("default_args", None))
    arguments: dict[str, Any] = {
        "dag_id": f"ig_{resolved.name}",
        "description": resolved.description or f"Feature importance of {resolved.name}",
        "doc_md": docs.dag_page(resolved),
        "tags": sorted({"ig-tasks", *(tag[:_MAX_TAG] for tag in resolved.tags)}),
        "max_active_runs": 1,
        **schedule_arguments(resolved),
        **own_arguments,
        "params": {**params(resolved), **(own_arguments.get("params") or {})},
    }
    with DAG(default_args=default_args, **arguments) as dag:
        published = _add_tasks(resolved, default_args, conf_keys=tuple(dag.params))
        RegisterReferenceOperator(
            task_id="register_reference", ref=published, if_asked=True, doc_md=docs.TASKS["register_reference"]
        )
    return dag


def ig_task_group(
    spec: SpecSource,
    *,
    group_id: str | None = None,
    default_args: Mapping[str, Any] | None = None,
    **task_arguments: Any,
) -> TaskGroup:
    """The five tasks of a spec as a group in a DAG of one's own, `ig_<name>` unless `group_id` is given.

    The DAG's Params `partition`, `sample`, `tolerance`, `baseline` and `fail_on_violation` are used where it has them,
    and its runs' partition key; its schedule is its own. The last task returns the reference of the published report.

    Args:
        spec: as for `ig_dag`.
        default_args: defaults of the group's tasks; they win over those of the DAG.
        task_arguments: given to each of the tasks: `pool`, `queue`, `executor_config`, callbacks ...

    Raises:
        SpecError: one line naming the field and the remedy.
    """
    from airflow.sdk.definitions._internal.contextmanager import DagContext

    resolved = load_spec(spec)
    outer = DagContext.get_current()
    inherited = dict(outer.default_args) if outer is not None else {}
    defaults = _defaults(resolved, {**inherited, **(default_args or {}), **task_arguments})
    group_id = group_id or f"ig_{resolved.name}"
    with TaskGroup(group_id, default_args=defaults, doc_md=docs.dag_page(resolved)) as group:  # type: ignore[arg-type]
        _add_tasks(resolved, defaults, conf_keys=None)
    return group


def _defaults(spec: ExplanationSpec, own_defaults: Mapping[str, Any] | None) -> dict[str, Any]:
    """What holds for every task unless the caller says otherwise."""
    return {
        "owner": spec.owner or "airflow",
        **retry_defaults(),
        **(own_defaults or {}),
    }


def _add_tasks(spec: ExplanationSpec, defaults: Mapping[str, Any], *, conf_keys: Collection[str] | None) -> Any:
    """The tasks of the stages; returns what the last one returns, for a task after it."""
    document = spec.to_document()
    ref: Any = None
    for operator in STAGES:
        arguments: dict[str, Any] = {}
        if operator.stage in _WITH_WORKERS and "pool" not in defaults:
            arguments["pool"] = spec.compute.pool
        if operator is PublishReportOperator:
            arguments["outlets"] = [report_asset(spec.name)]
            arguments["writes"] = claim_of(spec)
        task = operator(
            task_id=operator.stage,
            spec=document,
            ref=ref,
            conf_keys=conf_keys,
            doc_md=docs.TASKS[operator.stage],
            **arguments,
        )
        ref = task.output
    return ref
