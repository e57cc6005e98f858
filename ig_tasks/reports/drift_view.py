"""What the page shows of a comparison with an earlier report."""

from __future__ import annotations

from typing import NamedTuple

from ig_tasks.charts import Chart
from ig_tasks.charts.axes import unique_labels
from ig_tasks.charts.changes import FARTHEST, Change, Move, change_marks, moved_bars
from ig_tasks.charts.histograms import shares_before_and_after
from ig_tasks.charts.rank_slopes import Pair, importance_pairs
from ig_tasks.presentation.change_causes import CAUSES
from ig_tasks.reports.numerals import number, share, value
from ig_tasks.store.drift_parts import Drift, FeatureDrift, ValueShares
from ig_tasks.store.report import Report

__all__ = ["DriftView", "because", "drift_view", "relative", "relative_interval", "values_words"]

_SHOWN = 25
_PICTURED, _PICTURES = 6, 4
"""Alarms whose features' values are drawn, and how many features of each."""
_FAR, _FAR_BITS, _POINT = 0.1, 0.01, 0.01
"""Values count as moved from here on: standard deviations, bits of categories, the share that is missing."""


class DriftView(NamedTuple):
    """A comparison as the page shows it.

    Attributes:
        rows: features over all rows, those with an alarm first, then the most important; `left` more are not shown.
        segments: features that changed within a segment.
        alarms: what asks for a person.
        chart: None where there is nothing to draw; `cut`: whether it ends short of a change.
        moved: how far the features' own values moved; None where that is known of none.
        values: of each alarm whose cause lies in values that moved.
    """

    drift: Drift
    rows: tuple[FeatureDrift, ...]
    left: int
    segments: tuple[FeatureDrift, ...]
    alarms: tuple[FeatureDrift, ...]
    chart: Chart | None
    cut: bool
    moved: Chart | None = None
    values: tuple[MovedValues, ...] = ()


class MovedValues(NamedTuple):
    """An alarm, and the values before and after of the features that moved it: its own, and those of others.

    charts: (the feature's label, its chart).
    """

    row: FeatureDrift
    charts: tuple[tuple[str, Chart], ...]


def drift_view(report: Report) -> DriftView | None:
    """The view of a report's comparison; None where it was compared with none."""
    drift = report.drift
    if drift is None:
        return None
    overall = sorted((row for row in drift.features if row.segment is None), key=lambda row: not row.alarm)
    shown = tuple(overall[:_SHOWN])
    names = [row.feature for row in shown]
    labels = unique_labels(names, {name: report.label(name) for name in names})
    drawn = [row for row in shown if row.growth is not None]
    changes = [_mark(labels[row.feature], row) for row in drawn]
    segments = tuple(row for row in drift.features if row.segment is not None and row.state == "changed")
    chart = change_marks(changes, drift.practical or 0.0) if changes else None
    cut = any(max(change.change, change.high or 0.0) > FARTHEST for change in changes)
    moves = [
        Move(labels[row.feature], None if row.input_drift is None else row.input_drift.jensen_shannon) for row in drawn
    ]
    moved = moved_bars(moves) if any(move.bits is not None for move in moves) else None
    left = len(overall) - len(shown)
    values = _moved_values(report, drift)
    return DriftView(drift, shown, left, segments[:_SHOWN], drift.alarms, chart, cut, moved, values)


def _moved_values(report: Report, drift: Drift) -> tuple[MovedValues, ...]:
    """The moved values of each alarm over all rows, where they have charts."""
    rows = {row.feature: row for row in drift.features if row.segment is None}
    found = []
    for alarm in [row for row in rows.values() if row.alarm][:_PICTURED]:
        named = [rows[name] for name in (alarm.feature, *(other.feature for other in alarm.others)) if name in rows]
        moved = [row for row in named if row.values is not None and (row is not alarm or values_words(row))]
        charts = tuple((report.label(row.feature), _values_chart(report, row)) for row in moved[:_PICTURES])
        if charts:
            found.append(MovedValues(alarm, charts))
    return tuple(found)


def _values_chart(report: Report, row: FeatureDrift) -> Chart:
    values, label = row.values or ValueShares(), report.label(row.feature)
    if len(values.edges) > 2:
        return shares_before_and_after(values.edges, values.before, values.after, label)
    labels = values.labels or [f"{edge:.6g}" for edge in values.edges[:1]]
    pairs = [Pair(name, *both) for name, *both in zip(labels, values.before, values.after, strict=True)]
    return importance_pairs(pairs, "share of rows")


def relative(change: float | None) -> str:
    """A change relative to what was before, as text: +12 %."""
    if change is None:
        return "new"
    percent = round(100 * change)
    return f"{'+' if percent > 0 else '−' if percent < 0 else ''}{abs(percent)} %"


def relative_interval(row: FeatureDrift) -> str:
    """The 95 % interval of a relative change as text; "" where it is not known."""
    ends = row.growth_ci
    return "" if ends[0] is None or ends[1] is None else f"{relative(ends[0])} to {relative(ends[1])}"


def values_words(row: FeatureDrift) -> str:
    """What became of the feature's own values, in a few words; "" where they stayed as they were."""
    drift = row.input_drift
    if drift is None:
        return ""
    changes = []
    if drift.wasserstein is not None and drift.wasserstein >= _FAR:
        changes.append(f"moved by {number(drift.wasserstein, 2)} standard deviations")
    elif drift.wasserstein is None and (drift.jensen_shannon or 0.0) >= _FAR_BITS:
        changes.append("another mix of categories")
    before, after = drift.missing_before or 0.0, drift.missing_after or 0.0
    if abs(after - before) >= _POINT:
        changes.append(f"missing {share(before)} before, {share(after)} after")
    if drift.gained is not None and drift.gained_share is not None:
        changes.append(f"{value(drift.gained)} gained {share(drift.gained_share)} of the rows")
    return "its values: " + "; ".join(changes) if changes else ""


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


def _mark(label: str, row: FeatureDrift) -> Change:
    state = "alarm" if row.alarm else row.state
    return Change(label, row.growth or 0.0, *row.growth_ci, state)
