"""The part of a report that says how good its explanations are, measured on a sample of the rows."""

from __future__ import annotations

from pydantic import Field

from ig_tasks.store.report_values import Count, Figure, Part

__all__ = ["ExplanationFigure", "ExplanationQualityInfo"]


class ExplanationFigure(Part):
    """One measure over the rows of the sample."""

    measure: str
    """infidelity, unforetold, max_sensitivity, insertion, deletion, sparseness, randomised, randomised_sizes, methods
    or baselines."""
    value: Figure
    se: Figure = None
    """Standard error, of clusters of rows where the spec names them; null where it is not known."""
    rows: Count = 0
    of: str = ""
    """What it is of, where there are several: the layers that were randomised last, a method, a baseline."""
    chance: Figure = None
    """What an explanation that says nothing would have; null where that has no meaning."""


class ExplanationQualityInfo(Part):
    """How good the explanations of one target are: the spec's section `explanation_quality`."""

    target: str
    rows: Count = 0
    figures: tuple[ExplanationFigure, ...] = ()
    aside: dict[str, str] = Field(default_factory=dict)
    """{check: why it could not be carried out}."""
    why_not: str = ""
    """Why nothing was measured; empty where it was."""
