"""report.html: one page without script, drawn from a Report and nothing else.

Every name is escaped by Jinja or, inside a chart, by vl-convert, and its control characters are made visible; the
Content-Security-Policy would stop what they missed. The page loads nothing, so it works offline and when it is sent
by mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ig_tasks.charts import Chart
from ig_tasks.charts.typeface import font_faces
from ig_tasks.presentation import colours
from ig_tasks.presentation.statuses import PROVEN_BY
from ig_tasks.presentation.visible import visible
from ig_tasks.reports import numerals, sentences
from ig_tasks.reports.baseline_words import baseline_output_words, baseline_words, kinds_of
from ig_tasks.reports.contents import PLACE, with_contents
from ig_tasks.reports.dependence_view import dependence_views
from ig_tasks.reports.drift_view import because, drift_view, relative, relative_interval
from ig_tasks.reports.findings import findings
from ig_tasks.reports.glossary import glossary
from ig_tasks.reports.override_notes import HEADLINE, override_words
from ig_tasks.reports.page_files import page_files
from ig_tasks.reports.page_views import example_views, tail_views, target_views
from ig_tasks.reports.provenance import flat, provenance_parts
from ig_tasks.store.report import Report

__all__ = ["CONTENT_SECURITY_POLICY", "render_page"]

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
_HERE = Path(__file__).parent


def render_page(report: Report, document: str | None = None) -> str:
    """The page as HTML text; the same report gives the same page.

    `document` is the text of report.json where it is at hand: writing it takes as long as all else for a wide table.
    """
    targets, targets_left = target_views(report)
    examples, examples_left = example_views(report)
    page = (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            # Constants of ours, which hold nothing of the report.
            policy=Markup(CONTENT_SECURITY_POLICY),  # noqa: S704
            fonts=Markup(font_faces(report.to_json() if document is None else document)),  # noqa: S704
            styles=Markup((_HERE / "styles" / "report.css").read_text(encoding="utf-8")),  # noqa: S704
            colours=colours,
            trust=sentences.trust(report),
            facts=_facts(report),
            baseline=baseline_words(report.baseline, kinds_of(report)),
            baseline_output=baseline_output_words(report, [view.example for view in examples]),
            targets=targets,
            targets_left=targets_left,
            examples=examples,
            examples_left=examples_left,
            reasons=sorted(report.data.quarantine_reasons.items(), key=lambda item: (-item[1], item[0])),
            provenance=provenance_parts(report.provenance),
            card=_card_lines(report.model.figures),
            dependence=dependence_views(report),
            drift=drift_view(report),
            severity=next((check.severity for check in report.checks if check.name == "drift"), "warning"),
            findings=findings(report),
            contents=Markup(PLACE),  # noqa: S704
            tails=tail_views(report),
            glossary=glossary(report),
            files=page_files(report),
        )
    )
    return with_contents(page)


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
                report.label(first[0].feature),
                f"mean |attribution| {numerals.number(first[0].abs_mean)}",
            )
        )
    return facts


def _not_converged(unconverged: int, unverified: int) -> str:
    """`12 rows did not, 40 are unverified`, or that every row that was explained converged."""
    said = [f"{numerals.counted(unconverged, 'row')} did not"] if unconverged else []
    said += [f"{numerals.count(unverified)} are unverified"] if unverified else []
    return ", ".join(said) or "every row that was explained"


def _card_lines(figures: Mapping[str, Any]) -> list[str]:
    """What else the model's card says: a line for each figure or group of figures, and for each remark."""
    lines: list[str] = []
    for key, held in figures.items():
        name = key.replace("_", " ")
        if isinstance(held, Mapping):
            lines.append(f"{name}: " + ", ".join(f"{what[:1].lower()}{what[1:]} {text}" for what, text in flat(held)))
        elif isinstance(held, list):
            lines += [str(item) for item in held]
        else:
            lines += [f"{name}: {text}" for _, text in flat({key: held})]
    return lines


def _when(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _shown(held: Any) -> Any:
    """What an expression of a template gives: its control characters visible, line breaks as they are."""
    return visible(held, breaks=True) if isinstance(held, str) and not isinstance(held, Markup) else held


def _drawn(chart: Chart) -> Markup:
    """A chart's SVG as it is: it comes escaped from vl-convert and holds no script."""
    return Markup(chart.svg())  # noqa: S704


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": numerals.number,
        "count": numerals.count,
        "share": numerals.share,
        "duration": numerals.duration,
        "held": numerals.value,
        "when": _when,
        "drawn": _drawn,
    }
    environment.globals |= {
        "apart": numerals.apart,
        "because": because,
        "relative": relative,
        "relative_interval": relative_interval,
        "chance": numerals.chance,
        "counted": numerals.counted,
        "interval": numerals.interval,
        "partition_words": sentences.partition_words,
        "units": sentences.units,
        "method_words": sentences.method_words,
        "outlier_words": sentences.outlier_words,
        "target_words": sentences.target_words,
        "check_name": sentences.check_name,
        "remedy": sentences.remedy,
        "adhoc_headline": HEADLINE,
        "override_words": override_words,
        "proven_by": PROVEN_BY,
    }
    return environment
