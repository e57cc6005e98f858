"""Two reports side by side: what differs in them, what may be compared, and how importance moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ig_tasks.charts import Chart
from ig_tasks.charts.axes import unique_labels
from ig_tasks.charts.rank_slopes import Pair, Slope, importance_pairs, rank_slopes
from ig_tasks.reports.numerals import count
from ig_tasks.reports.sentences import target_words, units
from ig_tasks.store.report import Importance, Report, TargetInfo
from ig_tasks.store.report_units import units_in
from ig_tasks.web.dependencies import OpenedRun

__all__ = ["Change", "Comparison", "Difference", "compared", "differences", "shared_targets"]

_DRAWN, _LISTED = 20, 100


@dataclass(frozen=True)
class Difference:
    """A line of what the two reports were made of."""

    about: str
    before: str
    after: str

    @property
    def same(self) -> bool:
        """Whether both say the same."""
        return self.before == self.after


@dataclass(frozen=True)
class Change:
    """A feature in both reports; a side is None where the report does not have it.

    Attributes:
        interval: the 95 % interval of the change of importance; None where units differ or it is not known.
        shares: the feature's share of all importance, before and after.
    """

    feature: str
    before: Importance | None
    after: Importance | None
    shares: tuple[float | None, float | None]
    change: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def is_apart(self) -> bool:
        """Whether the interval of the change leaves zero out."""
        return self.interval is not None and (self.interval[0] > 0.0 or self.interval[1] < 0.0)


@dataclass(frozen=True)
class Comparison:
    """Importance in two reports of one target.

    Attributes:
        why_not: why figures are not compared, in one line; empty where they are.
        slopes: None where the reports have no feature in common.
        names: {label in a chart: feature}.
    """

    target: TargetInfo
    units: str
    why_not: str
    changes: tuple[Change, ...]
    left: int
    slopes: Chart | None
    pairs: Chart | None
    names: dict[str, str]


def shared_targets(before: Report, after: Report) -> tuple[tuple[TargetInfo, TargetInfo], ...]:
    """The targets that both have by name; where each has one target alone, these two whatever they are called."""
    by_name = {target.name: target for target in before.targets}
    shared = tuple((by_name[target.name], target) for target in after.targets if target.name in by_name)
    if not shared and len(before.targets) == len(after.targets) == 1:
        return ((before.targets[0], after.targets[0]),)
    return shared


def differences(before: OpenedRun, after: OpenedRun) -> tuple[Difference, ...]:
    """What the two reports were made of, line by line."""
    sides = [_sides(run) for run in (before, after)]
    return tuple(Difference(about, sides[0][about], sides[1][about]) for about in sides[0])


def _sides(run: OpenedRun) -> dict[str, str]:
    report = run.report
    model, data, baseline = report.model, report.data, report.baseline
    return {
        "Spec": report.name,
        "Partition": report.partition,
        "State": report.state + ("" if report.official else ", ad-hoc"),
        "Model": " ".join(
            part for part in (model.name or model.uri, model.version and f"version {model.version}") if part
        ),
        "Framework": model.framework,
        "Digest of the model": _short_digest(model.digest),
        "Output explained": "; ".join(target_words(target) for target in report.targets),
        "Data": data.uri,
        "Digest of the data": _short_digest(data.digest),
        "Rows explained": count(data.rows_explained),
        "Rows in quarantine": count(data.rows_quarantined),
        "Baseline": baseline.strategy + (f", fitted on {baseline.partition}" if baseline.partition else ""),
        "Digest of the baseline": _short_digest(baseline.digest),
        "Method": f"{report.attribution.method.replace('_', ' ')}, {report.attribution.integrator}",
        "Tolerance": "not known" if report.attribution.tolerance is None else f"{report.attribution.tolerance:g}",
        "Settings beside these": _short_digest(run.entry.settings_digest) or "not known",
    }


def _short_digest(digest: str) -> str:
    """The beginning of a digest: enough to tell two apart by eye."""
    return digest.removeprefix("sha256:")[:12]


def compared(
    runs: tuple[OpenedRun, OpenedRun], targets: tuple[TargetInfo, TargetInfo], names: tuple[str, str]
) -> Comparison:
    """Importance of one target in two reports.

    Args:
        targets: the target as each report has it.
        names: what the two are called, above the chart.
    """
    before, after = (run.report for run in runs)
    first, second = targets
    halves = [_halves(run, target.name) for run, target in zip(runs, targets, strict=True)]
    rankings = [{row.feature: row for row in report.ranking(target.name)} for report, target in
                ((before, first), (after, second))]  # fmt: skip
    why_not = _why_not(before, after, first, second, rankings)
    wholes = [sum(row.abs_mean or 0.0 for row in ranking.values()) for ranking in rankings]
    features = sorted(
        {**rankings[1], **rankings[0]},
        key=lambda name: min(ranking[name].rank for ranking in rankings if name in ranking),
    )
    changes = tuple(_change(name, rankings, wholes, halves, figures=not why_not) for name in features)
    drawn = features[:_DRAWN]
    labels = unique_labels(
        drawn, {name: after.label(name) if name in rankings[1] else before.label(name) for name in drawn}
    )
    common = any(name in rankings[0] and name in rankings[1] for name in features)
    return Comparison(
        target=second,
        units=units_in(after, second),
        why_not=why_not,
        changes=changes[:_LISTED],
        left=max(0, len(changes) - _LISTED),
        slopes=_slopes(drawn, rankings, labels, names) if common else None,
        pairs=_pairs(changes[:_DRAWN], labels, units_in(after, second), figures=not why_not) if common else None,
        names={label: name for name, label in labels.items()},
    )


def _why_not(
    before: Report, after: Report, first: TargetInfo, second: TargetInfo, rankings: Sequence[dict[str, Importance]]
) -> str:
    if not any(rankings):
        return "No row was explained in either of them."
    if not set(rankings[0]) & set(rankings[1]):
        return "They have no feature in common."
    if first.space != second.space:
        return (
            f"Their outputs are in other units, {units(first.space)} and {units(second.space)}: ranks and shares of "
            "all importance are compared, figures are not."
        )
    if before.attribution.method != after.attribution.method:
        return (
            f"They were made by other methods, {before.attribution.method} and {after.attribution.method}: ranks and "
            "shares of all importance are compared, figures are not."
        )
    return ""


def _halves(run: OpenedRun, target: str) -> dict[str, float]:
    """{feature: half of its 95 % interval}: the index has those of clusters of rows, where the run kept their sums."""
    return {
        row.feature: row.high - row.abs_mean
        for indexed in run.entry.targets
        if indexed.name == target
        for row in indexed.features
        # Above the mean: the lower end stops at zero, and half of what is left would be too narrow.
        if row.abs_mean is not None and row.low is not None and row.high is not None
    }


def _change(
    name: str,
    rankings: Sequence[dict[str, Importance]],
    wholes: Sequence[float],
    halves: Sequence[dict[str, float]],
    *,
    figures: bool,
) -> Change:
    before, after = (ranking.get(name) for ranking in rankings)
    first, second = (
        None if row is None or row.abs_mean is None or not whole else row.abs_mean / whole
        for row, whole in zip((before, after), wholes, strict=True)
    )
    sizes = _figure(before), _figure(after)
    change = interval = None
    if figures and sizes[0] is not None and sizes[1] is not None:
        change = sizes[1] - sizes[0]
        if all(name in widths for widths in halves):
            half = math.hypot(*(widths[name] for widths in halves))
            interval = (change - half, change + half)
    return Change(name, before, after, (first, second), change, interval)


def _slopes(
    drawn: Sequence[str], rankings: Sequence[dict[str, Importance]], labels: dict[str, str], names: tuple[str, str]
) -> Chart:
    ranks = [[ranking[name].rank if name in ranking else None for ranking in rankings] for name in drawn]
    slopes = [Slope(labels[name], *pair) for name, pair in zip(drawn, ranks, strict=True)]
    return rank_slopes(slopes, *names)


def _pairs(changes: Sequence[Change], labels: dict[str, str], unit: str, *, figures: bool) -> Chart:
    if figures:
        pairs = [Pair(labels[change.feature], _figure(change.before), _figure(change.after)) for change in changes]
        return importance_pairs(pairs, f"mean |attribution| ({unit})")
    return importance_pairs(
        [Pair(labels[change.feature], *change.shares) for change in changes], "share of all importance"
    )


def _figure(row: Importance | None) -> float | None:
    return None if row is None else row.abs_mean
