"""The plain sentences of a report: whether its numbers can be trusted, and what they are numbers of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ig_tasks.presentation.methods import method_facts
from ig_tasks.presentation.statuses import proven_by
from ig_tasks.presentation.units import units
from ig_tasks.reports.baseline_words import baseline_words
from ig_tasks.reports.numerals import apart, count, counted, number, share, value
from ig_tasks.store.report import Check, Outlier, Report, TargetInfo

__all__ = [
    "Trust",
    "baseline_words",
    "check_name",
    "left_words",
    "method_words",
    "outlier_words",
    "partition_words",
    "remedy",
    "saw_and_expected",
    "segment_label",
    "target_words",
    "trust",
    "units",
]

_INTEGRATORS = {
    "adaptive": "adaptive quadrature by nested Gauss–Lobatto rules",
    "auto": "a rule chosen by the model",
    "clenshaw_curtis": "adaptive Clenshaw–Curtis quadrature",
    "exact": "exact integration",
    "gauss_legendre": "Gauss–Legendre quadrature",
    "left": "the left Riemann sum",
    "midpoint": "the midpoint rule",
    "secant": "the secant rule",
    "trapezoid": "the trapezoid rule",
}
# By how a check's name begins; a check that brings its own remedy is not looked up.
_REMEDIES = {
    "completeness": "raise attribution.max_evaluations, or loosen attribution.tolerance, and run again",
    "converged": "raise attribution.max_evaluations, or loosen attribution.tolerance, and run again",
    "quarantined": "see the reasons under “What was not explained”, correct the data or the package's vocabulary, "
    "and run again",
    "parity": "the model explained is not the model served: check model.uri, its version and its encoding",
}
_REMEDY = "find the cause before using the numbers, correct it, and run again"


@dataclass(frozen=True)
class Trust:
    """Whether the numbers can be trusted (`headline`), and why (`reason`); `level` is for colour and icon.

    `doubt` is what speaks against the baseline, in sentences: numbers that are proven may answer the wrong question.
    """

    level: Literal["trusted", "care", "unchecked", "withheld"]
    headline: str
    reason: str
    doubt: str = ""


def trust(report: Report) -> Trust:
    """The sentences on top of a report."""
    words, doubt = _proven(report), _doubt(report)
    if report.data.rows_unverified:
        remedy_of_method = proven_by(report.attribution.method)
        words = replace(words, reason=f"{words.reason} To have every row proven, {remedy_of_method}.")
    proven = report.headline is None or report.headline.integration_proven
    if words.level == "trusted" and not proven and report.headline is not None:
        headline = report.headline.integration.removesuffix(".")
        words = replace(words, level="care", headline=headline)
    elif words.level == "trusted" and (doubt or (report.headline is not None and not report.headline.question_sound)):
        words = replace(words, level="care", headline=_proven_question_open(report))
    return replace(words, doubt=doubt)


def _proven_question_open(report: Report) -> str:
    """What was proven, and what the baseline doctor has against the question that was asked."""
    if (known := report.headline) is not None and not known.question_sound:
        question = known.question.removesuffix(".")
        return f"{known.integration.removesuffix('.')}; {question[:1].lower()}{question[1:]}"
    data, tolerance = report.data, report.attribution.tolerance
    converged = data.rows_explained - data.rows_unconverged
    to = f" to {value(tolerance * 100)}\u00a0%" if tolerance is not None else ""
    rows = "" if converged == data.rows_explained else f" for {share(converged / data.rows_explained)} of the rows"
    first, *others = report.baseline.objections
    more = f", and {count(len(others))} more" if others else ""
    return f"Integration proven{to}{rows}; the question (baseline) has an objection: {first.words}{more}"


def _doubt(report: Report) -> str:
    """What the baseline doctor objects to, what that means, and what to do."""
    objections = report.baseline.objections
    if not objections:
        return ""
    objected = "; ".join(objection.words for objection in objections)
    return (
        f"About the baseline: {objected}. The attributions explain how each output differs from the output at the "
        "baseline, so with another baseline they may read otherwise: the command “ig-tasks check” compares several."
    )


def _proven(report: Report) -> Trust:
    rows, failed = _rows_sentence(report), report.failed()
    critical, total = report.failed("critical"), len(report.checks)
    if not report.published:
        which = _listed(critical or failed)
        if not which:
            return Trust("withheld", "These numbers are withheld: do not use them", f"{rows}.")
        noun = "A critical check" if len(critical) == 1 else f"{len(critical)} critical checks"
        return Trust(
            "withheld",
            "These numbers are withheld: do not use them",
            f"{noun} failed: {which}. {rows}. An earlier published report, if there is one, stays in force.",
        )
    if not total:
        return Trust("unchecked", "These numbers have not been checked", f"{rows}; the run made no checks.")
    if failed:
        verb = "gave a warning" if len(failed) == 1 else "gave warnings"
        return Trust(
            "care",
            "These numbers can be used with care",
            f"{rows}, but {len(failed)} of {counted(total, 'check')} {verb}: {_listed(failed)}.",
        )
    passed = "the one check passed" if total == 1 else f"all {total} checks passed"
    if report.data.rows_unverified:
        return Trust("care", "These numbers can be used with care", f"{rows}, and {passed}.")
    return Trust("trusted", "These numbers can be trusted", f"{rows}, and {passed}.")


def _rows_sentence(report: Report) -> str:
    data, tolerance = report.data, report.attribution.tolerance
    if not data.rows_explained:
        return f"None of {counted(data.rows_read, 'row')} could be explained"
    within = f"to within {value(tolerance * 100)}\u00a0%" if tolerance is not None else "to the tolerance"
    if data.rows_explained == data.rows_read:
        sentence = f"All {counted(data.rows_read, 'row')} were explained"
    else:
        sentence = f"{count(data.rows_explained)} of {counted(data.rows_read, 'row')} were explained"
    if not data.rows_unconverged and not data.rows_unverified:
        return f"{sentence}, every one {within}"
    converged = data.rows_explained - data.rows_unconverged - data.rows_unverified
    others = [f"{count(data.rows_unconverged)} not, and flagged"] if data.rows_unconverged else []
    if data.rows_unverified:
        why = method_facts(report.attribution.method).unproven or "they add up, and their rule has no error estimate"
        others.append(f"{count(data.rows_unverified)} unverified: {why}")
    return f"{sentence}, {share(converged / data.rows_explained)} of them {within} ({'; '.join(others)})"


def _listed(checks: tuple[Check, ...]) -> str:
    return "; ".join(f"{check_name(check)} ({saw_and_expected(check)})" for check in checks)


def check_name(check: Check) -> str:
    """`rows_unique` as people write it: `Rows unique`."""
    words = check.name.replace("_", " ").strip() or check.name
    return words[:1].upper() + words[1:]


def saw_and_expected(check: Check) -> str:
    """`observed 0.98, expected at least 0.99`."""
    return f"observed {apart(check.observed, check.expected)}, expected {value(check.expected)}"


def remedy(check: Check) -> str:
    """What to do about a check that failed, as a sentence."""
    begins = (words for name, words in _REMEDIES.items() if check.name.startswith(name))
    words = (check.remedy or next(begins, _REMEDY)).rstrip(". ")
    return f"{words[:1].upper()}{words[1:]}."


def outlier_words(report: Report, outlier: Outlier) -> str:
    """`One row carries 62 % of the importance of Distance: row 7, with an attribution of +41.2. ...`.

    Within a segment it reads `of the importance of Distance where Carrier is AA`.
    """
    moved = outlier.attribution or 0.0
    noun = "attribution" if outlier.group is None else "contribution"
    subject = report.label(outlier.feature) if outlier.group is None else f"the group {outlier.group}"
    if outlier.segment_column is not None:
        subject += f" where {segment_label(report, outlier.segment_column)} is {outlier.segment_level}"
    sentence = (
        f"One row carries {share(outlier.share)} of the importance of {subject}: row {outlier.row_id}, with "
        f"{'an' if noun == 'attribution' else 'a'} {noun} of {'+' if moved > 0 else ''}{number(moved)}"
    )
    if outlier.abs_mean_without is None:
        return f"{sentence}."
    return f"{sentence}. Without it the mean |{noun}| would be {number(outlier.abs_mean_without)}."


def segment_label(report: Report, column: str) -> str:
    """What people call a column of segments."""
    named = next((item.label for item in report.segment_columns if item.column == column and item.label), "")
    return named or report.label(column)


def target_words(target: TargetInfo) -> str:
    """`late, in log-odds (logit)`."""
    unit = units(target.space)
    return f"{target.name}, in {unit}" + ("" if unit == target.space else f" ({target.space})")


def partition_words(report: Report) -> str:
    """`Partition 2013-11`, or that nothing was divided."""
    if report.partition != "all":
        return f"Partition {report.partition}"
    return "All partitions" if report.data.partition_column else "All rows"


def method_words(report: Report) -> str:
    """Method, rule and tolerance in a sentence."""
    how = report.attribution
    facts = method_facts(how.method)
    sentence = facts.title
    if how.options:
        sentence += f" with {', '.join(f'{name} {option}' for name, option in how.options.items())}"
    if how.integrator:
        sentence += f" by {_INTEGRATORS.get(how.integrator, how.integrator.replace('_', ' '))}"
    if facts.unproven:
        sentence += f"; {facts.unproven}"
    elif how.tolerance is not None:
        sentence += f", tolerance {value(how.tolerance * 100)}\u00a0% per row"
    if how.evaluations_per_row is not None:
        sentence += f", {number(how.evaluations_per_row, 3)} gradient evaluations per row on average"
    return sentence


def left_words(shown: int, total: int, noun: str, where: str) -> str:
    """What a table or chart leaves out, in a sentence; empty when nothing.

    >>> left_words(50, 1000, "features", "importance.parquet")
    'The first 50 of 1,000 features are shown; the other 950 are in importance.parquet.'
    """
    if shown >= total:
        return ""
    if total - shown == 1:
        return f"The first {count(shown)} of {count(total)} {noun} are shown; the last is in {where}."
    return (
        f"The first {count(shown)} of {count(total)} {noun} are shown; the other {count(total - shown)} are in {where}."
    )
