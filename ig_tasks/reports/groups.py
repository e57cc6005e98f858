"""Importance of groups of features, as the spec's `features` name them.

A group's contribution to a row is the sum of its features' contributions there; the statistics of a group are those of
its contributions. They are not made of its features' statistics: what two features do against each other cancels in a
row. Groups are no part of what decides a run's numbers, so they are summed over the run's shards when it is rendered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ig_tasks.reports.importance import figures
from ig_tasks.statistics import ClusterSpread, FeatureStatistics
from ig_tasks.statistics.sums import CLUSTERS
from ig_tasks.store import Folder
from ig_tasks.store.report import GroupImportance

__all__ = ["group_importance", "group_statistics"]

_ATTRIBUTION = "attribution:"


def group_importance(
    contributions: Mapping[str, FeatureStatistics], groups: Mapping[str, Sequence[str]]
) -> list[GroupImportance]:
    """A row for each (target, group), the most important group first; ranks and their intervals are among the groups.

    `contributions` are those of `group_statistics`.
    """
    rows: list[GroupImportance] = []
    for target, statistics in contributions.items():
        group_rows = (
            GroupImportance(target=target, group=name, features=tuple(groups[name]), **facts)
            for name, facts in zip(statistics.features, figures(statistics), strict=True)
        )
        rows += sorted(group_rows, key=lambda row: row.rank)
    return rows


def group_statistics(
    run: Folder, files: Sequence[str], groups: Mapping[str, Sequence[str]], *, clustered: bool = False
) -> dict[str, FeatureStatistics]:
    """{target: statistics of the groups' contributions} over all rows, merged in the order of the shards in `files`.

    Args:
        clustered: the rows have a column `cluster`: those of one are not independent.
    """
    merged: dict[str, FeatureStatistics] = {}
    if not groups:
        return merged
    columns = ["target", *(_ATTRIBUTION + name for members in groups.values() for name in members)]
    columns += ["cluster"] if clustered else []
    # Shard by shard, as the features': a group of one feature has that feature's figures, to the last digit.
    for file in files:
        table = run.read_table(file, columns=columns)
        for target in pc.unique(table.column("target")).to_pylist():
            rows = table.filter(pc.equal(table.column("target"), target))
            contributions = _contributions(rows, groups)
            spread = None
            if clustered:
                spread = ClusterSpread.of(contributions, rows.column("cluster").to_pandas(), CLUSTERS)
            shard = FeatureStatistics.of(contributions, list(groups), clusters=spread)
            merged[target] = merged[target].merge(shard) if target in merged else shard
    return merged


def _contributions(table: pa.Table, groups: Mapping[str, Sequence[str]]) -> NDArray[np.float64]:
    """(rows, groups): of each row the sums over the features of each group."""
    sums = np.zeros((table.num_rows, len(groups)))
    for place, members in enumerate(groups.values()):
        for name in members:
            sums[:, place] += table.column(_ATTRIBUTION + name).to_numpy()
    return sums
