"""A section for a model card, in Markdown."""

from __future__ import annotations

from ig_tasks.presentation.visible import visible
from ig_tasks.reports.interval_words import interval_words
from ig_tasks.reports.numerals import count, interval, number, share
from ig_tasks.reports.quality_words import quality_figures, score_words
from ig_tasks.reports.sentences import target_words, trust
from ig_tasks.store.report import Report
from ig_tasks.store.report_quality import Quality

__all__ = ["model_card_section"]

_SHOWN = 15
_SPECIAL = "\\`*_{}[]<>()#+-.!|~"


def model_card_section(report: Report) -> str:
    """What drives the model, how good it was, whether the figures can be trusted, and where they come from."""
    trusted = trust(report)
    attribution, converged = report.attribution, share(report.completeness.converged_fraction)
    rows = f"{count(report.data.rows_explained)} rows of {_plain(report.partition)}"
    how = f"Integrated Gradients over {rows}, from the baseline `{report.baseline.strategy}`"
    proof = f"{converged} of the rows reached the relative tolerance {number(attribution.tolerance)}"
    lines = [
        "## Feature importance",
        "",
        f"**{_plain(trusted.headline)}.** {_plain(trusted.reason)}",
        "",
        f"{how}; {proof}.",
    ]
    for target in report.targets:
        ranking = report.ranking(target.name)
        lines += [
            "",
            f"### {_plain(target_words(target))}",
            "",
            "| rank | feature | mean absolute attribution | 95 % interval | signed mean |",
            "| ---: | --- | ---: | ---: | ---: |",
        ]
        for row in ranking[:_SHOWN]:
            figures = f"{number(row.abs_mean)} | {interval(*row.abs_mean_ci)} | {number(row.mean)}"
            lines.append(f"| {row.rank} | {_plain(report.label(row.feature))} | {figures} |")
        if len(ranking) > _SHOWN:
            lines += ["", f"{len(ranking) - _SHOWN} more features are in the report."]
        if words := interval_words(report, ranking):
            lines += ["", _plain(words)]
    for quality in report.quality:
        lines += _quality(report, quality)
    if words := score_words(report):
        lines += ["", _plain(words)]
    if report.drift is not None:
        lines += ["", "### What changed", "", _plain(report.drift.summary)]
    notes = [f"- {_plain(verdict.why)}" for verdict in report.verdicts]
    notes += [f"- {_plain(objection.words)}" for objection in report.baseline.objections]
    if notes:
        lines += ["", "### To be asked", "", *notes]
    digests = f"model `{report.model.digest}`, data `{report.data.digest}`"
    lines += ["", f"Run `{report.run_id}`, revision {report.revision}; {digests}.", ""]
    return "\n".join(lines)


def _quality(report: Report, quality: Quality) -> list[str]:
    """How good the model was for one target."""
    whose = f" ({_plain(quality.target)})" if len(report.quality) > 1 else ""
    lines = ["", f"### How good the model was{whose}", "", _plain(quality.sentence)]
    if figures := quality_figures(quality):
        lines += ["", "| figure | value | 95 % interval |", "| --- | ---: | ---: |"]
        lines += [
            f"| {name} | {number(amount)} | {interval(low, high) if low is not None else ''} |"
            for name, amount, low, high in ((each.name, each.value, each.low, each.high) for each in figures)
        ]
        rows = f"{count(quality.rows)} rows whose outcome in {_plain(quality.label)} is known"
        lines += ["", f"Over {rows}{f', in {count(quality.clusters)} clusters' if quality.clusters else ''}."]
    return lines


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in visible(text).replace("\n", " "))
