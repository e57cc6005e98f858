"""One row explained: from the output at the baseline to the output for the row, a bar for each feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ig_tasks.reports.drawing import INK, LOWERS, RAISES, drawn_svg, numbers_axis, words_axis
from ig_tasks.reports.numerals import number, value
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
    shown, rest = (parts, []) if len(parts) <= limit else (parts[: limit - 1], parts[limit - 1 :])
    named = [
        (words, part.attribution or 0.0)
        for words, part in zip(_step_words([(labels[part.feature], part.value) for part in shown]), shown, strict=True)
    ]
    if rest:
        named.append((f"{len(rest)} other features", sum(part.attribution or 0.0 for part in rest)))
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
    whole, short = [], []
    for label, held in parts:
        tail = "" if held is None else f" = {value(held)}"
        room = _LETTERS - len(tail)
        fits = len(label) <= room or room < _LEAST
        whole.append(label + tail)
        short.append(label + tail if fits else f"{label[: room - _END - 1].rstrip()}…{label[-_END:].lstrip()}{tail}")
    return [
        brief if short.count(brief) == 1 else full  # what is short may not be another's
        for brief, full in zip(short, whole, strict=True)
    ]


def waterfall_chart(example: Example, labels: Mapping[str, str], units: str) -> str:
    """From the baseline's output to the row's, one bar a feature."""
    import altair as alt

    steps = waterfall_steps(example, labels)
    low = min([end for _, *ends in steps for end in ends] + [example.baseline_output or 0.0])
    high = max([end for _, *ends in steps for end in ends] + [example.baseline_output or 0.0])
    span = (high - low) or 1.0
    bars: list[dict[str, Any]] = [
        {
            "label": words,
            "from": start,
            "to": end,
            "end": max(start, end),
            "colour": RAISES if end > start else LOWERS,
            "text": ("+" if end > start else "") + number(end - start, 3),
        }
        for words, start, end in steps
    ]
    marks: list[dict[str, Any]] = [
        {"label": "Output at the baseline", "at": example.baseline_output, "text": number(example.baseline_output)},
        {"label": "Output for this row", "at": example.output, "text": number(example.output)},
    ]
    order = [str(item["label"]) for item in (marks[0], *bars, marks[1])]
    y = alt.Y("label:N", title=None, scale=alt.Scale(domain=order), axis=words_axis(alt, order, limit=200))
    # Room for the numbers beside the bars.
    scale = alt.Scale(domain=[low - 0.05 * span, high + 0.22 * span], nice=False, zero=False)
    x = alt.X("from:Q", title=f"model output ({units})", axis=numbers_axis(alt), scale=scale)
    moved = alt.Chart(alt.Data(values=bars))
    stood = alt.Chart(alt.Data(values=marks))
    layers = [
        moved.mark_bar(height=14).encode(y=y, x=x, x2="to:Q", color=alt.Color("colour:N", scale=None)),
        moved.mark_text(align="left", dx=5, fontSize=11, color=INK).encode(y=y, x="end:Q", text="text:N"),
        stood.mark_tick(color=INK, thickness=3, size=17).encode(y=y, x="at:Q"),
        stood.mark_text(align="left", dx=6, fontSize=11, fontWeight="bold", color=INK).encode(
            y=y, x="at:Q", text="text:N"
        ),
    ]
    return drawn_svg(
        alt.layer(*layers),
        len(order),
        f"Waterfall chart: from the output at the baseline, {number(example.baseline_output)}, to the output for row "
        f"{example.row_id}, {number(example.output)}. The numbers are in the table.",
    )
