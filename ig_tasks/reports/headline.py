"""What was proven of a report: its integration, the question that its baseline asks, and the interpretability score."""

from __future__ import annotations

from collections.abc import Sequence

from ig_tasks.reports.numerals import count, counted, value
from ig_tasks.reports.objections import FEWEST
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.store.report import BaselineObjection, BaselineStability, Check, Headline, Interpretability

__all__ = ["headline_of", "interpretability_of"]

_INTEGRATION = ("completeness", "converged", "attributions_finite")
"""Checks that judge the integration."""


def headline_of(
    summary: ShardSummary,
    checks: Sequence[Check],
    objections: Sequence[BaselineObjection],
    *,
    tolerance: float,
    absolute_tolerance: float = 0.0,
) -> Headline:
    """The facts of a report's headline.

    Args:
        tolerance, absolute_tolerance: that were asked of each row.
    """
    judged = {check.name: check.success for check in checks}
    passed = all(judged.get(name, False) for name in _INTEGRATION)
    proven = passed and summary.rows_explained > 0 and not summary.rows_unverified
    within = f"{value(tolerance * 100)}\u00a0%" + (f" and {value(absolute_tolerance)}" if absolute_tolerance else "")
    rows = f"{count(summary.rows_converged)} of {counted(summary.rows_explained, 'row')}"
    if proven:
        flagged = summary.rows_unconverged
        unconverged = f" ({count(flagged)} not, and flagged)" if flagged else ""
        integration = f"Integration proven to {within}: {rows}{unconverged}."
    else:
        integration = f"Integration not proven to {within}: {rows}."
    examined = summary.rows_explained >= FEWEST
    sound = examined and not objections
    objected = "; ".join(objection.words for objection in objections)
    question = "nothing was found against it" if sound else objected
    verdict = "has no objection" if sound else f"has {'an objection' if len(objections) == 1 else 'objections'}"
    return Headline(
        trusted=proven and sound and bool(checks) and all(judged.values()),
        integration_proven=proven,
        integration=integration,
        question_sound=sound,
        question=f"The question (baseline) {verdict}: {question}."
        if examined
        else f"The question (baseline) was not examined: {FEWEST} rows are needed.",
    )


def interpretability_of(summary: ShardSummary, stability: BaselineStability | None) -> Interpretability:
    """The score: coverage x convergence x baseline stability; null where one of them is not known."""
    coverage = summary.rows_explained / summary.rows_read if summary.rows_read else None
    convergence = summary.rows_converged / summary.rows_explained if summary.rows_explained else None
    stable = None if stability is None else stability.value
    known = coverage is not None and convergence is not None and stable is not None
    return Interpretability(
        score=(coverage or 0.0) * (convergence or 0.0) * (stable or 0.0) if known else None,
        coverage=coverage,
        convergence=convergence,
        baseline_stability=stable,
        stability=stability,
    )
