"""One side of a comparison: a finished run, opened by its folder, with the sums that a comparison is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ig_tasks.errors import RunError
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.aggregation import RunSummary
from ig_tasks.stages.computed_run import ComputedRun
from ig_tasks.statistics import AttributionSums, FeatureStatistics
from ig_tasks.store import RunFolder
from ig_tasks.store.drift_parts import ComparedRun
from ig_tasks.store.parquet_reading import read_tables
from ig_tasks.validation.drift.decomposition import Totals, totals_of
from ig_tasks.validation.drift.paired import group_matrix

__all__ = ["Period"]

_ATTRIBUTION, _INPUT, _SEGMENT = "attribution:", "input:", "segment:"


class ExplainedRows(NamedTuple):
    """Rows of one shard: ids, attributions (rows, features), and clusters, None where rows stand for themselves."""

    ids: list[str]
    attributions: np.ndarray[Any, np.dtype[np.float64]]
    clusters: list[Any] | None


@dataclass(frozen=True)
class Period:
    """A run whose attributions are computed.

    facts: what its manifest holds.
    """

    folder: RunFolder
    spec: ExplanationSpec
    facts: Mapping[str, Any]
    summary: RunSummary

    @classmethod
    def open(cls, folder: RunFolder) -> Period:
        """The run in a folder.

        Raises:
            ReportError: if there is no run.
            RunError, DamagedError: if its attributions are not computed, or a file is not what was written.
        """
        run = ComputedRun(folder)
        return cls(run.folder, run.spec, run.document, run.summary)

    @property
    def target(self) -> str:
        """The target that is compared: the first of the run."""
        return next(iter(self.summary.merged.attributions))

    @property
    def features(self) -> tuple[str, ...]:
        """The features, in the order of the stored statistics."""
        return self.summary.merged.attributions[self.target].overall.features

    @property
    def key_parts(self) -> Mapping[str, Any]:
        """What decides the run's numbers, by part."""
        parts: Mapping[str, Any] = self.facts["key_parts"]
        return parts

    @property
    def partition(self) -> str:
        """The partition that the run explained."""
        return str(self.facts.get("partition", "all"))

    @property
    def model_digest(self) -> str:
        """The digest of the model package."""
        return str(self.key_parts["model"]["digest"])

    @property
    def data_digest(self) -> str:
        """The digest of the data."""
        return str(self.key_parts["data"]["digest"])

    @property
    def baseline_digest(self) -> str:
        """The digest of the fitted baseline."""
        return str(self.key_parts["baseline"])

    def describe(self) -> ComparedRun:
        """What a comparison says of this side."""
        return ComparedRun(
            name=self.spec.name,
            run_id=self.folder.run_id,
            partition=self.partition,
            rows=self.summary.merged.rows_explained,
            uri=self.folder.uri,
            model_digest=self.model_digest,
            baseline_digest=self.baseline_digest,
            clusters=self.totals.clusters,
        )

    @cached_property
    def sums(self) -> AttributionSums:
        """Sums by cell and cluster: kept with the shards, or made of the rows where a run kept none."""
        stored = self.summary.merged.sums.get(self.target)
        return stored if stored is not None else self._sums_of_rows()

    @cached_property
    def totals(self) -> Totals:
        """Importance of each feature over all rows."""
        overall = self.summary.merged.attributions[self.target].overall
        return _totals(self.sums, overall)

    def group_totals(self, groups: Mapping[str, Sequence[str]]) -> Totals:
        """Importance of groups: of each row the sum over a group's features, then the mean of its size."""
        names = [name for members in groups.values() for name in members]
        matrix, summed = group_matrix(names, groups), _Summed(tuple(groups))
        for table in self.tables(names, ()):
            summed.add(_matrix(table, names) @ matrix, _clusters(table))
        totals = summed.totals()
        if totals is None:
            raise RunError(f"run {self.folder.uri}: has no rows to compare")
        return totals

    def segment_totals(self, column: str, levels: Sequence[str]) -> dict[str, Totals]:
        """Importance of each feature over the rows of each level of a segment column; levels without rows left out."""
        by_level = {level: _Summed(self.features) for level in levels}
        for table in self.tables(self.features, (), column):
            for level, summed in by_level.items():
                rows = table.filter(pc.equal(table.column(_SEGMENT + column), level))
                if rows.num_rows:
                    summed.add(_matrix(rows, self.features), _clusters(rows))
        return {level: totals for level, summed in by_level.items() if (totals := summed.totals()) is not None}

    def segment_levels(self, column: str) -> list[str]:
        """The levels of a segment column that have rows."""
        return [level for name, level, _ in self.summary.merged.attributions[self.target].segments() if name == column]

    def _sums_of_rows(self) -> AttributionSums:
        merged = self.summary.merged
        numbers, labels = set(merged.numbers.features), set(merged.categories)
        inputs = [name for name in self.features if name in numbers | labels] if self.spec.report.keep_inputs else []
        sums: AttributionSums | None = None
        for table in self.tables(self.features, inputs):
            columns = {name: table.column(_INPUT + name).to_pandas() for name in inputs}
            part = AttributionSums.of(
                _matrix(table, self.features),
                self.features,
                numbers={name: columns[name].to_numpy(np.float64) for name in inputs if name in numbers},
                labels={name: columns[name].to_numpy(object) for name in inputs if name in labels},
                clusters=_clusters(table),
            )
            sums = part if sums is None else sums.merge(part)
        return sums if sums is not None else AttributionSums.of(np.empty((0, len(self.features))), self.features)

    def explained_rows(self) -> Iterator[ExplainedRows]:
        """The rows in the order of the data, those of small shards together."""
        for table in self.tables(self.features, (), ids=True):
            yield ExplainedRows(table.column("row_id").to_pylist(), _matrix(table, self.features), _clusters(table))

    def tables(
        self, features: Sequence[str], inputs: Sequence[str], segment: str | None = None, *, ids: bool = False
    ) -> Iterator[pa.Table]:
        """The rows of this period's target, those of small shards together; `ids`: with their `row_id`."""
        folder = self.folder.checked(self.summary.files)
        wanted = [*(_ATTRIBUTION + name for name in features), *(_INPUT + name for name in inputs), "target"]
        wanted += ["cluster"] if self.spec.data.cluster else []
        wanted += [_SEGMENT + segment] if segment else []
        wanted += ["row_id"] if ids else []
        for table in read_tables(folder, self.summary.attribution_files, wanted):
            yield table.filter(pc.equal(table.column("target"), self.target))


class _Summed:
    """Sums and statistics of rows that are added part by part."""

    def __init__(self, features: Sequence[str]) -> None:
        self._features = features
        self._parts: tuple[AttributionSums, FeatureStatistics] | None = None

    def add(self, attributions: np.ndarray[Any, Any], clusters: list[Any] | None) -> None:
        sums = AttributionSums.of(attributions, self._features, clusters=clusters)
        statistics = FeatureStatistics.of(attributions, self._features)
        if self._parts is not None:
            sums, statistics = self._parts[0].merge(sums), self._parts[1].merge(statistics)
        self._parts = sums, statistics

    def totals(self) -> Totals | None:
        """Importance over the rows that were added; None if no rows were added."""
        return None if self._parts is None else _totals(*self._parts)


def _totals(sums: AttributionSums, statistics: FeatureStatistics) -> Totals:
    rows = statistics.count
    return totals_of(
        sums,
        absolute=statistics.abs_mean * rows,
        squares=statistics.moments["abs_squared_deviations"],
        signed=statistics.mean * rows,
        rows=rows,
    )


def _matrix(table: pa.Table, features: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    columns = [table.column(_ATTRIBUTION + name).to_numpy() for name in features]
    return np.stack(columns, axis=1) if columns else np.empty((table.num_rows, 0))


def _clusters(table: pa.Table) -> list[Any] | None:
    if "cluster" not in table.column_names:
        return None
    clusters: list[Any] = table.column("cluster").to_pylist()
    return clusters
