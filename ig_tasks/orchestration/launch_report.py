"""The task that registers a published report as the one with which its model was launched."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from ig_tasks.errors import ReportError
from ig_tasks.orchestration.failures import one_line, plain_failures
from ig_tasks.presentation.colours import TASKS

__all__ = ["RegisterReferenceOperator"]


class RegisterReferenceOperator(BaseOperator):
    """Registers a report as the launch report, as `ig-tasks launch` does.

    Args:
        ref: what `publish_report` returned, or its Asset's event says: `report_uri` names the report; or its location.
        if_asked: only where the run's Param `register_new_reference` is true; else the task is skipped.
    """

    template_fields = ("ref",)
    ui_color = TASKS["publish"]

    def __init__(self, *, ref: Any, if_asked: bool = False, **operator_arguments: Any) -> None:
        super().__init__(**operator_arguments)
        self.ref = ref
        self.if_asked = if_asked

    def execute(self, context: Any) -> str:
        """Register the report; returns the URI of launch.json.

        Raises:
            StoppedError: if the report is withheld or ad-hoc; its line is in the log.
            AirflowSkipException: if nobody asked for it.
        """
        if self.if_asked and not (context.get("params") or {}).get("register_new_reference"):
            raise AirflowSkipException("nothing to do: the run's Param register_new_reference is off")
        with plain_failures(self.log):
            from ig_tasks.validation.drift.references import register_launch

            ref = self.ref or ""
            report_uri = ref if isinstance(ref, str) else str(ref.get("report_uri") or "")
            if not report_uri:
                raise ReportError("ref.report_uri: is missing; give what publish_report returned")
            registered = register_launch(report_uri, say=lambda line: self.log.warning("%s", one_line(line)))
            self.log.info("%s", one_line(f"register_reference: {report_uri} is the launch report now ({registered})"))
        return registered
