"""Mergeable, count-weighted statistics of attributions and inputs, and what is read off them.

A worker summarises its shard; the summaries travel as JSON and are merged in shard order, so that the
same shards give the same numbers to the last digit.
"""

from __future__ import annotations

from ig_tasks.statistics.category_counts import CategoryCounts
from ig_tasks.statistics.cluster_spread import ClusterSpread, abs_mean_interval
from ig_tasks.statistics.feature_statistics import FeatureStatistics
from ig_tasks.statistics.grouped import OVERALL, GroupedStatistics
from ig_tasks.statistics.levels import MISSING, Levels, as_levels
from ig_tasks.statistics.ranking import bonferroni, rank_intervals, ranks
from ig_tasks.statistics.sums import AttributionSums
from ig_tasks.statistics.unknowns import UnknownCounts

__all__ = [
    "MISSING",
    "OVERALL",
    "AttributionSums",
    "CategoryCounts",
    "ClusterSpread",
    "FeatureStatistics",
    "GroupedStatistics",
    "Levels",
    "UnknownCounts",
    "abs_mean_interval",
    "as_levels",
    "bonferroni",
    "rank_intervals",
    "ranks",
]
