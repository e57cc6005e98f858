"""What a report's page shows of one state: a report with one target alone, and the features that were chosen of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ig_tasks.charts import Chart
from ig_tasks.charts.axes import unique_labels
from ig_tasks.charts.bars import figure_bars
from ig_tasks.reports import report_charts
from ig_tasks.reports.sentences import target_words
from ig_tasks.store.report import Importance, Report
from ig_tasks.store.report_units import units_in
from ig_tasks.web.report_choices import FEATURES, Choices

__all__ = ["FeatureLine", "FeaturesView", "features_view", "with_one_target"]

_CHARTED = 20
_BY_TARGET = (
    "importance", "segments", "examples", "distributions", "groups", "outliers", "outliers_within", "dependence",
    "quality",
)  # fmt: skip


@dataclass(frozen=True)
class FeatureLine:
    """A line of the table: a feature, and the chosen statistic of it; None where the report has none."""

    row: Importance
    figure: float | None


@dataclass(frozen=True)
class FeaturesView:
    """The features of one state.

    Attributes:
        charts: a chart and its caption, each.
        matching: how many features there are of these words, of `whole`.
    """

    words: str
    units: str
    rows: int
    lines: tuple[FeatureLine, ...]
    charts: tuple[tuple[Chart, str], ...]
    matching: int
    whole: int

    @property
    def parts(self) -> int:
        """How many hundreds of features there are."""
        return max(1, -(-self.matching // FEATURES))


def with_one_target(report: Report, target: str) -> Report:
    """The report with one of its targets, as if the others had not been explained."""
    parts: dict[str, Any] = {name: _of_target(target, getattr(report, name)) for name in _BY_TARGET}
    parts["targets"] = tuple(item for item in report.targets if item.name == target)
    parts["verdicts"] = tuple(item for item in report.verdicts if item.target in ("", target))
    drift = report.drift
    if drift is not None:
        drift = drift.model_copy(
            update={name: _of_target(target, getattr(drift, name)) for name in ("features", "groups")}
        )
    return report.model_copy(update={**parts, "drift": drift})


def _of_target(target: str, rows: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(row for row in rows if row.target == target)


def features_view(report: Report, choices: Choices) -> FeaturesView:
    """The features of the state that was chosen: filtered, sorted, and the first of them drawn."""
    target = choices.target
    if choices.segment:
        rows = [row for row in report.segments if (row.target, row.segment) == (target.name, choices.segment)]
    else:
        rows = list(report.ranking(target.name))
    figures = _figures(report, choices, rows)
    search = choices.words.casefold()
    lines = [FeatureLine(row, figures.get(row.feature)) for row in rows if search in _words(report, row)]
    ordered = _sorted(report, choices.sort, lines)
    first = (choices.part - 1) * FEATURES
    listed = tuple(ordered[first : first + FEATURES])
    return FeaturesView(
        words=target_words(target),
        units=units_in(report, target),
        rows=max((row.rows for row in rows), default=0),
        lines=listed,
        charts=_charts(report, choices, listed[:_CHARTED]),
        matching=len(lines),
        whole=len(rows),
    )


def _words(report: Report, row: Importance) -> str:
    return f"{row.feature}\n{report.label(row.feature)}\n{row.group or ''}".casefold()


def _figures(report: Report, choices: Choices, rows: Sequence[Importance]) -> dict[str, float | None]:
    q = choices.statistic.quantile
    if q is None:
        return {row.feature: getattr(row, choices.statistic.key) for row in rows}
    return {
        spread.feature: point.value
        for spread in report.distributions
        if spread.target == choices.target.name
        for point in spread.quantiles
        if point.q == q
    }


def _sorted(report: Report, sort: str, lines: list[FeatureLine]) -> list[FeatureLine]:
    """Ranks and names from the first on, figures from the greatest; those that are not known come last."""
    column, is_reversed = sort.removeprefix("-"), sort.startswith("-")
    if column == "rank":
        return sorted(lines, key=lambda line: line.row.rank, reverse=is_reversed)
    if column == "name":
        return sorted(lines, key=lambda line: report.label(line.row.feature).casefold(), reverse=is_reversed)
    figures = [(line.figure if column == "figure" else getattr(line.row, column), line) for line in lines]
    known = [(figure, line) for figure, line in figures if figure is not None]
    known.sort(key=lambda item: item[0], reverse=not is_reversed)
    return [line for _, line in known] + [line for figure, line in figures if figure is None]


def _charts(report: Report, choices: Choices, lines: Sequence[FeatureLine]) -> tuple[tuple[Chart, str], ...]:
    if not lines:
        return ()
    rows = [line.row for line in lines]
    names = [row.feature for row in rows]
    labels = unique_labels(names, {name: report.label(name) for name in names})
    unit = units_in(report, choices.target)
    signed = report_charts.signed_chart(rows, labels, unit)
    direction = "Signed mean: bars to the right raise the output on average, bars to the left lower it."
    if choices.statistic.key == "abs_mean":
        sizes = report_charts.importance_chart(rows, labels, unit)
        return (sizes, "Mean absolute attribution with 95 % confidence interval."), (signed, direction)
    if choices.statistic.key == "mean":
        return ((signed, direction),)
    statistic = choices.statistic
    squared = f"{unit}, squared" if statistic.key == "mean_square" else unit
    bars = [(labels[line.row.feature], line.figure) for line in lines]
    chart = figure_bars(bars, statistic.words, squared, signed=statistic.signed)
    chart = replace(chart, names={label: name for name, label in labels.items()})
    return ((chart, f"{statistic.words[:1].upper()}{statistic.words[1:]} of the attributions."),)
