"""What a notebook shows first of a comparison: whether anything changed, what, and why."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ig_tasks.charts.axes import unique_labels
from ig_tasks.charts.changes import Change, change_marks
from ig_tasks.charts.notebook import figure, section, table
from ig_tasks.presentation.change_causes import CAUSES
from ig_tasks.presentation.percentages import percent
from ig_tasks.presentation.visible import visible

__all__ = ["drift_html"]

_SHOWN = 15


def drift_html(
    sides: tuple[Any, Any],
    rows: Sequence[Any],
    alarms: Sequence[Any],
    *,
    summary: str,
    why_not: str,
    practical: float | None,
    notes: Sequence[str],
) -> str:
    """The summary, the alarms in sentences, and the changes of the leading features with their intervals.

    Args:
        sides: the runs compared; the first may be None.
        rows, alarms: of the features, as `FeatureDrift` has them.
        practical: the least relative change that counts.
    """
    before, after = sides
    title = f"{after.name}: {'' if before is None else f'{before.partition} against '}{after.partition}"
    if why_not:
        return section(f"<p class=ig-care>Not comparable: {_text(why_not)}</p>", title=title)
    tone = "bad" if alarms else "good"
    parts = [f"<p class=ig-{tone}>{_text(summary)}</p>"] if summary else []
    parts += [f"<p class=ig-bad>{_text(alarm.sentence)}</p>" for alarm in alarms[:_SHOWN] if alarm.sentence]
    overall = sorted((row for row in rows if row.segment is None), key=lambda row: not row.alarm)
    shown = overall[:_SHOWN]
    names = [row.feature for row in shown]
    labels = unique_labels(names, {})
    changes = [_change(labels[row.feature], row) for row in shown if row.growth is not None]
    if changes:
        chart = change_marks(changes, practical or 0.0)
        parts.append(figure(replace(chart, heading="Change of importance, with 95 % intervals"), figures=False))
    lines = [
        {
            "feature": row.feature,
            "before": row.before,
            "after": row.after,
            "change": None if row.growth is None else percent(row.growth, signed=True),
            "state": row.state,
            "because of": ", ".join(CAUSES.get(cause, cause) for cause in row.cause) or None,
        }
        for row in shown
    ]
    left = len(overall) - len(shown)
    parts.append(table(lines, more=f"{left} more features in .features." if left > 0 else ""))
    parts += [f"<p class=ig-soft>{_text(note)}</p>" for note in notes]
    return section(*parts, title=title)


def _change(label: str, row: Any) -> Change:
    low, high = row.growth_ci
    return Change(label, row.growth or 0.0, low, high, "alarm" if row.alarm else row.state)


def _text(text: str) -> str:
    return html.escape(visible(text))
