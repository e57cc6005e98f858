"""What the page of a spec draws and lists: importance and ranks over the partitions, shares of rows, runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ig_tasks.charts import Chart
from ig_tasks.charts.axes import unique_labels
from ig_tasks.charts.trend_lines import Moment, figure_over_time, ranks_over_time
from ig_tasks.reports.sentences import units
from ig_tasks.store.index_entry import IndexedFeature, IndexEntry, order_of
from ig_tasks.store.report import TargetInfo
from ig_tasks.web.timelines import Timeline, importance_moments, timeline_of

__all__ = ["FeatureLine", "ModelView", "RunLine", "model_view", "run_lines"]

_FEATURES, _RANKED = 8, 10


@dataclass(frozen=True)
class FeatureLine:
    """A leading feature over the partitions.

    Attributes:
        latest: the newest published report that has it.
    """

    feature: str
    label: str
    chart: Chart
    latest: IndexEntry
    row: IndexedFeature


@dataclass(frozen=True)
class RunLine:
    """A run in the table, with all revisions of its report, the newest first.

    Attributes:
        default: the revision that is shown without asking for any.
        changed: what is not as in the report before it.
        before: the official report of the partition before, to compare with.
    """

    default: IndexEntry
    revisions: tuple[IndexEntry, ...]
    changed: tuple[str, ...]
    before: IndexEntry | None


@dataclass(frozen=True)
class ModelView:
    """What is drawn; of one partition alone there are no lines over time."""

    timeline: Timeline
    units: str
    features: tuple[FeatureLine, ...]
    ranks: Chart | None
    shares: tuple[tuple[str, Chart], ...]


def model_view(entries: Sequence[IndexEntry], target: TargetInfo | None) -> ModelView:
    """What is drawn of a spec's reports, for one target."""
    timeline = timeline_of(entries)
    unit = "" if target is None else units(target.space)
    several = len(timeline.partitions) > 1
    features: tuple[FeatureLine, ...] = ()
    ranks = None
    if target is not None:
        features, ranks = _importance(timeline, target, unit, several=several)
    return ModelView(
        timeline=timeline,
        units=unit,
        features=features,
        ranks=ranks,
        shares=_shares(timeline, target, unit) if several else (),
    )


def _importance(
    timeline: Timeline, target: TargetInfo, unit: str, *, several: bool
) -> tuple[tuple[FeatureLine, ...], Chart | None]:
    rankings = timeline.rankings(target.name, target.space)
    leading = timeline.features(target.name, target.space, _RANKED)
    newest = {feature: _newest(rankings, feature) for feature in leading}
    labels = unique_labels(leading, {feature: row.label for feature, (_, row) in newest.items()})
    marks = timeline.marks
    lines = []
    for feature in leading[:_FEATURES]:
        partition, row = newest[feature]
        moments = importance_moments(rankings, feature)
        chart = figure_over_time(moments, f"the importance of {labels[feature]}", unit, marks=marks)
        lines.append(FeatureLine(feature, labels[feature], chart, timeline.entries[partition], row))
    if not several or not leading:
        return tuple(lines), None
    ranks = {
        labels[feature]: [
            None if (importance := ranking.get(feature)) is None else importance.rank for ranking in rankings.values()
        ]
        for feature in leading
    }
    return tuple(lines), ranks_over_time(ranks, timeline.partitions, marks=marks)


def _newest(rankings: dict[str, dict[str, IndexedFeature]], feature: str) -> tuple[str, IndexedFeature]:
    return next((name, ranking[feature]) for name, ranking in reversed(rankings.items()) if feature in ranking)


def _shares(timeline: Timeline, target: TargetInfo | None, unit: str) -> tuple[tuple[str, Chart], ...]:
    entries = [timeline.entries.get(name) for name in timeline.partitions]
    not_converged = [None if entry is None or entry.converged is None else 1.0 - entry.converged for entry in entries]
    quarantined = [None if entry is None else entry.quarantined for entry in entries]

    def drawn(values: Sequence[float | None], label: str, axis: str, figures: str = "") -> Chart:
        moments = [Moment(name, value) for name, value in zip(timeline.partitions, values, strict=True)]
        return figure_over_time(moments, label, axis, marks=timeline.marks, figures=figures)

    axis, figures = "share of rows", ".2~%"
    charts = [
        ("Rows that did not converge", drawn(not_converged, "the share of rows that did not converge", axis, figures)),
        ("Rows in quarantine", drawn(quarantined, "the share of rows in quarantine", axis, figures)),
    ]
    outputs = [_output(entry, target) for entry in entries]
    if any(value is not None for value in outputs):
        charts.append(("The model's mean output", drawn(outputs, "the mean output of the model", unit)))
    return tuple(charts)


def _output(entry: IndexEntry | None, target: TargetInfo | None) -> float | None:
    if entry is None or target is None:
        return None
    outputs = (
        indexed.output for indexed in entry.targets if (indexed.name, indexed.space) == (target.name, target.space)
    )
    return next(outputs, None)


def run_lines(entries: Sequence[IndexEntry]) -> list[RunLine]:
    """The runs of a spec, the newest partition first."""
    timeline = timeline_of(entries)
    revisions: dict[str, list[IndexEntry]] = {}
    for entry in entries:
        revisions.setdefault(entry.run_id, []).append(entry)
    before: dict[str, IndexEntry | None] = {}
    last: IndexEntry | None = None
    for partition, entry in timeline.entries.items():
        before[partition] = last
        last = entry if entry.published else last
    lines = []
    for run_revisions in revisions.values():
        newest_first = sorted(run_revisions, key=lambda entry: -entry.revision)
        default = next((entry for entry in newest_first if entry.official), newest_first[0])
        in_line = timeline.entries.get(default.partition) is default
        lines.append(
            RunLine(
                default=default,
                revisions=tuple(newest_first),
                changed=timeline.changed.get(default.partition, ()) if in_line else (),
                before=before.get(default.partition),
            )
        )
    return sorted(lines, key=lambda line: order_of(line.default), reverse=True)
