"""What came of a run, in a few short values for logs, tasks and those who wait for its report."""

from __future__ import annotations

from ig_tasks.stages.run_reference import Outcome
from ig_tasks.store.report import Report
from ig_tasks.store.runs import locate_report

__all__ = ["leading", "outcome_of", "outcome_words", "verdict"]

_LEADING = 3


def outcome_of(report_uri: str) -> Outcome:
    """Verdict, the features that lead, and where report and page lie: small values.

    Raises:
        ReportError: if there is no such report.
    """
    report, uri = locate_report(report_uri)
    page_uri = f"{uri.removesuffix('.json')}.html"
    return Outcome(verdict=verdict(report), leading=tuple(leading(report)), report_uri=uri, page_uri=page_uri)


def outcome_words(outcome: Outcome) -> str:
    """An outcome in a line."""
    led = f", led by {', '.join(outcome.leading)}" if outcome.leading else ""
    return f"{outcome.verdict}{led}; page {outcome.page_uri}"


def verdict(report: Report) -> str:
    """`published`, `withheld`, or `ad-hoc` where the settings were not the spec's own."""
    return report.state if report.official or not report.published else "ad-hoc"


def leading(report: Report) -> list[str]:
    """The three features that lead the ranking of the first target, as people call them."""
    return [report.label(row.feature) for row in report.ranking()[:_LEADING]]
