"""The DAG `ig_feature_validation`: what happens to each published report, by its drift and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseNotifier, BaseOperator, Param

from ig_tasks.errors import SpecError, suggest
from ig_tasks.orchestration.assets import on_reports, validated_asset
from ig_tasks.orchestration.failures import one_line, plain_failures, retry_defaults
from ig_tasks.orchestration.partition_choices import PATTERN
from ig_tasks.orchestration.spec_folder import loaded_specs
from ig_tasks.orchestration.validate_report import ValidateReportOperator
from ig_tasks.presentation.colours import TASKS
from ig_tasks.spec import ExplanationSpec

__all__ = ["ReadReportsOperator", "ig_feature_validation_dag"]

_PAGE = """\
# Feature validation

Runs for each report that a spec of this folder publishes. It reads the report's checks, its comparison with an earlier
report and its verdicts, and computes nothing.

| found | what happens |
|---|---|
| nothing | the Asset `ig://<name>/validated` is updated |
| warnings | they are logged, and the Asset is updated |
| what the spec's `approval` names | the task waits for a person (*Required Actions*); *Approve* updates the Asset |
| anything else that is critical, a rejection, a report that is withheld | the task fails |

A DAG that may go on only then has `schedule=on_validated("<name>")`, from `ig_tasks.orchestration`. *Trigger* judges
the latest report of a spec, or that of a partition, again.
"""


def ig_feature_validation_dag(
    folder: str | Path, *, notifiers: Sequence[BaseNotifier] | BaseNotifier = (), **dag_arguments: Any
) -> DAG | None:
    """The DAG `ig_feature_validation` of all specs of a folder; None where no spec loads.

    Args:
        folder: as for `ig_dags`.
        notifiers: called when a person is asked.
        dag_arguments: of `airflow.sdk.DAG`; `default_args` reaches both tasks (callbacks, `owner`, `queue` ...).

    Raises:
        SpecError: if there is no such folder.
    """
    specs = loaded_specs(folder)
    if not specs:
        return None
    own_arguments = dict(dag_arguments)
    arguments: dict[str, Any] = {
        "dag_id": "ig_feature_validation",
        "description": "Lets reports pass, warns, fails or asks a person, by drift and verdicts",
        "doc_md": _PAGE,
        "schedule": on_reports(*specs),
        "catchup": False,
        "tags": ["ig-tasks"],
        **own_arguments,
        "default_args": {**retry_defaults(), **(own_arguments.get("default_args") or {})},
        "params": {**_params(specs), **(own_arguments.get("params") or {})},
    }
    documents = {name: spec.to_document() for name, spec in specs.items()}
    with DAG(**arguments) as dag:
        reports = ReadReportsOperator(
            task_id="read_reports", specs=documents, doc_md="The reports of this run: those of its events."
        )
        ValidateReportOperator.partial(
            task_id="validate_report",
            specs=documents,
            notifiers=notifiers,
            outlets=[validated_asset(name) for name in specs],
            map_index_template="{{ task.report['name'] }} {{ task.report['partition'] }}",
            doc_md="Lets the report pass, warns, waits for a person, or fails.",
        ).expand(report=reports.output)
    return dag


class ReadReportsOperator(BaseOperator):
    """The reports that a run is about: those of its events, or the one that its Params name.

    Args:
        specs: {name: resolved spec}.
    """

    ui_color = TASKS["stage"]

    def __init__(self, *, specs: Mapping[str, Mapping[str, Any]], **operator_arguments: Any) -> None:
        super().__init__(**operator_arguments)
        self.specs = dict(specs)

    def execute(self, context: Any) -> list[dict[str, Any]]:
        """`name`, `partition`, `report_uri` of each report.

        Raises:
            StoppedError: if there is no such report; its line is in the log.
        """
        with plain_failures(self.log):
            reports = list(_reports_of_events(context.get("triggering_asset_events") or {})) or [
                self._report_of_params(context)
            ]
        for report in reports:
            self.log.info("%s", one_line(f"read_reports: {report['report_uri']}"))
        return reports

    def _report_of_params(self, context: Any) -> dict[str, Any]:
        params = context.get("params") or {}
        name, partition = params.get("spec"), params.get("partition") or context.get("partition_key")
        if name not in self.specs:
            raise SpecError(f"conf: spec: {name!r} is not a spec here{suggest(str(name), self.specs, noun='specs')}")
        from ig_tasks.store.runs import locate_report
        from ig_tasks.validation.drift.references import locate_run

        place = f"{ExplanationSpec.from_resolved(self.specs[name]).store_uri()}/{name}"
        if partition:
            place = locate_run(f"{place}@{partition}").uri
        report, uri = locate_report(place)
        return {"name": name, "partition": report.partition, "report_uri": uri}


def _params(specs: Mapping[str, ExplanationSpec]) -> dict[str, Param]:
    names = list(specs)
    return {
        "spec": Param(
            names[0],
            type="string",
            enum=names,
            title="Spec",
            description="Whose report is judged. A run that a report has started judges that one instead.",
        ),
        "partition": Param(
            None,
            type=["null", "string"],
            pattern=PATTERN,
            title="Partition",
            description="Empty: the latest report.",
        ),
    }


def _reports_of_events(events: Mapping[Any, Sequence[Any]]) -> Iterable[dict[str, Any]]:
    """The reports of a run's events; of several events of one report the last."""
    reports: dict[str, dict[str, Any]] = {}
    for asset, events_of_asset in events.items():
        name = str(asset.name).removeprefix("ig://")
        for event in events_of_asset:
            extra = event.extra
            reports[str(extra["report_uri"])] = {
                "name": name,
                "partition": extra.get("partition") or "all",
                "report_uri": extra["report_uri"],
            }
    return reports.values()
