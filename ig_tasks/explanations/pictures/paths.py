"""Pictures of how one row was integrated: the way from its baseline, and the error over what was spent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ig_tasks.charts import Chart
from ig_tasks.charts.along_path import PathPoint, path_lines
from ig_tasks.charts.error_lines import Spent, error_lines
from ig_tasks.charts.waterfall import Mark
from ig_tasks.explanations.pictures.shown import Shown
from ig_tasks.explanations.source import Source
from ig_tasks.presentation.percentages import percent

__all__ = ["convergence_of", "path_of", "where_it_changes"]

_PLACES, _SHARE = 65, 0.9
_RULES = {"gauss_legendre": "Gauss-Legendre", "trapezoid": "trapezoid"}
_STEPS = (2, 4, 8, 16, 32, 64)


def path_of(shown: Shown, source: Source, row: int) -> Chart:
    """The output and its slope along the path of the row at a place."""
    places = np.linspace(0.0, 1.0, _PLACES)
    seen = source.path(row, places.tolist())
    slopes = seen.contributions.sum(axis=1)
    points = [PathPoint(*map(float, one)) for one in zip(places, seen.outputs, slopes, strict=True)]
    start, end = (Mark(point.output, f"{point.output:.4g}") for point in (points[0], points[-1]))
    within = where_it_changes(places, seen.outputs, _SHARE)
    name = shown.names[row]
    chart = path_lines(points, start, end, shown.units, row=name, within=within, share=_SHARE)
    notes = [f"{percent(_SHARE)} of the change comes between alpha {within[0]:.2f} and {within[1]:.2f} (shaded)."]
    notes += [note for note in (shown.row_note(row),) if note]
    return replace(chart, heading=f"Row {name}: from the baseline to the row", notes=tuple(notes))


def where_it_changes(places: NDArray[np.float64], outputs: NDArray[np.float64], share: float) -> tuple[float, float]:
    """The narrowest stretch of the path in which so much of all its ups and downs happens.

    >>> where_it_changes(np.linspace(0, 1, 5), np.array([0.0, 1.0, 1.0, 1.0, 1.0]), 0.9)
    (0.0, 0.25)
    """
    walked = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(outputs)))])
    if not walked[-1] > 0:
        return 0.0, 1.0
    done = walked / walked[-1]
    best = (0.0, 1.0)
    for first in range(len(places) - 1):
        reached = np.flatnonzero(done - done[first] >= share - 1e-12)
        if not reached.size:
            break
        own = float(places[first]), float(places[reached[0]])
        if own[1] - own[0] < best[1] - best[0] - 1e-12:
            best = own
    return best


def convergence_of(shown: Shown, source: Source, row: int, own: Spent, tolerance: float) -> Chart:
    """The errors of rules of fixed steps on the row at a place, and where its explanation stopped."""
    tried = source.errors(row, list(_RULES), _STEPS)
    points = [Spent(_RULES[found.rule], found.evaluations, found.error, found.delta) for found in tried]
    name = shown.names[row]
    chart = error_lines(points, own, tolerance, row=name)
    note = shown.row_note(row)
    return replace(chart, heading=f"Row {name}: error over gradients spent", notes=(note,) if note else ())
