"""What a report found, in sentences: what leads and by how much, what changed and why, what asks for a look."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from ig_tasks.presentation.methods import method_facts
from ig_tasks.reports.numerals import count, counted, number, share
from ig_tasks.reports.sentences import outlier_words, target_words
from ig_tasks.store.report import Importance, Report, TargetInfo
from ig_tasks.store.report_units import units_in

__all__ = ["Finding", "findings"]

_TARGETS, _NEXT, _OUTLIERS, _VERDICTS = 2, 3, 2, 3
_UNKNOWN = 0.05
"""Share of a feature's categories from which unknown ones are a finding."""
_LEADING, _LEADS = 6, 1.15
"""Leading features, among which those carried by few rows are a finding; how many times as important as the second
feature the first must be to be compared with it."""
_TAIL = 0.25
"""Share of a feature's importance in a hundredth of the rows from which it is a finding."""


class Finding(NamedTuple):
    """One sentence or two, the section of the page that has more of it, and whether it asks for a person."""

    about: str
    words: str
    section: str
    asks: bool = False


def findings(report: Report) -> tuple[Finding, ...]:
    """The findings of a report, in the order in which an owner asks."""
    return (
        *_leading(report),
        *_changed(report),
        *_quality(report),
        *_verdicts(report),
        *_objections(report),
        *_single_rows(report),
        *_unknown(report),
    )


def _leading(report: Report) -> Iterator[Finding]:
    for target in report.targets[:_TARGETS]:
        ranking = [row for row in report.ranking(target.name) if row.abs_mean]
        if not ranking:
            continue
        whose = f" of {target_words(target)}" if len(report.targets) > 1 else ""
        yield Finding(f"What leads{whose}", _leader_words(report, target, ranking), "importance")


def _leader_words(report: Report, target: TargetInfo, ranking: list[Importance]) -> str:
    first, *others = ranking
    size, total = first.abs_mean or 0.0, sum(row.abs_mean or 0.0 for row in ranking)
    unit = units_in(report, target)
    label = report.label(first.feature)
    moves = f"{label} moves the output by {number(size, 3)} ({unit}) on average"
    if not method_facts(report.attribution.method).complete:  # its figures are no parts of an output
        moves = f"{label} leads with a mean |attribution| of {number(size, 3)} ({unit})"
    words = f"{moves}, {_share_of(size, total)} of all importance"
    if not others:
        return f"{words}.{_in_probability(report, target, size)}"
    second = others[0].abs_mean or 0.0
    rivals = [row for row in others if row.rank_ci[0] == 1] if first.rank_ci[1] > 1 else []
    if rivals:
        named = _listed([report.label(row.feature) for row in rivals[:_NEXT]])
        words += f". It is not settled that it leads: {named} may be as important"
    elif size >= _LEADS * second:
        words += f", {number(size / second, 2)} times as much as {report.label(others[0].feature)}, the second"
    after = [f"{report.label(row.feature)} ({_share_of(row.abs_mean or 0.0, total)})" for row in others[:_NEXT]]
    words += f". After it: {_listed(after)}"
    few = _features_for(ranking, total)
    if len(ranking) > 2 * few:
        words += f". {counted(few, 'feature')} of {count(len(ranking))} make up 90 % of the importance"
    return f"{words}.{_in_probability(report, target, size)}"


def _features_for(ranking: list[Importance], total: float, part: float = 0.9) -> int:
    """How many of the most important features have `part` of all importance."""
    so_far = 0.0
    for place, row in enumerate(ranking, start=1):
        so_far += row.abs_mean or 0.0
        if so_far >= part * total:
            return place
    return len(ranking)


def _in_probability(report: Report, target: TargetInfo, size: float) -> str:
    """What the size means for a probability at the baseline, where log-odds say one."""
    base = report.baseline.output_probability
    if target.space != "logit" or base is None or target is not report.targets[0] or not 0 < base < 1:
        return ""
    at = math.log(base / (1 - base))
    up, down = (1 / (1 + math.exp(-(at + step))) for step in (size, -size))
    start = f"From the baseline's probability of {share(base)}"
    return f" {start}, a step of this size leads up to {share(up)} or down to {share(down)}."


def _changed(report: Report) -> Iterator[Finding]:
    drift = report.drift
    if drift is None:
        return
    since = f" since {drift.reference.partition}" if drift.reference is not None else ""
    yield Finding(f"What changed{since}", drift.summary, "drift", asks=bool(drift.alarms))


def _quality(report: Report) -> Iterator[Finding]:
    for place, quality in enumerate(report.quality[:_TARGETS], start=1):
        if quality.sentence:
            whose = f" ({quality.target})" if len(report.quality) > 1 else ""
            yield Finding(f"How good the model was{whose}", quality.sentence, f"quality-{place}")


def _verdicts(report: Report) -> Iterator[Finding]:
    grave = [verdict for verdict in report.verdicts if verdict.severity != "note"]
    notes = len(report.verdicts) - len(grave)
    words = [verdict.why for verdict in grave[:_VERDICTS]]
    if len(grave) > _VERDICTS:
        words.append(f"{count(len(grave) - _VERDICTS)} more need a look.")
    if notes:
        kinds = dict.fromkeys(
            verdict.verdict.replace("_", " ") for verdict in report.verdicts if verdict.severity == "note"
        )
        words.append(f"{counted(notes, 'note')} on single features ({', '.join(kinds)}).")
    if words:
        yield Finding("Single features", " ".join(words), "verdicts", asks=bool(grave))


def _objections(report: Report) -> Iterator[Finding]:
    objections = report.baseline.objections
    if objections:
        words = "; ".join(objection.words for objection in objections)
        yield Finding(
            f"Against the baseline ({report.baseline.strategy})",
            f"{words[:1].upper()}{words[1:]}.",
            "explained",
            asks=True,
        )


def _single_rows(report: Report) -> Iterator[Finding]:
    words = [outlier_words(report, outlier) for outlier in report.outliers[:_OUTLIERS]]
    if (left := len(report.outliers) - _OUTLIERS) > 0:
        words.append(f"{counted(left, 'more importance')} hang on one row.")
    if within := len(report.outliers_within):
        verb = "hangs" if within == 1 else "hang"
        words.append(f"Within segments and groups {counted(within, 'importance')} {verb} on one row.")
    if words:
        yield Finding("Single rows", " ".join(words), "outliers", asks=bool(report.outliers))
    leading = {row.feature for row in report.ranking()[:_LEADING]}
    carried = [
        f"{share(part)} of the importance of {report.label(spread.feature)}"
        for spread in report.distributions
        if spread.target == report.targets[0].name
        and spread.feature in leading
        and (part := spread.tail_share or 0.0) >= _TAIL
    ]
    if carried:
        sentence = f"The hundredth of the rows with the greatest attributions carries {_listed(carried[:_NEXT])}."
        yield Finding("Few rows", sentence, "outliers")


def _unknown(report: Report) -> Iterator[Finding]:
    known = [unknown for unknown in report.data.unknown if (unknown.share or 0.0) >= _UNKNOWN]
    if known:
        most = sorted(known, key=lambda unknown: -(unknown.share or 0.0))[:_NEXT]
        named = _listed([f"{report.label(unknown.feature)} in {share(unknown.share)} of the rows" for unknown in most])
        failed = any(unknown.at_most is not None and (unknown.share or 0.0) > unknown.at_most for unknown in most)
        yield Finding("Unknown to the model", f"The model does not know the value of {named}.", "unknown", asks=failed)


def _share_of(size: float, total: float) -> str:
    return share(size / total) if total else "0 %"


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
