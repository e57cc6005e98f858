"""What there is to tell of a report, read from the store, and the texts that tell it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ig_tasks.orchestration.failures import one_line
from ig_tasks.orchestration.links import page_address

__all__ = ["MAIL", "SUBJECT", "WEBHOOK", "escaped_for_webhooks", "notification_fields"]

_NAME = """{{ feature_report.name%s }}{{ (" " ~ feature_report.partition)%s if feature_report.partition }}"""
"""What it is about; a run that was started by hand may have no partition."""
_PLAIN, _ESCAPED = _NAME % ("", ""), _NAME % (" | e", " | e")

SUBJECT = _PLAIN + ": {{ feature_report.state }}"

# What comes from reports is escaped by hand: Airflow's environment of templates does not.
MAIL = """\
<h2>%s: {{ feature_report.state | e }}</h2>
{% if feature_report.reason %}<p>{{ feature_report.reason | e }}</p>{% endif %}
{% if feature_report.features %}<p>Features: <b>{{ feature_report.features | join(", ") | e }}</b></p>{% endif %}
{% if feature_report.findings %}<ul>{% for finding in feature_report.findings %}
<li>{{ finding | e }}</li>{% endfor %}
</ul>{% endif %}
{% if feature_report.leading %}<p>Led by {{ feature_report.leading | join(", ") | e }}</p>{% endif %}
{% if feature_report.page %}<p>Report: {{ feature_report.page | urlize(target="_blank") if feature_report.is_web else
feature_report.page | e }}</p>{% endif %}
{% if feature_report.run %}<p>Run: {{ feature_report.run | e }}</p>{% endif %}
""".replace("%s", _ESCAPED)

WEBHOOK = """\
*%s: {{ feature_report.state }}*
{%- if feature_report.reason %}
{{ feature_report.reason }}{% endif %}
{%- if feature_report.features %}
Features: {{ feature_report.features | join(", ") }}{% endif %}
{%- for finding in feature_report.findings %}
• {{ finding }}{% endfor %}
{%- if feature_report.leading %}
Led by {{ feature_report.leading | join(", ") }}{% endif %}
{%- if feature_report.page %}
Report: {{ feature_report.page }}{% endif %}
{%- if feature_report.run %}
Run: {{ feature_report.run }}{% endif %}""".replace("%s", _PLAIN)

_MOST = 10
"""Findings in a message; the rest is in the report."""


def notification_fields(context: Mapping[str, Any], report: str | None) -> dict[str, Any]:
    """What templates find under `feature_report`: plain text and lists of it, safe to send on as far as secrets go.

    Args:
        context: Airflow's, of a task, a DAG or a deadline.
        report: location of the report, as `locate_report` takes it; None: the one of the task or of the run, if any.
    """
    location = report or _location(context)
    fields = {**_run_fields(context), **(_report_fields(location) if location else {})}
    deadline = context.get("deadline")
    if isinstance(deadline, Mapping):
        fields |= {"state": "no report in time", "reason": f"Not done by {deadline.get('deadline_time')}."}
    elif context.get("exception") is not None:
        fields["reason"] = one_line(str(context["exception"]))[:500]
        fields["state"] = fields["state"] if fields["state"] == "withheld" else "failed"
    elif _awaits_a_person(context):
        fields["state"] = "waits for a person"
    return fields


def escaped_for_webhooks(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the three characters that Slack and its like read as markup, as they ask for it."""

    def text(value: Any) -> Any:
        if isinstance(value, list):
            return [text(item) for item in value]
        if not isinstance(value, str):
            return value
        return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    return {name: text(value) for name, value in fields.items()}


def _run_fields(context: Mapping[str, Any]) -> dict[str, Any]:
    """What is known without a report."""
    run, ti = context.get("dag_run"), context.get("ti") or context.get("task_instance")

    def of(name: str) -> str:
        value = run.get(name) if isinstance(run, Mapping) else getattr(run, name, None)
        return str(value or getattr(ti, name, None) or "")

    return {
        "name": of("dag_id").removeprefix("ig_") or "a run",
        "partition": of("partition_key"),
        "state": "ended",
        "reason": "",
        "features": [],
        "findings": [],
        "leading": [],
        "page": "",
        "is_web": False,
        # A deadline has the run as the API tells it, which calls its id otherwise.
        "run": str(getattr(ti, "log_url", "") or of("run_id") or of("dag_run_id")),
    }


def _report_fields(location: str) -> dict[str, Any]:
    from ig_tasks.errors import IgTasksError
    from ig_tasks.reports.outcome import leading, verdict
    from ig_tasks.spec.approval_section import ApprovalSpec
    from ig_tasks.store.runs import locate_report
    from ig_tasks.validation.decision import decide

    try:
        report, uri = locate_report(location)
    except IgTasksError as error:
        return {"findings": [one_line(f"The report cannot be read: {error}")]}
    decision = decide(report, ApprovalSpec())
    page = f"{uri.removesuffix('.json')}.html"
    address = page_address(page, page.rsplit("/", 3)[0])
    more = len(decision.findings) - _MOST
    findings = [one_line(finding) for finding in decision.findings[:_MOST]]
    return {
        "name": report.name,
        "partition": report.partition,
        "state": verdict(report),
        "features": [one_line(feature) for feature in decision.features],
        "findings": findings + ([f"and {more} more"] if more > 0 else []),
        "leading": [one_line(feature) for feature in leading(report)],
        "page": address or page,
        "is_web": address is not None,
    }


def _location(context: Mapping[str, Any]) -> str | None:
    """Where the report of the task, or else of the run, lies."""
    of_task = getattr(context.get("task"), "report", None)
    if isinstance(of_task, Mapping) and of_task.get("report_uri"):
        return str(of_task["report_uri"])
    ti = context.get("ti")
    for task_id, key in ((getattr(ti, "task_id", None), "report"), ("publish_report", "return_value")):
        result = None
        # Outside a task there may be no results to ask for: then the message is about the run alone.
        with suppress(Exception):
            result = ti.xcom_pull(task_ids=task_id, key=key)  # type: ignore[union-attr]
        if isinstance(result, Mapping) and result.get("report_uri"):
            return str(result["report_uri"])
    return None


def _awaits_a_person(context: Mapping[str, Any]) -> bool:
    from airflow.providers.standard.operators.hitl import HITLOperator

    task = context.get("task")
    return isinstance(task, HITLOperator) and bool(task.subject) and "chosen_options" not in task.hitl_summary_extra
