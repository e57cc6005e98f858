"""One row explained: from the output at the baseline to the output for the row, a bar for each feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ig_tasks.charts import Chart
from ig_tasks.charts.waterfall import Mark, Step, waterfall
from ig_tasks.presentation.shortening import shortened
from ig_tasks.reports.numerals import number, share, value
from ig_tasks.store.report import Example

_LETTERS, _LEAST, _END = 28, 14, 6
"""Letters that a step's words have room for, the least that a label needs, and those kept of its end."""

__all__ = ["waterfall_chart", "waterfall_steps"]


def waterfall_steps(example: Example, labels: Mapping[str, str], limit: int = 9) -> list[tuple[str, float, float]]:
    """(words, from, to) for each step from the baseline's output to the row's, the greatest first.

    What is beyond `limit` is one step, and so is the convergence delta where it can be seen, so that the steps end
    at the output.
    """
    parts = sorted(example.contributions, key=lambda part: -abs(part.attribution or 0.0))
    shown, others = (parts, []) if len(parts) <= limit else (parts[: limit - 1], parts[limit - 1 :])
    named = [
        (words, part.attribution or 0.0)
        for words, part in zip(_step_words([(labels[part.feature], part.value) for part in shown]), shown, strict=True)
    ]
    if others:
        named.append((f"{len(others)} other features", sum(part.attribution or 0.0 for part in others)))
    at = example.baseline_output or 0.0
    total = abs((example.output or 0.0) - at)
    if example.convergence_delta and abs(example.convergence_delta) > 0.005 * total:
        named.append(("Not accounted for", -example.convergence_delta))
    steps = []
    for words, part in named:
        steps.append((words, at, at + part))
        at += part
    return steps


def _step_words(parts: Sequence[tuple[str, Any]]) -> list[str]:
    """`label = value` of each; a long label loses its middle, or the chart would cut the value off."""
    full_words, short = [], []
    for label, content in parts:
        tail = "" if content is None else f" = {value(content)}"
        room = _LETTERS - len(tail)
        fits = len(label) <= room or room < _LEAST
        full_words.append(label + tail)
        short.append(label + tail if fits else shortened(label, room, _END) + tail)
    return [
        brief if short.count(brief) == 1 else full  # what is short may not be another's
        for brief, full in zip(short, full_words, strict=True)
    ]


def waterfall_chart(example: Example, labels: Mapping[str, str], units: str) -> Chart:
    """From the baseline's output to the row's: a bar for each feature, with the figures beside the bars."""
    steps = [
        Step(words, start, end, ("+" if end > start else "") + number(end - start, 3))
        for words, start, end in waterfall_steps(example, labels)
    ]
    start, end = (
        Mark(at or 0.0, number(at) + ("" if chance is None else f" ({share(chance)})"))
        for at, chance in (
            (example.baseline_output, example.baseline_probability),
            (example.output, example.output_probability),
        )
    )
    note = "" if example.output_probability is None else "the probability in brackets"
    return waterfall(steps, start, end, units, row=example.row_id, note=note)
