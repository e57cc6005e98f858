"""Baselines fitted over any number of rows: counts of each shard, merged, then a strategy reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ig_tasks.baselines.baseline import Baseline
from ig_tasks.data.inputs import InputSpec, feature_names
from ig_tasks.errors import BaselineError
from ig_tasks.statistics import FeatureStatistics

_DIGEST_K = 400  # rank error of a median about 0.05 %
_DISTINCT = 4096
"""A column of at most so many distinct values is counted value by value: its median is exact, and a value that occurs
(a quantile digest interpolates, and no flight departs 1.17 minutes early)."""


@dataclass(frozen=True)
class BaselineCounts:
    """What the strategies need of some rows: moments and quantiles of numbers, frequencies of values and ids.

    values: {feature: rows of each value}, None where there are too many values to count.
    """

    numbers: FeatureStatistics
    values: Mapping[str, Counter[float] | None]
    ids: Mapping[str, Counter[int]]

    @classmethod
    def of(cls, inputs: Mapping[str, InputSpec], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Counts of encoded rows: `arrays` as the model takes them, {input: (rows, ...)}."""
        features: list[str] = []
        columns: list[NDArray[np.float64]] = []
        ids: dict[str, Counter[int]] = {}
        names = feature_names(inputs)
        for name, spec in inputs.items():
            values = np.asarray(arrays[name])
            values = values[:, None] if values.ndim == 1 else values
            for place, feature in enumerate(names[name]):
                if spec.integer:
                    found, counts = np.unique(values[:, place], return_counts=True)
                    ids[feature] = Counter(dict(zip(found.tolist(), counts.tolist(), strict=True)))
                else:
                    features.append(feature)
                    columns.append(values[:, place].astype(np.float64))
        rows = len(next(iter(arrays.values())))
        table = np.stack(columns, axis=1) if columns else np.empty((rows, 0))
        counted = {feature: _counted(column) for feature, column in zip(features, columns, strict=True)}
        return cls(FeatureStatistics.of(table, features, k=_DIGEST_K), counted, ids)

    def merge(self, other: Self) -> Self:
        """Counts of the rows of both."""
        ids = {feature: counts + other.ids[feature] for feature, counts in self.ids.items()}
        values = {feature: _merged(counts, other.values[feature]) for feature, counts in self.values.items()}
        return type(self)(self.numbers.merge(other.numbers), values, ids)

    @property
    def medians(self) -> NDArray[np.float64]:
        """(features,): exact where the values are counted, else within about 0.05 % of rank."""
        read = dict(zip(self.numbers.features, self.numbers.median, strict=True))
        exact = {feature: _median(counts) for feature, counts in self.values.items() if counts}
        return np.array([exact.get(feature, read[feature]) for feature in self.numbers.features])

    def to_json(self) -> dict[str, Any]:
        ids = {feature: {str(number): n for number, n in counts.items()} for feature, counts in self.ids.items()}
        values = {f: None if counts is None else list(counts.items()) for f, counts in self.values.items()}
        return {"numbers": self.numbers.to_json(), "values": values, "ids": ids}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        ids = {f: Counter({int(number): n for number, n in counts.items()}) for f, counts in data["ids"].items()}
        values = {
            feature: None if pairs is None else Counter({float(value): n for value, n in pairs})
            for feature, pairs in data["values"].items()
        }
        return cls(FeatureStatistics.from_json(data["numbers"]), values, ids)


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
    of_numbers = {"mean": counts.numbers.mean, "zero": np.zeros(len(features))}.get(strategy, counts.medians)
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


def _counted(column: NDArray[np.float64]) -> Counter[float] | None:
    found, counts = np.unique(column, return_counts=True)
    return None if len(found) > _DISTINCT else Counter(dict(zip(found.tolist(), counts.tolist(), strict=True)))


def _merged(first: Counter[float] | None, second: Counter[float] | None) -> Counter[float] | None:
    if first is None or second is None:
        return None
    merged = first + second
    return None if len(merged) > _DISTINCT else merged


def _median(counts: Counter[float]) -> float:
    """The middle value; of an even number of rows the mean of the two in the middle."""
    values = np.array(sorted(counts))
    below = np.cumsum([counts[value] for value in values.tolist()])
    low, high = np.searchsorted(below, [(below[-1] - 1) // 2, below[-1] // 2], side="right")
    return float((values[low] + values[high]) / 2)
