"""The parts of a report that say how far its numbers can be relied on."""

from __future__ import annotations

from ig_tasks.store.report_values import Count, Figure, Part

__all__ = ["BaselineStability", "ComparedBaseline", "Headline", "Interpretability"]


class ComparedBaseline(Part):
    """How alike the importances from another baseline are."""

    name: str
    overlap: Figure
    """Sum over features of the lesser of both shares of all importance: 1 if they are the same, 0 if none is shared."""


class BaselineStability(Part):
    """How much of the importance stays where it is when the baseline is another, by the baseline doctor's table."""

    value: Figure
    """Mean overlap with the baselines compared; null if no baseline was compared."""
    own: str = ""
    """The run's baseline."""
    compared: tuple[ComparedBaseline, ...] = ()
    """Baselines that nothing speaks against; without any such, all others that could be tried."""
    rows: Count = 0
    """Rows that were explained from each, once per model."""
    why_not: str = ""
    """Why the table is not there."""


class Interpretability(Part):
    """The interpretability score, from 0 to 1: coverage x convergence x baseline stability."""

    score: Figure
    """Null where a factor is not known."""
    coverage: Figure
    """Rows explained, of the rows read."""
    convergence: Figure
    """Rows proven to the tolerance, of the rows explained."""
    baseline_stability: Figure
    formula: str = "coverage x convergence x baseline stability"
    stability: BaselineStability | None = None
    """What `baseline_stability` is made of."""


class Headline(Part):
    """What was proven of a report, and what was not."""

    trusted: bool
    """Every check passed, the integration is proven, and nothing speaks against the baseline."""
    integration_proven: bool
    """The checks of completeness and convergence passed, and no row was integrated without an error estimate."""
    integration: str
    """`Integration proven to 1 %: 2,000 of 2,000 rows.`, or that it is not."""
    question_sound: bool
    """Nothing was found that speaks against the baseline, in rows enough to look for it."""
    question: str
    """`The question (baseline) has an objection: ...`, that it has none, or was not examined."""
