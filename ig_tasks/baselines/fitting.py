"""Baselines fitted over any number of rows: counts of each shard, merged, then a strategy reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ig_tasks.baselines.baseline import Baseline
from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import BaselineError
from ig_tasks.statistics import FeatureStatistics

_DIGEST_K = 400  # rank error of a median about 0.05 %


@dataclass(frozen=True)
class BaselineCounts:
    """What the strategies need of some rows: moments and quantiles of numbers, frequencies of ids and values."""

    numbers: FeatureStatistics
    ids: Mapping[str, Counter[int]]

    @classmethod
    def of(cls, inputs: Mapping[str, InputSpec], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Counts of encoded rows: `arrays` as the model takes them, {input: (rows, ...)}."""
        features: list[str] = []
        columns: list[NDArray[np.float64]] = []
        ids: dict[str, Counter[int]] = {}
        for name, spec in inputs.items():
            values = np.asarray(arrays[name])
            values = values[:, None] if values.ndim == 1 else values
            for place, column in enumerate(spec.columns):
                if spec.integer:
                    found, counts = np.unique(values[:, place], return_counts=True)
                    ids[column] = Counter(dict(zip(found.tolist(), counts.tolist(), strict=True)))
                else:
                    features.append(column)
                    columns.append(values[:, place].astype(np.float64))
        rows = len(next(iter(arrays.values())))
        table = np.stack(columns, axis=1) if columns else np.empty((rows, 0))
        return cls(FeatureStatistics.of(table, features, k=_DIGEST_K), ids)

    def merge(self, other: Self) -> Self:
        """Counts of the rows of both."""
        ids = {feature: counts + other.ids[feature] for feature, counts in self.ids.items()}
        return type(self)(self.numbers.merge(other.numbers), ids)

    def to_json(self) -> dict[str, Any]:
        ids = {feature: {str(number): n for number, n in counts.items()} for feature, counts in self.ids.items()}
        return {"numbers": self.numbers.to_json(), "ids": ids}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        ids = {f: Counter({int(number): n for number, n in counts.items()}) for f, counts in data["ids"].items()}
        return cls(FeatureStatistics.from_json(data["numbers"]), ids)


def fit_baseline(strategy: str, counts: BaselineCounts) -> Baseline:
    """The baseline of a strategy.

    auto, median   the median of numbers; the mean embedding of categories, weighted by their frequency
    mean           the mean of numbers; the mean embedding of categories
    mode           the median of numbers; the most frequent category
    zero           zero; the zero vector of an embedding

    No category of `auto` is zero by construction: a row's category always differs from the mean of them all.

    Raises:
        BaselineError: if no row could be used.
    """
    rows = counts.numbers.count
    if not rows:
        raise BaselineError("baseline: no row of its data can be used; look at the reasons in `ig-tasks check`")
    features = counts.numbers.features
    of_numbers = {"mean": counts.numbers.mean, "zero": np.zeros(len(features))}.get(strategy, counts.numbers.median)
    numbers = {feature: float(value) for feature, value in zip(features, of_numbers, strict=True)}
    weights = {feature: _weights(strategy, ids) for feature, ids in counts.ids.items()}
    return Baseline(strategy=strategy, rows=rows, numbers=numbers, weights=weights)


def _weights(strategy: str, ids: Counter[int]) -> dict[int, float]:
    if strategy == "zero":
        return {}
    if strategy == "mode":
        return {min(ids, key=lambda number: (-ids[number], number)): 1.0}
    total = ids.total()
    return {number: ids[number] / total for number in sorted(ids)}
