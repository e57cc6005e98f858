"""Feature statistics over all rows and over every level of every segment column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ig_tasks.errors import InputError, RunError
from ig_tasks.statistics.cluster_spread import ClusterSpread
from ig_tasks.statistics.feature_statistics import QUANTILE_CELLS, FeatureStatistics
from ig_tasks.statistics.grids import Grid
from ig_tasks.statistics.levels import Levels, as_levels
from ig_tasks.statistics.packing import TEXT, Packing

Group = tuple[str | None, str | None]
OVERALL: Group = (None, None)
SEGMENT_CELLS = 1024
"""Cells of the quantiles of one feature of a segment, 2 kB at most: there are many segments."""


@dataclass(frozen=True, eq=False)
class GroupedStatistics:
    """`groups[(column, level)]`, and `groups[OVERALL]` for all rows, in order of column and level.

    Levels have sums by cluster where clusters are given. Those over all rows are among `AttributionSums`.
    """

    groups: dict[Group, FeatureStatistics]

    @classmethod
    def of(
        cls,
        values: ArrayLike,
        features: Sequence[str],
        segments: Mapping[str, ArrayLike | Levels] | None = None,
        clusters: ArrayLike | Levels | None = None,
    ) -> Self:
        """Statistics of `values`, (rows, features), overall and by `segments`, {column: (rows,) levels}.

        `clusters` are (rows,) labels of groups of rows that are not independent of one another.

        A missing level is the level `(missing)`. Raises InputError for shapes that do not fit and for
        values that are not finite.
        """
        table = np.asarray(values, dtype=np.float64)
        groups: dict[Group, FeatureStatistics] = {OVERALL: FeatureStatistics.of(table, features, cells=QUANTILE_CELLS)}
        columns = np.ascontiguousarray(table.T)
        clustered = None if clusters is None or not segments else as_levels(clusters)
        for column, cells in (segments or {}).items():
            codes, levels = as_levels(cells)
            if len(codes) != len(table):
                raise InputError(f"segments.{column}: {len(codes)} values for {len(table)} rows")
            # Rows of one level side by side, in their order: one pass over the table, then slices.
            order = np.argsort(codes, kind="stable")
            ordered = columns[:, order]
            rows = np.bincount(codes, minlength=len(levels))
            ends = np.cumsum(rows)
            for level, start, end in zip(levels, ends - rows, ends, strict=True):
                spread = None
                if clustered is not None:
                    grid, places = Grid("label", 0, tuple(clustered.names)), clustered.codes[order[start:end]]
                    spread = ClusterSpread.of_codes(np.abs(ordered[:, start:end]), grid, places.astype(np.int64))
                groups[column, level] = FeatureStatistics.of_columns(
                    ordered[:, start:end], features, cells=SEGMENT_CELLS, clusters=spread
                )
        return cls(groups)

    @property
    def overall(self) -> FeatureStatistics:
        """The statistics over all rows."""
        return self.groups[OVERALL]

    def segments(self) -> Iterator[tuple[str, str, FeatureStatistics]]:
        """(column, level, statistics) of every segment."""
        for (column, level), statistics in self.groups.items():
            if column is not None and level is not None:
                yield column, level, statistics

    def merge(self, other: Self) -> Self:
        """Statistics of the rows of both; a level that one side lacks is taken from the other."""
        groups: dict[Group, FeatureStatistics] = {}
        columns = dict.fromkeys(column for column, _ in (*self.groups, *other.groups))
        order = {column: place for place, column in enumerate(columns)}
        for group in sorted({*self.groups, *other.groups}, key=lambda item: (order[item[0]], item[1] or "")):
            mine, theirs = self.groups.get(group), other.groups.get(group)
            if mine is not None and theirs is not None:
                groups[group] = mine.merge(theirs)
            else:
                groups[group] = mine if mine is not None else other.groups[group]
        return type(self)(groups)

    @classmethod
    def merge_all(cls, parts: Iterable[Self]) -> Self:
        """All parts merged in the order given: the order of shards, for results that repeat to the bit.

        Raises:
            RunError: when there is no part.
        """
        merged: Self | None = None
        for part in parts:
            merged = part if merged is None else merged.merge(part)
        if merged is None:
            raise RunError("there are no statistics to merge; the run has no shards")
        return merged

    def to_json(self, packing: Packing = TEXT) -> dict[str, Any]:
        """A JSON object that `from_json` turns back into the same bits."""
        groups = [
            {"segment": column, "level": level, **statistics.to_json(packing)}
            for (column, level), statistics in self.groups.items()
        ]
        return {"groups": groups}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The statistics that `to_json` wrote. Raises RunError when something is missing."""
        try:
            return cls({(g["segment"], g["level"]): FeatureStatistics.from_json(g) for g in data["groups"]})
        except (KeyError, TypeError) as error:
            raise RunError(f"statistics cannot be read ({error}); remove that file and run again") from error
