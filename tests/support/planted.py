"""Two periods whose truth is known: what moved between them was put there, and attributions are closed forms.

The model is a sum of terms, w x of one feature, c x y of two, and an effect per category. Integrated Gradients of
w x from b is w (x - b); of c x y it is c (x - b_x)(y + b_y) / 2 for x and likewise for y; of an effect e[level] it is
e[level] - e at the baseline, which is their mean over the reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.aggregation import RunSummary
from ig_tasks.stages.crossed_runs import CrossedRows
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.stages.substitution import given_another, substituted
from ig_tasks.statistics import AttributionSums, CategoryCounts, FeatureStatistics, GroupedStatistics
from ig_tasks.store import RunFolder
from ig_tasks.store.drift_parts import Drift
from ig_tasks.validation.drift.compare_periods import compare_periods
from ig_tasks.validation.drift.crossing import Crossing
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.drift.states import Limits

__all__ = ["Model", "PlantedCrossing", "compare_planted", "period_of", "rows_of_days", "shard_summary"]

TARGET = "score"


@dataclass(frozen=True)
class Model:
    """Terms of the model, and its baseline. `scale` multiplies the whole."""

    linear: Mapping[str, float]
    products: Mapping[tuple[str, str], float] = field(default_factory=dict)
    effects: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    baseline: Mapping[str, float] = field(default_factory=dict)
    scale: float = 1.0
    offset: float = 0.0
    """What missing numbers stand for."""

    @property
    def features(self) -> tuple[str, ...]:
        named = [*self.linear, *(name for pair in self.products for name in pair), *self.effects]
        return tuple(dict.fromkeys(named))

    def changed(self, **changes: Any) -> Model:
        return replace(self, **changes)

    def attributions(self, rows: pd.DataFrame, baseline: Mapping[str, float] | None = None) -> np.ndarray:
        """(rows, features), in closed form."""
        start = self.baseline if baseline is None else baseline
        result = {name: np.zeros(len(rows)) for name in self.features}
        held = {
            name: rows[name].fillna(self.offset).to_numpy(float) for name in self.features if name not in self.effects
        }
        for name, weight in self.linear.items():
            result[name] += weight * (held[name] - start.get(name, 0.0))
        for (one, two), weight in self.products.items():
            b1, b2 = start.get(one, 0.0), start.get(two, 0.0)
            result[one] += weight * (held[one] - b1) * (held[two] + b2) / 2
            result[two] += weight * (held[two] - b2) * (held[one] + b1) / 2
        for name, effects in self.effects.items():
            result[name] += rows[name].map(effects).to_numpy(float) - float(np.mean(list(effects.values())))
        return self.scale * np.stack([result[name] for name in self.features], axis=1)

    def __hash__(self) -> int:
        return hash(repr(self))

    @property
    def digest(self) -> str:
        own = (dict(self.linear), dict(self.products), {k: dict(v) for k, v in self.effects.items()}, self.scale)
        return f"sha256:{abs(hash(repr(own))):064x}"


def rows_of_days(seed: int, columns: Sequence[str], *, days: int = 30, per_day: int = 200) -> pd.DataFrame:
    """Rows of independent columns that share their day's level: a third of the variance lies between days."""
    random = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), per_day)
    frame = pd.DataFrame({"day": [f"{seed}-{number:03d}" for number in day]})
    for name in columns:
        level = random.normal(scale=0.4, size=days)
        frame[name] = 1.0 + level[day] + random.normal(size=len(day))
    return frame


def period_of(
    rows: pd.DataFrame,
    model: Model,
    partition: str,
    *,
    shards: int = 1,
    clusters: bool = True,
    spec: Mapping[str, Any] | None = None,
) -> Period:
    """A period as a finished run gives it, summed in this many shards."""
    merged: ShardSummary | None = None
    for number, part in enumerate(np.array_split(np.arange(len(rows)), shards)):
        summary = shard_summary(rows.iloc[part], model, f"shard-{number:06d}", clusters=clusters)
        merged = summary if merged is None else merged.merge(summary)
    assert merged is not None
    document = {"version": 1, "name": "planted", "model": "m", "data": "d", **(spec or {})}
    key_parts = {
        "model": {"digest": model.digest, "target": TARGET, "space": "margin"},
        "data": {"digest": f"data-{partition}"},
        "baseline": repr(sorted(model.baseline.items())),
    }
    facts = {"partition": partition, "key_parts": key_parts, "batch_plan": {"memory_limit": 1}}
    folder = RunFolder(f"memory://planted/{partition}", "planted", partition)
    return Period(folder, ExplanationSpec.model_validate(document), facts, RunSummary(merged, (), {}))


def shard_summary(rows: pd.DataFrame, model: Model, shard: str, *, clusters: bool) -> ShardSummary:
    values = model.attributions(rows)
    numbers = {name: rows[name].to_numpy(float) for name in model.features if name not in model.effects}
    labels = {name: rows[name].to_numpy(object) for name in model.effects}
    sums = AttributionSums.of(
        values, model.features, numbers=numbers, labels=labels, clusters=rows["day"].to_numpy() if clusters else None
    )
    filled = {name: np.nan_to_num(column) for name, column in numbers.items()}
    table = np.stack(list(filled.values()), axis=1) if filled else np.empty((len(rows), 0))
    output = values.sum(axis=1, keepdims=True)
    return ShardSummary(
        shard=shard,
        rows_read=len(rows),
        rows_explained=len(rows),
        rows_unconverged=0,
        reasons={},
        evaluations=0,
        baseline_output={},
        attributions={TARGET: GroupedStatistics.of(values, model.features)},
        outputs={TARGET: FeatureStatistics.of(output, ["output"])},
        relative_delta=FeatureStatistics.of(0 * output, ["relative_delta"]),
        numbers=FeatureStatistics.of(table, list(filled)),
        categories={name: CategoryCounts.of(column) for name, column in labels.items()},
        details={},
        files={},
        seconds=0.0,
        sums={TARGET: sums},
    )


class PlantedCrossing(Crossing):
    """Crossed runs in closed form, on a sample of each period's rows."""

    def __init__(
        self, before: Period, after: Period, sides: Mapping[str, tuple[pd.DataFrame, Model]], rows: int
    ) -> None:
        super().__init__(before, after, _Runs(sides), rows=rows, trusted_root=None, trust={})  # type: ignore[arg-type]
        self._sides = sides

    def movable(self) -> list[Any]:
        model = self._sides[self._before.partition][1]
        return [
            SimpleNamespace(name=name, column=name, kind="categorical" if name in model.effects else "numeric")
            for name in model.features
        ]

    def _task(self, model: Period, baseline: Period, data: Period, rows: Any = None, substitution: Any = None) -> Any:
        return model.partition, baseline.partition, data.partition, rows or self._rows, substitution

    def _shard(self, period: Period, rows: int) -> Any:
        return period.partition


class _Runs:
    def __init__(self, sides: Mapping[str, tuple[pd.DataFrame, Model]]) -> None:
        self._sides = sides

    def rows(self, tasks: Sequence[Any]) -> list[CrossedRows]:
        return [self._explained(*task) for task in tasks]

    def _explained(self, model: str, baseline: str, data: str, rows: int, substitution: Any) -> CrossedRows:
        chosen = self._sample(data, rows)
        if substitution is not None:
            other = self._sample(substitution.other, rows)[substitution.column]
            moved = substituted(
                chosen[substitution.column], other, numbers=substitution.numbers, seed=substitution.seed
            )
            given = given_another(chosen[substitution.column], moved, numbers=substitution.numbers)
            chosen = chosen.assign(**{substitution.column: moved})[given]
        own, start = self._sides[model][1], self._sides[baseline][1].baseline
        positions = tuple(chosen.index.astype(str))
        given = None if substitution is None else positions
        return CrossedRows(own.features, own.attributions(chosen, start), positions, tuple(chosen["day"]), given)

    def _sample(self, partition: str, rows: int) -> pd.DataFrame:
        frame = self._sides[partition][0]
        return frame.sample(min(rows, len(frame)), random_state=7).sort_index()


def compare_planted(
    before: tuple[pd.DataFrame, Model],
    after: tuple[pd.DataFrame, Model],
    *,
    rows: int = 2_000,
    clusters: bool = True,
    shards: int = 1,
    limits: Limits | None = None,
    **options: Any,
) -> Drift:
    """The comparison of two planted periods, crossed runs included."""
    first = period_of(*before, "2013-05", clusters=clusters, shards=shards)
    second = period_of(*after, "2013-06", clusters=clusters, shards=shards)
    crossing = PlantedCrossing(first, second, {"2013-05": before, "2013-06": after}, rows)
    return compare_periods(first, second, limits=limits, crossing=crossing, **options)
