"""Features whose importance hangs on one row, over all rows, within a segment, and of groups of features.

A mean says nothing of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.statistics import MISSING, FeatureStatistics
from ig_tasks.store import Folder
from ig_tasks.store.parquet_reading import read_tables
from ig_tasks.store.report import Outlier

__all__ = ["outliers"]

_ATTRIBUTION, _SEGMENT = "attribution:", "segment:"
_SHARE, _TIMES, _MOST = 0.1, 10, 5
"""The least share of a feature's importance that one row must have, how many times an even share it must be, and the
most features that are named: over all rows, in the segments of one column, among the groups."""


@dataclass(frozen=True)
class _Suspect:
    """A feature, or a group, that one row stands out in: which row it is remains to be found.

    members: the features whose attributions are summed, one or those of the group.
    """

    target: str
    name: str
    members: tuple[str, ...]
    rows: int
    abs_mean: float
    column: str | None = None
    level: str | None = None
    group: str | None = None

    @property
    def columns(self) -> list[str]:
        """The columns of a shard that are read."""
        segment = [] if self.column is None else [_SEGMENT + self.column]
        return [*segment, *(_ATTRIBUTION + name for name in self.members)]

    def greatest(self, table: pa.Table) -> tuple[str, float] | None:
        """The row of the shard with the greatest |attribution|, the first of several; None without such rows."""
        is_own = pc.equal(table.column("target"), self.target)
        if self.column is not None:
            levels = pc.fill_null(table.column(_SEGMENT + self.column), MISSING)
            is_own = pc.and_(is_own, pc.equal(levels, self.level))
        rows = table.filter(is_own)
        if not rows.num_rows:
            return None
        values: NDArray[np.float64] = np.zeros(rows.num_rows)
        for name in self.members:
            values += rows.column(_ATTRIBUTION + name).to_numpy()
        place = int(np.argmax(np.abs(values)))
        return str(rows.column("row_id")[place].as_py()), float(values[place])

    def outlier(self, row_id: str, attribution: float) -> Outlier:
        total = self.abs_mean * self.rows
        mean_of_others = (total - abs(attribution)) / (self.rows - 1) if self.rows > 1 else None
        return Outlier(
            target=self.target,
            feature=self.name,
            row_id=row_id,
            attribution=attribution,
            share=min(float(abs(attribution) / total), 1.0),
            abs_mean_without=None if mean_of_others is None else max(float(mean_of_others), 0.0),
            segment_column=self.column,
            segment_level=self.level,
            group=self.group,
        )


def outliers(
    run: Folder,
    files: Sequence[str],
    summary: ShardSummary,
    groups: Mapping[str, Sequence[str]] | None = None,
    contributions: Mapping[str, FeatureStatistics] | None = None,
) -> list[Outlier]:
    """The most important features of which one row has a tenth of all |attribution| or more, and that row.

    Features over all rows come first, then features within segments, then groups. The extremes are known from the
    statistics; the shards are read, once, only where one of them stands out.

    Args:
        groups: {group: its features}.
        contributions: {target: statistics of the groups' contributions}.
    """
    suspects = [
        *_over_all_rows(summary),
        *_within_segments(summary),
        *_among_groups(groups or {}, contributions or {}),
    ]
    if not suspects:
        return []
    columns = list(dict.fromkeys(name for suspect in suspects for name in suspect.columns))
    best: list[tuple[str, float]] = [("", 0.0)] * len(suspects)
    for table in read_tables(run, files, ["row_id", "target", *columns]):
        for place, suspect in enumerate(suspects):
            greatest = suspect.greatest(table)
            if greatest is not None and abs(greatest[1]) > abs(best[place][1]):
                best[place] = greatest
    return [suspect.outlier(*row) for suspect, row in zip(suspects, best, strict=True)]


def _over_all_rows(summary: ShardSummary) -> Iterator[_Suspect]:
    for target, grouped in summary.attributions.items():
        statistics = grouped.overall
        for place in _outstanding(statistics)[:_MOST]:
            name, abs_mean = statistics.features[place], float(statistics.abs_mean[place])
            yield _Suspect(target, name, (name,), statistics.count, abs_mean)


def _within_segments(summary: ShardSummary) -> Iterator[_Suspect]:
    for target, grouped in summary.attributions.items():
        by_column: dict[str, list[_Suspect]] = {}
        for column, level, statistics in grouped.segments():
            for place in _outstanding(statistics)[:_MOST]:
                name, abs_mean = statistics.features[place], float(statistics.abs_mean[place])
                suspect = _Suspect(target, name, (name,), statistics.count, abs_mean, column, level)
                by_column.setdefault(column, []).append(suspect)
        for suspects in by_column.values():
            yield from sorted(suspects, key=lambda suspect: -suspect.abs_mean)[:_MOST]


def _among_groups(
    groups: Mapping[str, Sequence[str]], contributions: Mapping[str, FeatureStatistics]
) -> Iterator[_Suspect]:
    for target, statistics in contributions.items():
        for place in _outstanding(statistics)[:_MOST]:
            name, abs_mean = statistics.features[place], float(statistics.abs_mean[place])
            yield _Suspect(target, name, tuple(groups[name]), statistics.count, abs_mean, group=name)


def _outstanding(statistics: FeatureStatistics) -> list[int]:
    """The places of features of which one row has too much, the most important first."""
    if not statistics.count:
        return []
    extremes = np.maximum(np.abs(statistics.minimum), np.abs(statistics.maximum))
    totals = statistics.abs_mean * statistics.count
    shares = np.divide(extremes, totals, out=np.zeros_like(totals), where=totals > 0)
    places: list[int] = np.flatnonzero(shares >= max(_SHARE, _TIMES / statistics.count)).tolist()
    return sorted(places, key=lambda place: -statistics.abs_mean[place])
