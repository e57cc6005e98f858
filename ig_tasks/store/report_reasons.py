"""The part of a report that says how many rows had an adverse decision, and for which reasons."""

from __future__ import annotations

from typing import Literal

from ig_tasks.store.report_values import Count, Figure, Part

__all__ = ["ReasonCount", "ReasonsInfo"]


class ReasonCount(Part):
    """How often something was a reason."""

    name: str
    """The feature, or the group."""
    code: str = ""
    text: str = ""
    """Empty where the spec has no text for it."""
    rows: Count
    """Rows that list it."""
    first: Count
    """Rows that list it first."""
    other_decision: Figure = None
    """Mean share, over the rows that list it, of the comparisons without it in which the decision would be another;
    null where the model was not asked."""


class ReasonsInfo(Part):
    """Adverse decisions and their reasons; the rows themselves are in reasons.parquet and reasons.csv.

    rows_adverse = rows_certified + rows_tied + rows_without + rows_unconverged + rows_unverified.
    """

    target: str
    space: str
    """In which the threshold is given."""
    threshold: float
    adverse: Literal["above", "below"]
    """On which side of the threshold the decision is adverse; a row at the threshold passes."""
    top: Count
    by: Literal["features", "groups"]
    rows_adverse: Count
    """Explained rows with an adverse decision."""
    rows_certified: Count
    """Adverse rows whose reasons surely outweigh everything that is not listed."""
    rows_tied: Count
    """Adverse rows in which something that is not listed may outweigh a reason."""
    rows_without: Count
    """Adverse rows in which no contribution towards the adverse side is proven."""
    rows_fewer: Count
    """Certified rows with fewer than `top` reasons."""
    rows_unconverged: Count
    """Adverse rows that did not reach the tolerance: they have no reasons."""
    rows_unverified: Count
    """Adverse rows without an error estimate: they have no reasons."""
    rows_quarantined: Count
    """Rows that could not be explained, whatever was decided on them."""
    tied_share: Figure = None
    """rows_tied by the rows that have reasons; null if no row has any."""
    reasons: tuple[ReasonCount, ...] = ()
    """The most frequent first; what was never a reason is left out."""
    rows_dependent: Count | None = None
    """Rows whose decision would be another, in at least half of the comparisons, without one of their reasons alone;
    null where the model was not asked."""
    ablation_why_not: str = ""
    """Why the model could not be asked, where the spec wants it."""
