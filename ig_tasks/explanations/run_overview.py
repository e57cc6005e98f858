"""What a notebook shows first of a finished run: whether it can be trusted, and what leads."""

from __future__ import annotations

import html

from ig_tasks.charts import Chart
from ig_tasks.charts.notebook import figure, section, table
from ig_tasks.presentation.visible import visible
from ig_tasks.store.report import Report

__all__ = ["run_html"]


def run_html(report: Report, uri: str, importance: Chart) -> str:
    """The standing of a report, its findings against it, the leading features, and where it lies."""
    data = report.data
    good = report.published and (report.headline is None or report.headline.trusted)
    standing = "published" if report.published else "withheld: a critical check failed"
    standing += "" if report.official else "; ad-hoc, not the spec's own settings"
    parts = [f"<p class=ig-{'good' if good else 'care'}>{_text(standing.capitalize())}.</p>"]
    if report.headline is not None:
        parts += [f"<p>{_text(line)}</p>" for line in (report.headline.integration, report.headline.question)]
    rows = f"{data.rows_explained:,} of {data.rows_read:,} rows explained"
    target = report.targets[0]
    parts.append(
        f"<p class=ig-soft>{_text(f'{rows}; {target.name} in {target.space}; {report.attribution.method}')}.</p>"
    )
    failed = [check for check in report.checks if not check.success]
    parts += [f"<p class=ig-bad>{_text(f'{check.name}: {check.observed} ({check.expected})')}</p>" for check in failed]
    parts.append(figure(importance))
    if report.drift is not None and report.drift.alarms:
        alarms = [{"feature": alarm.feature, "alarm": alarm.sentence} for alarm in report.drift.alarms]
        parts.append(table(alarms))
    parts.append(f"<p class=ig-soft>{_text(uri)}</p>")
    return section(*parts, title=f"{report.name}, {report.partition}")


def _text(text: str) -> str:
    return html.escape(visible(text))
