"""What a reader chooses on a report's page, of what the report has: target, segment, statistic, order, words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ig_tasks.reports.sentences import segment_label
from ig_tasks.store.report import Report, TargetInfo
from ig_tasks.web.page_errors import PageError

__all__ = ["COLUMNS", "FEATURES", "Choices", "Statistic", "segments_of", "statistics_of"]

FEATURES = 100
"""Features on one page of the table."""
COLUMNS = ("rank", "name", "abs_mean", "mean", "std_dev", "median", "mean_square", "figure")
"""What the table is sorted by; with a minus in front the other way round."""


@dataclass(frozen=True)
class Statistic:
    """What is told of each feature's attributions.

    Attributes:
        words: as in the table's heads.
        signed: whether it raises and lowers the output; else it is a size.
        quantile: of the distributions over all rows; None for what stands with the importance.
    """

    key: str
    words: str
    signed: bool
    quantile: float | None = None


_STATISTICS = (
    Statistic("abs_mean", "mean |attribution|", signed=False),
    Statistic("mean", "signed mean", signed=True),
    Statistic("median", "median", signed=True),
    Statistic("std_dev", "standard deviation", signed=False),
    Statistic("mean_square", "mean square", signed=False),
)


def statistics_of(report: Report, segment: str = "") -> tuple[Statistic, ...]:
    """The statistics that the report has: quantiles are known over all rows only."""
    if segment:
        return _STATISTICS
    known = sorted({point.q for spread in report.distributions for point in spread.quantiles})
    return _STATISTICS + tuple(Statistic(f"q{q:g}", _quantile_words(q), signed=True, quantile=q) for q in known)


def _quantile_words(q: float) -> str:
    return "least" if q == 0.0 else "greatest" if q == 1.0 else f"{100 * q:g} % quantile"


def segments_of(report: Report, target: str) -> Mapping[str, list[tuple[str, str]]]:
    """{what a column is called: [(segment, its level), ...]} of what the report tells apart, the largest first."""
    by_column: dict[str, dict[str, tuple[str, int]]] = {}
    for row in report.segments:
        if row.target == target and row.segment is not None:
            column, _, level = row.segment.partition("=")
            name, level = segment_label(report, row.segment_column or column), row.segment_level or level
            by_column.setdefault(name, {})[row.segment] = (level, row.rows)
    return {
        name: [(segment, level) for segment, (level, _) in sorted(segments.items(), key=lambda item: -item[1][1])]
        for name, segments in by_column.items()
    }


@dataclass(frozen=True)
class Choices:
    """One state of a report's page, all of it in its address.

    Attributes:
        segment: "" for all rows.
        sort: one of COLUMNS, with a minus in front for the other way round.
        words: what features must have in their name, label or group.
        part: which hundred features, from 1.
    """

    target: TargetInfo
    segment: str
    statistic: Statistic
    sort: str
    words: str
    part: int

    @classmethod
    def of(
        cls, report: Report, target: str | None, segment: str, statistic: str, sort: str, words: str, part: int
    ) -> Choices:
        """The choices, of what the report has.

        Raises:
            PageError: 404, in one line, for what it has not.
        """
        targets = {info.name: info for info in report.targets}
        chosen = next(iter(targets.values()), None) if target is None else targets.get(target)
        if chosen is None:
            raise PageError(404, "This report has no such target." if targets else "This report explains no target.")
        if segment and not any(row.segment == segment and row.target == chosen.name for row in report.segments):
            raise PageError(404, "This report has no such segment of this target.")
        known = {offered.key: offered for offered in statistics_of(report, segment)}
        if statistic not in known:
            within = " within a segment" if segment else ""
            raise PageError(404, f"This report has no such statistic{within}; it has: {', '.join(known)}.")
        if sort.removeprefix("-") not in COLUMNS:
            raise PageError(400, f"sort: give one of {', '.join(COLUMNS)}, with a minus in front the other way round.")
        return cls(chosen, segment, known[statistic], sort, words.strip(), part)

    def query(self, **other: Any) -> dict[str, Any]:
        """The parameters of this state's address, with others instead; what is usual is left out."""
        parameters = {
            "target": self.target.name,
            "segment": self.segment,
            "statistic": self.statistic.key,
            "sort": self.sort,
            "search": self.words,
            "part": self.part,
            **other,
        }
        usual = {"segment": "", "statistic": "abs_mean", "sort": "rank", "search": "", "part": 1}
        return {key: text for key, text in parameters.items() if text is not None and text != usual.get(key)}
