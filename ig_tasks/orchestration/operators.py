"""The five tasks of an explanation: each calls its stage of `ig_tasks.pipeline`.

A task hands the next one a small JSON reference; arrays stay in the store. The pipeline, and with it
everything heavy, is imported when a task runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ig_tasks.orchestration.assets import event_extra, report_asset
from ig_tasks.orchestration.compute_operator import ComputeAttributionsOperator
from ig_tasks.orchestration.links import ReportLink
from ig_tasks.orchestration.stage_operator import Ref, StageOperator
from ig_tasks.presentation.colours import TASKS
from ig_tasks.spec import ExplanationSpec
from ig_tasks.web.dag_claims import WRITES

__all__ = [
    "STAGES",
    "BuildBaselineOperator",
    "ComputeAttributionsOperator",
    "LoadModelOperator",
    "PublishReportOperator",
    "StageOperator",
    "ValidateOperator",
]


class LoadModelOperator(StageOperator):
    """Resolves the model package, digests it, and has one worker load and try it."""

    stage = "load_model"


class BuildBaselineOperator(StageOperator):
    """Fits the baseline, or takes the one fitted before."""

    stage = "build_baseline"


class ValidateOperator(StageOperator):
    """Checks the run; a failed check of severity `critical` withholds the report."""

    stage = "validate"
    operator_extra_links = (ReportLink(),)


class PublishReportOperator(StageOperator):
    """Publishes the report and updates the Asset `ig://<name>`; an ad-hoc run's report leaves the Asset alone.

    Args:
        writes: where the reports lie, of which spec: `claim_of`.
    """

    stage = "publish_report"
    operator_extra_links = (ReportLink(),)
    ui_color = TASKS["publish"]
    # A field that Airflow keeps with the DAG, so that the report browser knows which DAG makes which reports.
    template_fields = (*StageOperator.template_fields, WRITES)
    template_fields_renderers: ClassVar[dict[str, str]] = {**StageOperator.template_fields_renderers, WRITES: "json"}

    def __init__(self, *, writes: Mapping[str, str] | None = None, **operator_arguments: Any) -> None:
        super().__init__(**operator_arguments)
        self.writes = dict(writes or {})

    def execute(self, context: Any) -> Ref:
        """Publish, and tell the Asset's consumers which report it was."""
        ref = super().execute(context)
        self._say_where()
        if not ref["official"]:
            # Airflow makes an event of each outlet that a task still has when it succeeds.
            self.outlets = []
            return ref
        name = ExplanationSpec.from_resolved(self.spec).name
        asset = report_asset(name)
        self._say(f"publish_report: Asset ig://{name} is updated, DAGs with schedule=on_reports({name!r}) start")
        event = context["outlet_events"][asset]
        event.extra = event_extra(ref)
        # A run may have got its partition from a Param: the event says which one, whatever the run's own key.
        event.add_partitions(str(ref["partition"]))
        return ref

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002
        """What was read, and the report with its leading features, for OpenLineage."""
        return self._lineage_facets(report_uri=self._lineage[1].get("report_uri") if self._lineage else None)


STAGES: tuple[type[StageOperator], ...] = (
    LoadModelOperator,
    BuildBaselineOperator,
    ComputeAttributionsOperator,
    ValidateOperator,
    PublishReportOperator,
)
