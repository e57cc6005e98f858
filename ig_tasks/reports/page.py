"""report.html: one page without script, drawn from a Report and nothing else.

Every name is escaped by Jinja or, inside a chart, by vl-convert, and its control characters are made visible; the
Content-Security-Policy would stop what they missed. The page loads nothing, so it works offline and when it is sent
by mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from ig_tasks.charts.chart import unvalidated
from ig_tasks.presentation.shortening import shortened
from ig_tasks.reports import numerals, sentences
from ig_tasks.reports.baseline_words import baseline_output_words, baseline_words, kinds_of
from ig_tasks.reports.dependence_view import dependence_views
from ig_tasks.reports.drift_view import drift_view
from ig_tasks.reports.explanation_quality_view import explanation_views
from ig_tasks.reports.findings import findings
from ig_tasks.reports.glossary import glossary
from ig_tasks.reports.page_contents import PLACE, with_contents
from ig_tasks.reports.page_environment import CONTENT_SECURITY_POLICY, environment, frame
from ig_tasks.reports.page_files import page_files
from ig_tasks.reports.page_views import example_views, tail_views, target_views
from ig_tasks.reports.provenance import flat, provenance_parts
from ig_tasks.reports.quality_view import calibration_charts
from ig_tasks.store.report import Report

__all__ = ["CONTENT_SECURITY_POLICY", "page_parts", "render_page"]


def render_page(report: Report, document: str | None = None) -> str:
    """The page as HTML text; the same report gives the same page.

    `document` is the text of report.json where it is at hand: writing it takes as long as all else for a wide table.
    """
    with unvalidated():
        page = (
            environment()
            .get_template("report.html")
            .render(
                **page_parts(report),
                **frame(report.to_json() if document is None else document),
                contents=Markup(PLACE),  # noqa: S704
                files=page_files(report),
            )
        )
    return with_contents(page)


def page_parts(report: Report) -> dict[str, Any]:
    """What the sections show: templates take it by these names, on the page and in the browser."""
    targets, targets_left = target_views(report)
    examples, examples_left = example_views(report)
    return {
        "report": report,
        "trust": sentences.trust(report),
        "facts": _facts(report),
        "baseline": baseline_words(report.baseline, kinds_of(report)),
        "baseline_output": baseline_output_words(report, [view.example for view in examples]),
        "targets": targets,
        "targets_left": targets_left,
        "examples": examples,
        "examples_left": examples_left,
        "reasons": sorted(report.data.quarantine_reasons.items(), key=lambda item: (-item[1], item[0])),
        "provenance": provenance_parts(report.provenance),
        "card": _card_lines(report.model.figures),
        "dependence": dependence_views(report),
        "drift": drift_view(report),
        "severity": next((check.severity for check in report.checks if check.name == "drift"), "warning"),
        "calibration": calibration_charts(report),
        "explanation_figures": explanation_views(report),
        "findings": findings(report),
        "tails": tail_views(report),
        "glossary": glossary(report),
    }


def _facts(report: Report) -> list[tuple[str, str, str]]:
    """(what, figure, in small) for the strip under the title."""
    data, checks = report.data, report.checks
    passed = sum(check.success for check in checks)
    critical = len(report.failed("critical"))
    failures = numerals.counted(critical, "critical failure") if critical else "no critical failure"
    first = report.ranking()[:1]
    facts = [
        ("Rows explained", numerals.count(data.rows_explained), f"of {numerals.count(data.rows_read)} read"),
        (
            "Converged",
            numerals.share(report.completeness.converged_fraction),
            _not_converged(data.rows_unconverged, data.rows_unverified),
        ),
        ("Checks passed", f"{passed} of {len(checks)}", failures),
    ]
    if first:
        facts.append(
            (
                "Most important",
                shortened(report.label(first[0].feature), 48),
                f"mean |attribution| {numerals.number(first[0].abs_mean)}",
            )
        )
    return facts


def _not_converged(unconverged: int, unverified: int) -> str:
    """`12 rows did not, 40 are unverified`, or that every row that was explained converged."""
    words = [f"{numerals.counted(unconverged, 'row')} did not"] if unconverged else []
    words += [f"{numerals.count(unverified)} are unverified"] if unverified else []
    return ", ".join(words) or "every row that was explained"


def _card_lines(figures: Mapping[str, Any]) -> list[str]:
    """What else the model's card says: a line for each figure or group of figures, and for each remark."""
    lines: list[str] = []
    for key, figure in figures.items():
        name = key.replace("_", " ")
        if isinstance(figure, Mapping):
            lines.append(
                f"{name}: " + ", ".join(f"{label[:1].lower()}{label[1:]} {text}" for label, text in flat(figure))
            )
        elif isinstance(figure, list):
            lines += [str(item) for item in figure]
        else:
            lines += [f"{name}: {text}" for _, text in flat({key: figure})]
    return lines
