"""The part of a report that says how a feature's attributions depend on its values."""

from __future__ import annotations

from typing import Literal

from ig_tasks.store.report_values import Count, Figure, Part, Value

__all__ = ["Dependence", "DependencePoint"]


class DependencePoint(Part):
    """The attributions of one feature over the rows whose values lie in one bin, or hold one category."""

    value: Value
    """Mean of the values in the bin, or the category; null: the rows without a value."""
    low: Figure = None
    """Where the bin begins and ends, both inclusive; null for categories."""
    high: Figure = None
    rows: Count
    mean: Figure
    """Signed mean of the attributions."""
    std_dev: Figure
    """Standard deviation of the population."""
    quantiles: tuple[Figure, ...] = ()
    """Quantiles of the attributions at 10, 25, 50, 75 and 90 %, to 0.1 %; empty where the run keeps no inputs."""


class Dependence(Part):
    """How the attributions of one leading feature depend on its values, over all rows; in the target's units."""

    target: str
    feature: str
    kind: Literal["number", "category"]
    points: tuple[DependencePoint, ...]
    """Bins of about as many rows each, from low to high, or the most frequent categories; what is missing comes last.
    A number of few values has a point for each."""
    left_levels: Count = 0
    """Categories that are not among the points, and their rows."""
    left_rows: Count = 0
