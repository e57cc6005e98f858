"""The task that lets a report pass, warns, fails, or waits for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, ClassVar, NoReturn

from airflow.providers.standard.operators.hitl import ApprovalOperator

from ig_tasks.errors import SpecError, ValidationFailedError, suggest
from ig_tasks.lines import Line, level_of
from ig_tasks.orchestration.assets import validated_asset
from ig_tasks.orchestration.docs import plain
from ig_tasks.orchestration.failures import one_line, plain_failures
from ig_tasks.orchestration.links import ReportLink, page_address
from ig_tasks.presentation.colours import TASKS
from ig_tasks.spec import ExplanationSpec

__all__ = ["ValidateReportOperator"]


class ValidateReportOperator(ApprovalOperator):
    """Lets one report pass, warns, waits for a person, or fails.

    Args:
        report: `name`, `partition` and `report_uri`.
        specs: {name: resolved spec}; the spec's `approval` says whether a person is asked.
        operator_arguments: of `ApprovalOperator`; `notifiers` are called when a person is asked.
    """

    template_fields = ("report",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"report": "json"}
    operator_extra_links = (ReportLink(),)
    ui_color = TASKS["publish"]
    page_uri: str | None = None
    store_uri: str = ""

    def __init__(self, *, report: Any, specs: Any, subject: str = "", **operator_arguments: Any) -> None:
        super().__init__(subject=subject, **operator_arguments)
        self.report = report
        self.specs = specs

    def execute(self, context: Any) -> dict[str, Any]:
        """What was decided.

        Raises:
            StoppedError: if the report may not pass; its line is in the log.
            TaskAwaitingInput: until a person has answered.
        """
        from ig_tasks.store.runs import locate_report
        from ig_tasks.validation.decision import decide, read_answers

        self._keep_outlet()
        with plain_failures(self.log):
            spec = self._spec()
            report, uri = locate_report(str(self.report["report_uri"]))
            self.page_uri, self.store_uri = f"{uri.removesuffix('.json')}.html", spec.store_uri()
            decision = decide(report, spec.approval)
            answers = read_answers(_folder_of(uri), report.revision) if decision.action == "wait" else []
            for finding in decision.findings:
                self._say(Line(f"{report.name} {report.partition}: {finding}", "warning"))
            if decision.action == "fail":
                objections = "; ".join(decision.findings[:3]) or "its report is withheld"
                self._refuse(f"{report.name} {report.partition} may not pass: {objections}")
        # A task that was cleared after a rejection asks once more.
        if answers and answers[-1].approved:
            return self._answered(context, answers[-1], decision.features)
        if decision.action == "wait":
            self.subject = one_line(f"May {report.name} {report.partition} pass? {_features_words(decision.features)}")
            self.body = _body(decision.findings, self.page_uri, self.store_uri)
            self.assigned_users = [{"id": user, "name": user} for user in spec.approval.users] or None
            days = spec.approval.days
            self.response_timeout = None if days is None else timedelta(days=days)
            super().execute(context)
        self._say(f"{report.name} {report.partition}: {'passed' if decision.action == 'pass' else 'passed, warned'}")
        return self._passed(context, decision.action, decision.features)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Go on with a person's answer, which is kept beside the report.

        Raises:
            StoppedError: if the report was rejected, or nobody answered in time.
        """
        from ig_tasks.store.runs import locate_report
        from ig_tasks.validation.decision import decide, keep_answer

        self._keep_outlet()
        with plain_failures(self.log):
            spec = self._spec()
            report, uri = locate_report(str(self.report["report_uri"]))
            self.page_uri, self.store_uri = f"{uri.removesuffix('.json')}.html", spec.store_uri()
            decision = decide(report, spec.approval)
            if event.get("error_type") == "timeout":
                self._refuse(f"{report.name} {report.partition}: nobody answered in time")
            if "error" in event:
                self.process_trigger_event_error(event)
            answer = keep_answer(
                _folder_of(uri),
                report.revision,
                approved=event["chosen_options"] == [self.APPROVE],
                by=_name_of(event.get("responded_by_user")),
                findings=decision.findings,
            )
            return self._answered(context, answer, decision.features)

    def _answered(self, context: Any, answer: Any, features: Iterable[str]) -> dict[str, Any]:
        answered = (
            f"{self.report['name']} {self.report['partition']}: {'approved' if answer.approved else 'rejected'} by"
        )
        line = f"{answered} {answer.by} on {answer.at}"
        if not answer.approved:
            self._refuse(line)
        self._say(line)
        return self._passed(context, "approved", features, by=answer.by)

    def _passed(self, context: Any, decision: str, features: Iterable[str], by: str = "") -> dict[str, Any]:
        extra = {**self.report, "decision": decision, "features": list(features), "by": by, "page_uri": self.page_uri}
        event = context["outlet_events"][validated_asset(str(self.report["name"]))]
        event.extra = extra
        event.add_partitions(str(self.report["partition"]))
        return extra

    def _refuse(self, line: str) -> NoReturn:
        uri = str(self.report["report_uri"])
        raise ValidationFailedError(f"{line}; its report: {uri}", uri)

    def _keep_outlet(self) -> None:
        """Airflow makes an event of each outlet that a task still has when it succeeds."""
        own = validated_asset(str(self.report["name"]))
        self.outlets = [outlet for outlet in self.outlets if outlet == own]

    def _spec(self) -> ExplanationSpec:
        name = str(self.report["name"])
        if name not in self.specs:
            raise SpecError(f"report.name: {name!r} is not a spec here{suggest(name, self.specs, noun='specs')}")
        return ExplanationSpec.from_resolved(self.specs[name])

    def _say(self, line: str) -> None:
        getattr(self.log, level_of(line))("%s", one_line(line))


def _folder_of(report_uri: str) -> Any:
    from ig_tasks.store import Folder

    return Folder(report_uri.rpartition("/")[0])


def _features_words(features: Sequence[str]) -> str:
    more = f" and {len(features) - 3} more" if len(features) > 3 else ""
    return f"Found: {', '.join(features[:3])}{more}" if features else ""


def _body(findings: Sequence[str], page_uri: str, store_uri: str) -> str:
    """What a person reads who is asked, in Markdown. What comes from reports is shown as plain text."""
    address = page_address(page_uri, store_uri)
    page = f"[The report]({address})" if address else f"The report: {plain(page_uri)}"
    listed = "\n".join(f"- {plain(finding)}" for finding in findings)
    return f"{listed}\n\n{page}\n\n*Approve* lets it pass. *Reject* fails this task; the report stays published."


def _name_of(user: Any) -> str:
    return str((user or {}).get("name") or (user or {}).get("id") or "an unknown user")
