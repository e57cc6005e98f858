"""What the page shows of a comparison with an earlier report."""

from __future__ import annotations

from typing import NamedTuple

from ig_tasks.charts import Chart
from ig_tasks.charts.changes import FARTHEST, Change, change_marks
from ig_tasks.presentation.causes import CAUSES
from ig_tasks.store.drift_parts import Drift, FeatureDrift
from ig_tasks.store.report import Report

__all__ = ["DriftView", "because", "drift_view", "relative", "relative_interval"]

_SHOWN = 25


class DriftView(NamedTuple):
    """A comparison as the page shows it.

    Attributes:
        rows: features over all rows, those with an alarm first, then the most important; `left` more are not shown.
        segments: features that changed within a segment.
        alarms: what asks for a person.
        chart: None where there is nothing to draw; `cut`: whether it ends short of a change.
    """

    drift: Drift
    rows: tuple[FeatureDrift, ...]
    left: int
    segments: tuple[FeatureDrift, ...]
    alarms: tuple[FeatureDrift, ...]
    chart: Chart | None
    cut: bool


def drift_view(report: Report) -> DriftView | None:
    """The view of a report's comparison; None where it was compared with none."""
    drift = report.drift
    if drift is None:
        return None
    overall = sorted((row for row in drift.features if row.segment is None), key=lambda row: not row.alarm)
    shown = tuple(overall[:_SHOWN])
    changes = [_mark(report, row) for row in shown if row.growth is not None]
    segments = tuple(row for row in drift.features if row.segment is not None and row.state == "changed")
    chart = change_marks(changes, drift.practical or 0.0) if changes else None
    cut = any(max(change.change, change.high or 0.0) > FARTHEST for change in changes)
    return DriftView(drift, shown, len(overall) - len(shown), segments[:_SHOWN], drift.alarms, chart, cut)


def relative(value: float | None) -> str:
    """A change relative to what was before, as text: +12 %."""
    if value is None:
        return "new"
    percent = round(100 * value)
    return f"{'+' if percent > 0 else '−' if percent < 0 else ''}{abs(percent)} %"


def relative_interval(row: FeatureDrift) -> str:
    """The 95 % interval of a relative change as text; "" where it is not known."""
    ends = row.growth_ci
    return "" if ends[0] is None or ends[1] is None else f"{relative(ends[0])} to {relative(ends[1])}"


def because(report: Report, row: FeatureDrift) -> str:
    """Why a feature changed, in a few words; "" where nothing is to be said."""
    if row.follows_partition and row.state == "changed":
        return "its values follow the partition"
    if row.state not in ("changed", "small", "cancelled"):
        return ""
    named = []
    for cause in row.cause:
        if cause == "others" and row.others:
            named.append("values of " + ", ".join(report.label(other.feature) for other in row.others[:3]))
        else:
            named.append(CAUSES[cause])
    return "; ".join(named)


def _mark(report: Report, row: FeatureDrift) -> Change:
    state = "alarm" if row.alarm else row.state
    return Change(report.label(row.feature), row.growth or 0.0, *row.growth_ci, state)
