"""Pictures of many rows: importance, the beeswarm, the heat map, and the ways to their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.charts import Chart
from ig_tasks.charts.bars import Bar, size_bars
from ig_tasks.charts.cohort_bars import MOST, CohortBar, cohort_bars
from ig_tasks.charts.decisions import Line, decisions
from ig_tasks.charts.row_shades import row_shades
from ig_tasks.charts.swarms import Swarm, swarms
from ig_tasks.errors import InputError
from ig_tasks.explanations.pictures.shown import Shown, evenly, figure, value_text
from ig_tasks.statistics import FeatureStatistics

__all__ = ["bar_of", "beeswarm_of", "cohorts_of", "decision_of", "heatmap_of"]

_DECISIONS, _COLUMNS, _POINTS = 200, 300, 12_000
"""Rows of a decision chart and of a heat map, and points of a beeswarm that can still be seen apart and drawn."""
_FLATTEST = 1e-12


def bar_of(shown: Shown, top: int) -> Chart:
    """Bars of the mean |attribution| with its 95 % interval over the rows that were explained."""
    rows = shown.require_explained("bar")
    order = shown.ranked(rows)[:top]
    statistics = FeatureStatistics.of(shown.matrix[rows][:, order], [shown.features[k] for k in order])
    low, high = statistics.abs_mean_interval()
    bars = [
        Bar(label, float(statistics.abs_mean[at]), float(statistics.mean[at]), _interval(low[at], high[at]))
        for at, label in enumerate(shown.written(order))
    ]
    heading = f"Mean |attribution| over {_rows(rows.size)}"
    return replace(size_bars(bars, shown.units), heading=heading, notes=(*shown.beyond(order.size), *shown.notes()))


def beeswarm_of(shown: Shown, top: int) -> Chart:
    """A point for each row and feature."""
    rows = shown.require_explained("beeswarm")
    order = shown.ranked(rows)[:top]
    drawn = evenly(rows, max(_POINTS // order.size, 1))
    features = [
        Swarm(
            label,
            shown.matrix[drawn, k].tolist(),
            _shades(None if shown.values is None else shown.values[drawn, k], drawn.size),
            ["" if shown.values is None else value_text(shown.values[row, k]) for row in drawn],
        )
        for k, label in zip(order, shown.written(order), strict=True)
    ]
    names = [shown.names[row] for row in drawn]
    chart = swarms(features, names, [shown.proven(row) for row in drawn], shown.units)
    notes = (*shown.beyond(order.size), *shown.notes(drawn.size, "they are triangles"))
    return replace(chart, heading=f"Attributions of {_rows(drawn.size)}", notes=notes)


def heatmap_of(shown: Shown, top: int) -> Chart:
    """Rows across, ordered by their outputs, and features down."""
    rows = shown.require_explained("heatmap")
    order = shown.ranked(rows)[:top]
    drawn = evenly(rows[np.argsort(shown.output[rows], kind="stable")], _COLUMNS)
    chart = row_shades(
        shown.matrix[drawn][:, order],
        shown.written(order),
        [shown.names[row] for row in drawn],
        shown.output[drawn].tolist(),
        [shown.proven(row) for row in drawn],
        shown.units,
    )
    low, high = (f"{float(shown.output[row]):.4g}" for row in (drawn[0], drawn[-1]))
    notes = (f"Outputs from {low} to {high}, shaded on top.", *shown.beyond(order.size))
    notes += shown.notes(drawn.size, "▲ stands above them")
    return replace(chart, heading=f"Attributions of {_rows(drawn.size)}", notes=notes)


def decision_of(shown: Shown, top: int, rows: Sequence[int] | None) -> Chart:
    """A line for each row, from the output at the baseline to its own.

    Args:
        rows: places; None: all of them, spread evenly where there are too many.
    """
    explained = shown.require_explained("decision")
    for row in rows or ():
        if row not in explained:
            raise InputError(f"row: {row} was not explained ({shown.status[row]})")
    chosen = explained if not rows else np.array(list(dict.fromkeys(rows)), dtype=np.intp)
    order = shown.ranked(chosen)
    drawn = evenly(chosen, _DECISIONS)
    leading, others = order[:top], order[top:]
    labels = shown.written(leading)
    if others.size:
        labels.append(f"{others.size:,} other feature{'s' * (others.size != 1)}")
    lines = []
    for row in drawn:
        parts = shown.matrix[row, leading].tolist() + ([float(shown.matrix[row, others].sum())] if others.size else [])
        beside = [_beside(shown, int(row), k, size) for k, size in zip([*leading, None], parts, strict=False)]
        start = float(shown.baseline_output[row])
        lines.append(Line(shown.names[row], start, parts, shown.proven(int(row)), beside))
    heading = f"Row {lines[0].row}" if len(lines) == 1 else f"How {_rows(len(lines))} come to their outputs"
    if len(lines) == 1:
        note = shown.row_note(int(drawn[0]))
        return replace(decisions(lines, labels, shown.units), heading=heading, notes=(note,) if note else ())
    notes = shown.notes(drawn.size if rows is None else None, "they are dashed")
    return replace(decisions(lines, labels, shown.units), heading=heading, notes=notes)


def cohorts_of(shown: Shown, groups: Sequence[tuple[str, NDArray[np.intp]]], top: int, notes: tuple[str, ...]) -> Chart:
    """Bars of the mean |attribution| of each cohort, with its 95 % interval.

    Args:
        groups: a name and the places of its rows, all of them explained; at most MOST.
    """
    everyone = np.concatenate([places for _, places in groups])
    order = shown.ranked(everyone)[:top]
    labels = shown.written(order)
    bars, names = [], []
    for name, places in groups[:MOST]:
        statistics = FeatureStatistics.of(shown.matrix[places][:, order], [shown.features[k] for k in order])
        low, high = statistics.abs_mean_interval()
        names.append(f"{name} ({_rows(places.size)})")
        for at, label in enumerate(labels):
            interval = _interval(low[at], high[at]) or (None, None)
            means = float(statistics.abs_mean[at]), float(statistics.mean[at])
            bars.append(CohortBar(label, names[-1], *means, *interval))
    chart = cohort_bars(bars, labels, names, shown.units)
    return replace(
        chart,
        heading=f"Mean |attribution| in {len(names)} groups of rows",
        notes=(*notes, *shown.beyond(order.size), *shown.notes()),
    )


def _beside(shown: Shown, row: int, k: int | None, size: float) -> str:
    if k is None or shown.values is None or shown.values[row, k] is None:
        return figure(size)
    return f"{figure(size)}  ({value_text(shown.values[row, k])})"


def _shades(values: NDArray[Any] | None, rows: int) -> list[float | None]:
    """Where each value stands between the 5 % and the 95 % quantile; None for what is no number."""
    if values is None:
        return [None] * rows
    numbers = [
        float(value) if isinstance(value, int | float | np.number) and not isinstance(value, bool) else np.nan
        for value in values
    ]
    known = np.array([number for number in numbers if np.isfinite(number)])
    if known.size < 2 or known.min() == known.max():
        return [None] * rows
    low, high = np.quantile(known, [0.05, 0.95])
    if high - low <= _FLATTEST * max(abs(low), abs(high)):
        low, high = known.min(), known.max()
    return [None if not np.isfinite(at) else float(np.clip((at - low) / (high - low), 0, 1)) for at in numbers]


def _interval(low: float, high: float) -> tuple[float, float] | None:
    return (float(low), float(high)) if np.isfinite(low) and np.isfinite(high) else None


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"
