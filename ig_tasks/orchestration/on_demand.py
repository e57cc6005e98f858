"""The DAG `ig_explain_on_demand`: a form that explains a few rows of any spec, at once and ad hoc."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param

from ig_tasks.errors import SpecError, suggest
from ig_tasks.orchestration import docs
from ig_tasks.orchestration.failures import retry_defaults
from ig_tasks.orchestration.operators import (
    BuildBaselineOperator,
    ComputeAttributionsOperator,
    LoadModelOperator,
    PublishReportOperator,
    StageOperator,
    ValidateOperator,
)
from ig_tasks.orchestration.partition_choices import PATTERN
from ig_tasks.orchestration.spec_folder import loaded_specs
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.baseline import NEED_OPTIONS, STRATEGIES

__all__ = ["ig_on_demand_dag", "on_demand_spec"]

_MOST_ROWS = 1_000
_PAGE = f"""\
# Explain on demand

*Trigger* asks for a spec and for rows: by their ids, up to {_MOST_ROWS:,}, or a sample. Target, tolerance and baseline
may differ from the spec's; empty means as in the spec. The report is that of an ad-hoc run: it lies in a run's folder
of its own, says what differs from the spec, and never becomes the latest. Its page shows each row that was asked for,
up to 50. The button *Report* of `publish_report` leads to it.
"""


def ig_on_demand_dag(folder: str | Path, **dag_arguments: Any) -> DAG | None:
    """The DAG `ig_explain_on_demand` for the specs of a folder; None where no spec loads.

    Args:
        folder: as for `ig_dags`.
        dag_arguments: of `airflow.sdk.DAG`; `default_args` reaches every task (`pool`, `queue`, callbacks ...).

    Raises:
        SpecError: if there is no such folder.
    """
    specs = loaded_specs(folder)
    if not specs:
        return None
    own_arguments = dict(dag_arguments)
    default_args = {**retry_defaults(), **(own_arguments.get("default_args") or {})}
    arguments: dict[str, Any] = {
        "dag_id": "ig_explain_on_demand",
        "description": "Explains a few rows of any spec, ad hoc",
        "doc_md": _PAGE,
        "schedule": None,
        "tags": ["ig-tasks"],
        **own_arguments,
        "default_args": default_args,
        "params": {**_params(specs), **(own_arguments.get("params") or {})},
    }
    documents = {name: spec.to_document() for name, spec in specs.items()}
    # One task serves all specs, and a task has one pool.
    pools = {spec.compute.pool for spec in specs.values()}
    pool = {"pool": pools.pop() if len(pools) == 1 else "ig_compute"} if "pool" not in default_args else {}
    with DAG(**arguments) as dag:
        ref: Any = None
        for operator in _STAGES:
            task = operator(
                task_id=operator.stage,
                spec=documents,
                ref=ref,
                conf_keys=tuple(dag.params),
                doc_md=docs.TASKS[operator.stage],
                **(pool if operator in _WITH_WORKERS else {}),
            )
            ref = task.output
    return dag


class _OnDemand(StageOperator):
    """A stage whose `spec` is {name: resolved spec}, of which the run's form chooses."""

    def _spec_of_run(self, context: Any) -> ExplanationSpec:
        return on_demand_spec(self.spec, context, conf_keys=self.conf_keys or ())


class LoadModelOnDemandOperator(_OnDemand, LoadModelOperator):
    """`load_model` of the spec that the form names."""


class BuildBaselineOnDemandOperator(_OnDemand, BuildBaselineOperator):
    """`build_baseline` of the spec that the form names."""


class ComputeAttributionsOnDemandOperator(_OnDemand, ComputeAttributionsOperator):
    """`compute_attributions` of the spec that the form names."""


class ValidateOnDemandOperator(_OnDemand, ValidateOperator):
    """`validate` of the spec that the form names."""


class PublishReportOnDemandOperator(_OnDemand, PublishReportOperator):
    """`publish_report` of the spec that the form names; an ad-hoc report updates no Asset."""


_WITH_WORKERS: tuple[type[_OnDemand], ...] = (
    LoadModelOnDemandOperator,
    BuildBaselineOnDemandOperator,
    ComputeAttributionsOnDemandOperator,
)
_STAGES: tuple[type[_OnDemand], ...] = (*_WITH_WORKERS, ValidateOnDemandOperator, PublishReportOnDemandOperator)


def on_demand_spec(
    specs: Mapping[str, Mapping[str, Any]], context: Mapping[str, Any], *, conf_keys: tuple[str, ...]
) -> ExplanationSpec:
    """The spec that a run's form chooses, with the form's rows and settings.

    Args:
        specs: {name: resolved spec}.
        context: Airflow's context of the task.
        conf_keys: the keys that the run's conf may hold.

    Raises:
        SpecError: in one line: no such spec, neither rows nor a sample, both, or nothing that differs from the spec.
    """
    for key in getattr(context.get("dag_run"), "conf", None) or {}:
        if key not in conf_keys:
            raise SpecError(f"conf: {key}: no such key{suggest(str(key), conf_keys, noun='keys')}")
    params = context.get("params") or {}
    name = str(params.get("spec"))
    if name not in specs:
        raise SpecError(f"conf: spec: {name!r} is not a spec here{suggest(name, specs, noun='specs')}")
    spec = ExplanationSpec.from_resolved(specs[name])
    # A form ends lines as it likes; a space is part of an id.
    rows = [str(row).strip("\r\n") for row in params.get("rows") or () if str(row).strip()]
    if bool(rows) == bool(params.get("sample")):
        raise SpecError("conf: rows: give row ids, a line for each, or a sample; one of both")
    settings = {key: params.get(key) for key in ("sample", "tolerance", "baseline", "target")}
    partition = params.get("partition") or context.get("partition_key")
    made = spec.with_overrides(partition=partition, rows=rows or None, **settings)
    if made.official:
        raise SpecError(f"conf: sample: these are the spec's own settings; trigger ig_{name} for its official report")
    return made


def _params(specs: Mapping[str, ExplanationSpec]) -> dict[str, Param]:
    names = list(specs)
    strategies = [name for name in STRATEGIES if name not in (*NEED_OPTIONS, "table")]
    return {
        "spec": Param(names[0], type="string", enum=names, title="Spec", description="Which model, on which data."),
        "partition": Param(
            None,
            type=["null", "string"],
            pattern=PATTERN,
            title="Partition",
            description="One value, a range or all, where the rows are looked for. Empty: the spec's own, else all.",
        ),
        "rows": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            maxItems=_MOST_ROWS,
            title="Row ids",
            description="A line for each row: its id by data.id of the spec, else file:number. Leave the sample empty.",
        ),
        "sample": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Sample",
            description="In place of row ids: this many rows, spread evenly over all.",
        ),
        "target": Param(
            None,
            type=["null", "string"],
            minLength=1,
            title="Target",
            description="A target of the model package, by its name. Empty: as in the spec.",
        ),
        "tolerance": Param(
            None,
            type=["null", "number"],
            exclusiveMinimum=0,
            exclusiveMaximum=1,
            title="Tolerance",
            description="Relative error allowed in each row. Empty: as in the spec.",
        ),
        "baseline": Param(
            None,
            type=["null", "string"],
            enum=[None, *strategies],
            values_display={"null": "as in the spec"},
            title="Baseline",
            description="Strategy by which the baseline is fitted.",
        ),
    }
