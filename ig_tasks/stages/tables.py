"""A shard's rows as tables: attributions of the rows explained, reasons of those that were not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ig_tasks.attribution.result import CONVERGED, UNVERIFIED, AttributionResult
from ig_tasks.data.encoding import Encoded, unknown_counts
from ig_tasks.data.features import Feature, feature_matrix
from ig_tasks.data.inputs import InputSpec
from ig_tasks.data.levels import levels_of, segment_levels
from ig_tasks.data.shards import row_ids
from ig_tasks.spec import DataSpec
from ig_tasks.stages.row_outcomes import RowOutcomes, outcome_columns, outcome_segments
from ig_tasks.stages.shard_files import QUARANTINE_SCHEMA
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.stages.table_columns import engine_columns, texts_of, token_columns
from ig_tasks.statistics import (
    AttributionSums,
    CategoryCounts,
    FeatureStatistics,
    GroupedStatistics,
    Levels,
    UnknownCounts,
)

NOT_FINITE = "attribution is not finite"

ELEMENTS = "attribution_size"
"""The column of what a row's error estimate is relative to, where a feature has several elements, such as pixels."""

_CATEGORIES = ("categorical", "one_hot")
"""Kinds whose levels are counted: as many as there are categories. Texts are not: each is a level of its own."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ShardTables:
    """The two tables of a shard, and the arrays that its summary is made of.

    values: attributions (rows, features) of the rows in `attributions`.
    """

    attributions: pa.Table
    quarantine: pa.Table
    values: Floats
    features: tuple[str, ...]
    target: str
    segments: Mapping[str, Levels]
    clusters: Levels | None
    numbers: Mapping[str, Floats]
    categories: Mapping[str, Levels]
    unknown: Mapping[str, UnknownCounts]
    sums: AttributionSums

    def summarise(
        self,
        shard: str,
        *,
        details: Mapping[str, Any],
        seconds: float = 0.0,
        shared_baseline: bool = True,
        unseen_levels: int = 0,
    ) -> ShardSummary:
        """Everything about the shard that can be merged."""
        table = self.attributions
        explained = table.num_rows
        names = list(self.numbers)
        numbers = np.stack([self.numbers[name] for name in names], axis=1) if names else np.empty((explained, 0))
        output = table.column("output").to_numpy().reshape(-1, 1)
        relative = table.column("relative_delta").to_numpy()
        relative = relative[~np.isnan(relative)].reshape(-1, 1)  # a method without completeness has no delta
        baseline_output = table.column("baseline_output")
        statuses = Counter(
            {item["values"]: item["counts"] for item in table.column("status").value_counts().to_pylist()}
        )
        return ShardSummary(
            shard=shard,
            rows_read=explained + self.quarantine.num_rows,
            rows_explained=explained,
            rows_unconverged=explained - statuses[CONVERGED] - statuses[UNVERIFIED],
            rows_unverified=statuses[UNVERIFIED],
            reasons=dict(sorted(Counter(self.quarantine.column("reason").to_pylist()).items())),
            evaluations=int(table.column("evaluations").to_numpy().sum()),
            baseline_output={self.target: baseline_output[0].as_py()} if explained and shared_baseline else {},
            attributions={self.target: GroupedStatistics.of(self.values, self.features, self.segments, self.clusters)},
            outputs={self.target: FeatureStatistics.of(output, ["output"])},
            relative_delta=FeatureStatistics.of(relative, ["relative_delta"]),
            numbers=FeatureStatistics.of(numbers, names),
            categories={name: CategoryCounts.of(values) for name, values in self.categories.items()},
            details=_json_details(details),
            files={},
            unknown=self.unknown,
            sums={self.target: self.sums},
            seconds=seconds,
            unseen_levels=unseen_levels,
        )


def shard_tables(
    frame: pd.DataFrame,
    keep: NDArray[np.bool_],
    reasons: NDArray[np.object_],
    explanation: AttributionResult | None,
    *,
    features: Sequence[Feature],
    target: str,
    data: DataSpec,
    keep_inputs: bool,
    inputs: Mapping[str, InputSpec] | None = None,
    encoded: Encoded | None = None,
    outcomes: RowOutcomes | None = None,
) -> ShardTables:
    """Divide the rows of `frame` into explained and quarantined; no row is in both, none is in neither.

    Args:
        frame: the shard's rows (rows, columns).
        keep: (rows,) which rows were encoded and given to the engine.
        reasons: (rows,) why the others were not.
        explanation: of the kept rows; None if no row is kept.
        inputs: the model's, which say how a bag is written.
        encoded: the kept rows as the model took them: of texts and bags every token is kept with its attribution.
        outcomes: of the kept rows, where `data.label` names a column.
    """
    reasons = reasons.copy()
    ids = row_ids(frame, data.id)
    if data.id:
        nameless = frame[data.id].isna().to_numpy() & keep
        reasons[nameless] = f"missing value in {data.id}"
    names = tuple(feature.name for feature in features)
    values = _matrix(explanation, features)
    kept_rows = np.flatnonzero(keep)
    usable = np.asarray(pd.isna(reasons[kept_rows]))
    if explanation is not None:
        finite = (np.asarray(explanation.status) != "not_finite") & np.isfinite(values).all(axis=1)
        reasons[kept_rows[~finite & usable]] = NOT_FINITE
        for row, why in explanation.refused.items():
            if usable[row]:
                reasons[kept_rows[row]] = why
        usable &= finite
    rows = kept_rows[usable]
    chosen = frame if len(rows) == len(frame) else frame.iloc[rows]
    columns: dict[str, Any] = {
        "row_id": pa.array(ids[rows], pa.string()),
        "target": pa.repeat(pa.scalar(target, pa.string()), len(rows)),
    }
    columns |= engine_columns(explanation, usable)
    if any(feature.elements is not None for feature in features):
        columns[ELEMENTS] = pa.array(np.empty(0) if explanation is None else explanation.attribution_size[usable])
    if data.prediction:
        prediction = chosen[data.prediction].to_numpy(dtype=np.float64, na_value=np.nan)
        columns["prediction"] = pa.array(prediction, pa.float64(), from_pandas=True)
    segments = outcome_segments(outcomes, usable) | {name: segment_levels(chosen[name]) for name in data.segments}
    columns |= {f"segment:{column}": levels.texts() for column, levels in segments.items()}
    chosen_values = values[usable]
    clusters = None if data.cluster is None else levels_of(chosen[data.cluster])
    if clusters is not None:
        columns["cluster"] = clusters.texts()
    columns |= outcome_columns(outcomes, usable)
    columns |= {
        f"attribution:{name}": pa.array(column)
        for name, column in zip(names, np.ascontiguousarray(chosen_values.T), strict=True)
    }
    held_numbers = {f.name: chosen[f.column].to_numpy(dtype=np.float64) for f in features if f.kind == "numeric"}
    numbers = {f.name: _without_gaps(held_numbers[f.name], f, inputs) for f in features if f.kind == "numeric"}
    categories = {f.name: levels_of(chosen[f.column]) for f in features if f.kind in _CATEGORIES and f.column}
    if keep_inputs:
        for feature in features:
            numeric = held_numbers.get(feature.name)
            columns[f"input:{feature.name}"] = (
                texts_of(chosen, feature, categories, inputs)
                if numeric is None
                else pa.array(numeric, from_pandas=True)
            )
        columns |= token_columns(explanation, encoded, inputs or {}, usable)
    left = ~np.asarray(pd.isna(reasons))
    quarantine = pa.table([ids[left].tolist(), reasons[left].tolist()], schema=QUARANTINE_SCHEMA)
    unknown = unknown_counts(encoded, inputs, usable) if encoded is not None and inputs is not None else {}
    sums = AttributionSums.of(chosen_values, names, numbers=held_numbers, labels=categories, clusters=clusters)
    return ShardTables(
        attributions=pa.table(columns),
        quarantine=quarantine,
        values=chosen_values,
        features=names,
        target=target,
        segments=segments,
        clusters=clusters,
        numbers=numbers,
        categories=categories,
        unknown=unknown,
        sums=sums,
    )


def _without_gaps(numbers: Floats, feature: Feature, inputs: Mapping[str, InputSpec] | None) -> Floats:
    """The numbers that the model has: what model.yaml names in place of missing ones."""
    filled = None if inputs is None else inputs[feature.input].in_place_of_gaps(feature.column)
    return numbers if filled is None else np.where(np.isnan(numbers), filled, numbers)


def _matrix(explanation: AttributionResult | None, features: Sequence[Feature]) -> Floats:
    """Attributions (rows, features) in the features' order, out of one array for each input."""
    if explanation is None:
        return np.empty((0, len(features)))
    arrays = explanation.attributions
    return feature_matrix(arrays if isinstance(arrays, dict) else {features[0].input: arrays}, features)


def _json_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """What of the engine's account is JSON."""
    return {name: item for name, item in details.items() if isinstance(item, str | int | float | None) and item == item}
