"""Pictures of one row: the waterfall, the forces, and what both are made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ig_tasks.charts import Chart
from ig_tasks.charts.force import Push, force
from ig_tasks.charts.waterfall import Mark, Step, waterfall
from ig_tasks.errors import InputError
from ig_tasks.explanations.pictures.shown import Shown, figure, value_text
from ig_tasks.presentation.shortening import shortened

__all__ = ["force_of", "row_parts", "waterfall_of"]

_SEEN = 0.005
"""Of the change: a convergence delta from here on is a step of its own."""
_VALUE, _LETTERS, _LEAST, _END = 18, 30, 14, 6
"""Letters of a value beside its feature, of both together, the least of a label, and those kept of its end."""


def row_parts(shown: Shown, row: int, top: int) -> list[tuple[str, float]]:
    """(words, attribution): the `top` features of a row with what they held, the rest together, and what is left over.

    Raises:
        InputError: where the row has no attributions.
    """
    parts = shown.matrix[row]
    if not np.isfinite(parts).all() or not np.isfinite(shown.output[row]):
        raise InputError(f"row: {row} was not explained ({shown.status[row]})")
    if top < 1:
        raise InputError(f"top: {top} shows nothing; give the number of features, 1 or more")
    order = np.argsort(-np.abs(parts), kind="stable")
    labels = shown.written(order[:top])
    words = [_words(shown, row, int(k), label) for k, label in zip(order[:top], labels, strict=True)]
    full = [_words(shown, row, int(k), label, whole=True) for k, label in zip(order[:top], labels, strict=True)]
    named = [
        (text if words.count(text) == 1 else whole, float(parts[k]))  # what is short may not be another's
        for text, whole, k in zip(words, full, order[:top], strict=True)
    ]
    if order.size > top:
        others = order.size - top
        named.append((f"{others} other feature{'s' * (others != 1)}", float(parts[order[top:]].sum())))
    change = float(shown.output[row] - shown.baseline_output[row])
    delta = float(parts.sum()) - change
    if abs(delta) > _SEEN * max(abs(change), 0.1 * float(np.abs(parts).sum())):
        named.append(("Not accounted for", -delta))
    return named


def waterfall_of(shown: Shown, row: int, top: int) -> Chart:
    """The waterfall of the row at a place."""
    steps, level = [], float(shown.baseline_output[row])
    for name, size in row_parts(shown, row, top):
        steps.append(Step(name, level, level + size, figure(size)))
        level += size
    start, end = _marks(shown, row)
    chart = waterfall(steps, start, end, shown.units, row=shown.names[row])
    return _headed(chart, shown, row)


def force_of(shown: Shown, row: int, top: int) -> Chart:
    """The forces on the output of the row at a place; `top` features, the rest of each side together."""
    parts = row_parts(shown, row, max(top, 1))
    pushes = [Push(name, size, figure(size)) for name, size in parts if size]
    start, end = _marks(shown, row)
    return _headed(force(pushes, start, end, shown.units, row=shown.names[row]), shown, row)


def _marks(shown: Shown, row: int) -> tuple[Mark, Mark]:
    start, end = (Mark(float(at[row]), f"{at[row]:.4g}") for at in (shown.baseline_output, shown.output))
    return start, end


def _headed(chart: Chart, shown: Shown, row: int) -> Chart:
    note = shown.row_note(row)
    return replace(chart, heading=f"Row {shown.names[row]}", notes=(note,) if note else ())


def _words(shown: Shown, row: int, k: int, label: str, *, whole: bool = False) -> str:
    if shown.values is None or shown.values[row, k] is None:
        return label
    tail = f" = {shortened(value_text(shown.values[row, k]), _VALUE)}"
    room = max(_LETTERS - len(tail), _LEAST)
    return (label if whole or len(label) <= room else shortened(label, room, _END)) + tail
