"""Global importance, overall and by segment, read off merged statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ig_tasks.spec import FeatureSpec
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.statistics import ClusterSpread, FeatureStatistics, bonferroni, rank_intervals, ranks
from ig_tasks.statistics.sums import CLUSTERS
from ig_tasks.store.report import Distribution, Importance, Quantile

LEVEL = 0.95
TAIL = 0.01
"""The share of the rows that a trimmed mean leaves out."""
QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)


def importance_rows(summary: ShardSummary, presented: Mapping[str, FeatureSpec]) -> list[Importance]:
    """A row for each (target, segment, feature), the most important first within each segment."""
    rows: list[Importance] = []
    for target, grouped in summary.attributions.items():
        for (column, level), statistics in grouped.groups.items():
            if statistics.count:
                spread = _clustered(statistics, summary, target) if column is None else statistics
                rows += _rows_of(target, column, level, spread, presented)
    return rows


def _clustered(statistics: FeatureStatistics, summary: ShardSummary, target: str) -> FeatureStatistics:
    """Statistics over all rows, with the sums by cluster that were kept for comparisons."""
    sums = summary.sums.get(target)
    clusters = None if sums is None else sums.clusters
    if clusters is None:
        return statistics
    return replace(statistics, clusters=ClusterSpread(clusters.grid, clusters.rows, clusters.absolute, CLUSTERS))


def _rows_of(
    target: str,
    column: str | None,
    level: str | None,
    statistics: FeatureStatistics,
    presented: Mapping[str, FeatureSpec],
) -> list[Importance]:
    segment = None if column is None else f"{column}={level}"
    rows = [
        Importance(
            target=target,
            segment=segment,
            segment_column=column,
            segment_level=level,
            feature=name,
            group=presented[name].group if name in presented else None,
            **facts,
        )
        for name, facts in zip(statistics.features, figures(statistics), strict=True)
    ]
    return sorted(rows, key=lambda row: row.rank)


def figures(statistics: FeatureStatistics) -> list[dict[str, Any]]:
    """What an importance says in figures of each column: rows, moments, and ranks among the columns."""
    low, high = statistics.abs_mean_interval(LEVEL)
    joint = statistics.abs_mean_interval(bonferroni(LEVEL, len(statistics.features)))
    best, worst = rank_intervals(*joint)
    rank = ranks(statistics.abs_mean)
    clusters = statistics.clusters
    made_of = {"interval_of": "rows"} if clusters is None else {"interval_of": "clusters", "clusters": len(clusters)}
    mean, abs_mean, std_dev = statistics.mean, statistics.abs_mean, statistics.std_dev
    median, mean_square = statistics.median, statistics.mean_square
    return [
        {
            "rows": statistics.count,
            "mean": mean[i],
            "abs_mean": abs_mean[i],
            "std_dev": std_dev[i],
            "median": median[i],
            "mean_square": mean_square[i],
            "abs_mean_ci": (low[i], high[i]),
            "rank": int(rank[i]),
            "rank_ci": (int(best[i]), int(worst[i])),
            **made_of,
        }
        for i in range(len(statistics.features))
    ]


def distributions(summary: ShardSummary) -> list[Distribution]:
    """How each feature's attributions are spread over all rows."""
    spreads = []
    for target, grouped in summary.attributions.items():
        overall = grouped.overall
        if not overall.count:
            continue
        columns = {q: overall.quantile(q) for q in QUANTILES}
        tails = overall.tail_share(TAIL)
        trimmed = overall.abs_mean * (1 - tails) / (1 - TAIL)
        for place, feature in enumerate(overall.features):
            quantiles = tuple(Quantile(q=q, value=values[place]) for q, values in columns.items())
            tail = {"trimmed_abs_mean": trimmed[place], "tail_share": tails[place]}
            spreads.append(Distribution(target=target, feature=feature, quantiles=quantiles, **tail))
    return spreads
