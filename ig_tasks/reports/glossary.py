"""The words that a page uses, and what they mean: only those that stand on it."""

from __future__ import annotations

from collections.abc import Iterator

from ig_tasks.presentation.methods import method_facts
from ig_tasks.store.report import Report

__all__ = ["glossary"]

_ALWAYS = {
    "Attribution": "how far one feature moves the output of one row away from the output at the baseline. The "
    "attributions of a row add up to that difference. Positive: the feature raises the output.",
    "Baseline": "the point of comparison: the input for which every attribution is zero.",
    "Importance": "the mean absolute attribution of a feature over the rows, in the output's units.",
    "Signed mean": "the mean of the attributions with their signs. Rows that it raises and rows that it lowers cancel "
    "out.",
    "Median and quantiles": "the values below which half of the rows lie, or another share of them. They are exact "
    "where there are at most 2048 different values (1024 in a segment). Of more they are read from counts by cells of "
    "values: the sign is right, and the share below such a value is off by less than a fifth of a percent point.",
    "95 % interval": "where the importance of all such rows is expected to lie, given the rows that were read.",
    "Rank interval": "the ranks that a feature may hold, for all features at once, given the intervals.",
    "Convergence delta": "the sum of a row's attributions less the difference that they explain: the error of the "
    "integration.",
    "Converged": "the integration of a row reached the tolerance, both in the delta and in the estimated error.",
    "Quarantine": "rows that could not be explained, with the reason. They are counted and enter no other number.",
}
_LOGIT = "the logarithm of the odds: 0 is a probability of one half, and every 0.69 more doubles the odds."
_UNVERIFIED = "a row whose attributions add up, by a rule that has no error estimate to prove them."
_GROUP = "features that are told together; in each row their attributions are summed."
_SEGMENT = "the rows that hold one level of a column."
_UNKNOWN = "categories outside the model's vocabulary, and nulls: the model takes them all for one."
_TRIMMED = "the mean |attribution| without the hundredth of the rows in which it is greatest."
_STATES = {
    "Changed": "chance does not explain it, and it is large enough to count.",
    "Unchanged": "the importance is shown to be the same, within what counts.",
    "Undetermined": "these rows show neither a change nor its absence.",
    "Small": "a change that is real, and too small a part of all importance to count.",
    "Cancelled": "about as important as before, but parts of it moved in opposite directions.",
    "Alarm": "a change that a person should look at.",
}
_VERDICTS = {
    "ignored": "the model hardly uses the feature.",
    "unused": "without the feature the model is no worse on these labels.",
    "harmful": "without the feature the model is better on these labels.",
    "dominant": "the feature has at least half of all importance. An honest driver and a leak look the same.",
    "value_driven": "one value, or its absence, carries most of the feature's importance.",
    "against_sign": "the feature works against the sign that the spec expects.",
    "redundant": "two features say nearly the same.",
    "opposing": "two features mostly cancel each other.",
    "unstable": "the importance depends on the choice of the baseline.",
    "low_data": "too few rows to judge the feature.",
}


def glossary(report: Report) -> tuple[tuple[str, str], ...]:
    """(term, meaning) of what the page of a report uses."""
    return tuple(_terms(report))


def _terms(report: Report) -> Iterator[tuple[str, str]]:
    yield from _ALWAYS.items()
    if any(target.space == "logit" for target in report.targets):
        yield "Log-odds", _LOGIT
    if report.data.rows_unverified:
        unproven = method_facts(report.attribution.method).unproven
        yield "Unverified", f"a row without proof: {unproven}." if unproven else _UNVERIFIED
    if report.groups:
        yield "Group", _GROUP
    if report.segments:
        yield "Segment", _SEGMENT
    if report.data.unknown:
        yield "Unknown", _UNKNOWN
    if any(spread.trimmed_abs_mean is not None for spread in report.distributions):
        yield "Trimmed mean", _TRIMMED
    if report.drift is not None and report.drift.comparable:
        shown: set[str] = {row.state for row in (*report.drift.features, *report.drift.groups)}
        shown |= {"alarm"} if report.drift.alarms else set()
        yield from ((state, words) for state, words in _STATES.items() if state.lower() in shown)
    verdicts = {verdict.verdict for verdict in report.verdicts}
    yield from ((name.replace("_", " ").capitalize(), words) for name, words in _VERDICTS.items() if name in verdicts)
