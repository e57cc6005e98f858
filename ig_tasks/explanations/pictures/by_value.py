"""How a feature's attributions go with its values, and rows divided into cohorts by what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.charts import Chart
from ig_tasks.charts.cohort_bars import MOST
from ig_tasks.charts.dependence_curves import CategoryMark, NumberPoint, category_marks, number_bands
from ig_tasks.errors import InputError
from ig_tasks.explanations.pictures.shown import Shown, evenly, value_text

__all__ = ["dependence_of", "groups_by"]

_BINS, _FEWEST, _DOTS, _CATEGORIES, _QUARTERS = 12, 4, 1_000, 20, 4
"""Bins of a number and the fewest rows of one, single rows drawn, categories, and parts of a number as cohorts."""

Places = NDArray[np.intp]
Groups = tuple[list[tuple[str, Places]], tuple[str, ...]]
"""Names and places of rows, and what to say of the rest."""


def dependence_of(shown: Shown, feature: Any) -> Chart:
    """Of a number the attributions over its values, as dots and bands; of categories a bar each.

    Raises:
        InputError: for a feature that is not there, or has no values to show.
    """
    rows = shown.require_explained("dependence")
    k = shown.feature(feature, "dependence")
    label = shown.written([k])[0]
    values = _values_of(shown, k, "dependence")[rows]
    attributions = shown.matrix[rows, k]
    numbers = _as_numbers(values)
    missing = int(sum(value is None or value != value for value in values))
    notes = shown.notes()
    if missing:
        notes += (f"{missing:,} rows without a value are left out.",)
    heading = f"Attribution of {label} by its value"
    if numbers is None:
        chart, more = _of_categories(shown, values, attributions, label)
        return replace(chart, heading=heading, notes=(*more, *notes))
    known = np.flatnonzero(np.isfinite(numbers))
    if not known.size:
        raise InputError(f"dependence: {shown.features[k]!r} has no values in the rows that were explained")
    dots = evenly(known, _DOTS)
    proven = np.array([shown.proven(int(row)) for row in rows])
    points = _bins(numbers[known], attributions[known])
    marks = [(float(numbers[at]), float(attributions[at])) for at in dots if proven[at]]
    unproven = [(float(numbers[at]), float(attributions[at])) for at in dots if not proven[at]]
    drawn = "medians, and bands from the 5 % to the 95 % and from the 25 % to the 75 % quantile" if points else "dots"
    units = shown.units or "the output's units"
    chart = number_bands(points, label, units, drawn, marks, unproven=unproven)
    if not points:
        chart = replace(chart, table=tuple({"value": at, "attribution": size} for at, size in (*marks, *unproven)))
    if dots.size < known.size:
        notes += (f"{dots.size:,} of {known.size:,} rows are dots, spread evenly over all; the bands are of all.",)
    if unproven:
        notes += ("Triangles are rows that did not converge.",)
    return replace(chart, heading=heading, notes=notes)


def groups_by(shown: Shown, by: Any) -> Groups:
    """Cohorts of the explained rows, the largest first or from low to high, and what to say of the rest.

    Args:
        by: a feature (its categories, or the quarters of its numbers); labels (rows,); or {name: which rows}.

    Raises:
        InputError: for what divides no rows.
    """
    rows = shown.require_explained("cohorts")
    if isinstance(by, Mapping):
        return _named_groups(shown, by, rows)
    name = ""
    if isinstance(by, str) or (isinstance(by, int | np.integer) and not isinstance(by, bool)):
        k = shown.feature(by, "cohorts")
        name, labels = shown.written([k])[0], _values_of(shown, k, "cohorts")
    else:
        labels = np.asarray(by, dtype=object)
        if labels.shape != (len(shown.names),):
            raise InputError(
                f"cohorts: by has shape {labels.shape}; give a feature's name, or a label for each of the "
                f"{len(shown.names)} rows"
            )
    own = labels[rows]
    numbers = _as_numbers(own)
    if numbers is not None and np.unique(numbers[np.isfinite(numbers)]).size > MOST:
        return _quarters(name, rows, numbers)
    texts = np.array([value_text(value) for value in own], dtype=object)
    counts = Counter(texts.tolist())
    kept = [text for text, _ in counts.most_common(MOST)]
    prefix = f"{name} = " if name else ""
    groups = [(f"{prefix}{text}", rows[texts == text]) for text in kept]
    left = len(counts) - len(kept)
    more = sum(counts[text] for text in counts if text not in kept)
    note = f"The {len(kept)} largest of {len(counts)} groups; {more:,} rows are in the others."
    return groups, (note,) if left else ()


def _named_groups(shown: Shown, by: Mapping[Any, Any], rows: Places) -> Groups:
    if not 1 <= len(by) <= MOST:
        raise InputError(f"cohorts: {len(by)} groups; give 1 to {MOST}, which can be told apart")
    groups = []
    for name, which in by.items():
        chosen = np.asarray(which)
        if chosen.dtype == bool and chosen.shape != (len(shown.names),):
            raise InputError(f"cohorts: {name!r} has shape {chosen.shape}, and there are {len(shown.names)} rows")
        if chosen.dtype != bool and chosen.dtype.kind not in "iu":
            raise InputError(f"cohorts: {name!r} is neither a mask of the rows nor their places")
        places = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        own = np.intersect1d(places, rows)
        if not own.size:
            raise InputError(f"cohorts: {name!r} holds no row that was explained")
        groups.append((str(name), own))
    return groups, ()


def _quarters(name: str, rows: Places, numbers: NDArray[np.float64]) -> Groups:
    known = np.isfinite(numbers)
    edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, _QUARTERS + 1)))
    places = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, max(len(edges) - 2, 0))
    groups = []
    for at in range(max(len(edges) - 1, 1)):
        own = rows[known & (places == at)]
        if own.size:
            groups.append((f"{name or 'value'} {edges[at]:.4g} to {edges[min(at + 1, len(edges) - 1)]:.4g}", own))
    absent = int((~known).sum())
    return groups, ((f"{absent:,} rows without a value are in no group.",) if absent else ())


def _of_categories(
    shown: Shown, values: NDArray[Any], attributions: NDArray[np.float64], label: str
) -> tuple[Chart, tuple[str, ...]]:
    texts = np.array([value_text(value) for value in values], dtype=object)
    counts = Counter(texts.tolist())
    kept = [text for text, _ in counts.most_common(_CATEGORIES)]
    marks = []
    for text in kept:
        own = attributions[texts == text]
        low, high = np.quantile(own, [0.05, 0.95])
        marks.append(CategoryMark(f"{text} ({own.size:,})", float(own.mean()), float(low), float(high)))
    marks.sort(key=lambda mark: -mark.mean)
    units = shown.units or "the output's units"
    chart = category_marks(marks, units, label, "with lines from the 5 % to the 95 % quantile")
    left = len(counts) - len(kept)
    return chart, (f"The {len(kept)} most frequent of {len(counts):,} values.",) if left else ()


def _bins(numbers: NDArray[np.float64], attributions: NDArray[np.float64]) -> list[NumberPoint]:
    """Bins of about as many rows each; a value is in one bin. Empty where there are too few rows or values."""
    if numbers.size < _BINS * _FEWEST or np.unique(numbers).size < 3:
        return []
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, _BINS + 1)))
    place = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
    points = []
    for at in np.unique(place):
        own, middle = attributions[place == at], float(np.median(numbers[place == at]))
        low, inner_low, median, inner_high, high = map(float, np.quantile(own, [0.05, 0.25, 0.5, 0.75, 0.95]))
        points.append(NumberPoint(middle, median, low, high, inner_low, inner_high))
    return points if len(points) > 1 else []


def _values_of(shown: Shown, k: int, picture: str) -> NDArray[Any]:
    if shown.values is None or all(value is None for value in shown.values[:, k]):
        raise InputError(
            f"{picture}: what {shown.features[k]!r} held is not known; a text, an image or an array is no "
            "single value, and a run keeps values with report.keep_inputs"
        )
    return np.asarray(shown.values[:, k])


def _as_numbers(values: NDArray[Any]) -> NDArray[np.float64] | None:
    """The values as numbers, NaN where one is missing; None where one is something else."""
    if not all(value is None or (isinstance(value, int | float | np.number) and not isinstance(value, bool))
               for value in values):  # fmt: skip
        return None
    return np.array([np.nan if value is None else float(value) for value in values])
