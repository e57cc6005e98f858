"""What strategies need of data of any size: counted shard by shard, then merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ig_tasks.baselines.draws import RowSample
from ig_tasks.baselines.input_layouts import InputLayout, Inputs, layouts_of
from ig_tasks.baselines.moments import ElementMoments
from ig_tasks.errors import BaselineError
from ig_tasks.spec import BaselineSpec
from ig_tasks.statistics import FeatureStatistics, UnknownCounts

__all__ = ["OF_ROWS", "BaselineCounts", "check_levels", "sample_rows"]

OF_ROWS = ("samples", "reference_population")
"""Strategies whose baselines are rows of the data as they are."""
_CELLS = 8192
"""Cells of the quantiles of one number."""
_DISTINCT = 4096
"""A column of at most this many distinct values is counted value by value: its median is exact, and a value that occurs
(a quantile digest interpolates, and no flight departs 1.17 minutes early)."""
_CLUSTERED = 4096
"""Rows that k-means centres are found on."""
_ELEMENTS = 1 << 22
"""Numbers that a sample may hold: of small rows all that were asked for, of large images some."""
LEVELS = 1000
"""Levels of a segment that can have a baseline each; more are ids of rows."""
_ARRAY_ROWS = 1024
"""Rows whose elements' medians and quantiles stand for those of all."""


@dataclass(frozen=True)
class BaselineCounts:
    """What the strategies need of some rows: moments and quantiles of numbers, frequencies of values and ids.

    values: {feature: rows of each value}, None where there are too many values to count.
    elements: {input: mean and extremes of each element} of inputs that are arrays.
    sample: rows drawn from all, for the strategies that need whole rows.
    levels: the counts of each level of the segment column.
    unknown: {feature: what the rows hold of categories that the model does not know}.
    """

    numbers: FeatureStatistics
    values: Mapping[str, Counter[float] | None]
    ids: Mapping[str, Counter[int]]
    elements: Mapping[str, ElementMoments] = field(default_factory=dict)
    sample: RowSample | None = None
    levels: Mapping[str, BaselineCounts] = field(default_factory=dict)
    unknown: Mapping[str, UnknownCounts] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        inputs: Inputs,
        arrays: Mapping[str, NDArray[Any]],
        spec: BaselineSpec | None = None,
        *,
        positions: NDArray[np.int64] | None = None,
        levels: NDArray[np.object_] | None = None,
        whole: bool = False,
        unknown: Mapping[str, UnknownCounts] | None = None,
    ) -> Self:
        """Counts of encoded rows: `arrays` as the model takes them, {input: (rows, ...)}.

        Args:
            spec: the strategy; None: one that needs neither whole rows nor levels.
            positions: (rows,) places among all rows of the data; left out: these are all.
            levels: (rows,) of the segment column, where the strategy has one.
            whole: quantiles of arrays are of all these rows, since they are in memory anyway.
        """
        layouts = layouts_of(inputs)
        rows = len(next(iter(arrays.values())))
        features, columns, ids = _split(layouts, arrays)
        table = np.stack(columns, axis=1) if columns else np.empty((rows, 0))
        counted = {feature: _counted(column) for feature, column in zip(features, columns, strict=True)}
        elements = {
            name: ElementMoments.of(np.asarray(arrays[name]))
            for name, layout in layouts.items()
            if layout.role in ("array", "shares")
        }
        sample = None
        size = sample_rows(spec, layouts) if spec else 0
        if size and spec:
            at = np.arange(rows, dtype=np.int64) if positions is None else positions
            if whole and spec.strategy not in (*OF_ROWS, "kmeans"):
                size = max(size, rows)
            chosen = {name: arrays[name] for name in layouts}
            sample = RowSample.of(chosen, at, size=size, seed=spec.seed or 0)
        by_level: dict[str, BaselineCounts] = {}
        level_names = sorted(set(levels.tolist())) if levels is not None else []
        check_levels(len(level_names), spec)
        for level in level_names:
            in_level = levels == level
            by_level[level] = cls.of(layouts, {name: np.asarray(arrays[name])[in_level] for name in layouts})
        numbers = FeatureStatistics.of(table, features, cells=_CELLS)
        return cls(numbers, counted, ids, elements, sample, by_level, unknown or {})

    @property
    def rows(self) -> int:
        """Rows that were counted."""
        return self.numbers.count

    def merge(self, other: Self) -> Self:
        """Counts of the rows of both."""
        ids = {feature: counts + other.ids[feature] for feature, counts in self.ids.items()}
        values = {feature: _merged(counts, other.values[feature]) for feature, counts in self.values.items()}
        elements = {name: moments.merge(other.elements[name]) for name, moments in self.elements.items()}
        sample = None
        if self.sample is not None and other.sample is not None:
            sample = self.sample.merge(other.sample)
        levels = dict(self.levels)
        for level, counts in other.levels.items():
            levels[level] = levels[level].merge(counts) if level in levels else counts
        ordered = {level: levels[level] for level in sorted(levels)}
        unknown = {feature: counts.merge(other.unknown[feature]) for feature, counts in self.unknown.items()}
        return type(self)(self.numbers.merge(other.numbers), values, ids, elements, sample, ordered, unknown)

    @property
    def medians(self) -> NDArray[np.float64]:
        """(features,): exact where the values are counted, else of a sketch."""
        read = dict(zip(self.numbers.features, self.numbers.median, strict=True))
        exact = {feature: _median(counts) for feature, counts in self.values.items() if counts}
        return np.array([exact.get(feature, read[feature]) for feature in self.numbers.features])

    def quantiles(self, q: float) -> NDArray[np.float64]:
        """(features,): as numpy's where the values are counted, else of a sketch."""
        read = dict(zip(self.numbers.features, self.numbers.quantile(q), strict=True))
        exact = {feature: _quantile(counts, q) for feature, counts in self.values.items() if counts}
        return np.array([exact.get(feature, read[feature]) for feature in self.numbers.features])

    def to_json(self) -> dict[str, Any]:
        """The counts as JSON values, exact; `from_json` reads them."""
        ids = {feature: {str(number): n for number, n in counts.items()} for feature, counts in self.ids.items()}
        values = {f: None if counts is None else list(counts.items()) for f, counts in self.values.items()}
        document: dict[str, Any] = {"numbers": self.numbers.to_json(), "values": values, "ids": ids}
        if self.elements:
            document["elements"] = {name: moments.to_json() for name, moments in self.elements.items()}
        if self.sample is not None:
            document["sample"] = self.sample.to_json()
        if self.levels:
            document["levels"] = {level: counts.to_json() for level, counts in self.levels.items()}
        if self.unknown:
            document["unknown"] = {feature: counts.to_json() for feature, counts in self.unknown.items()}
        return document

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The counts that `to_json` wrote."""
        ids = {f: Counter({int(number): n for number, n in counts.items()}) for f, counts in data["ids"].items()}
        values = {
            feature: None if pairs is None else Counter({float(value): n for value, n in pairs})
            for feature, pairs in data["values"].items()
        }
        elements = {name: ElementMoments.from_json(item) for name, item in data.get("elements", {}).items()}
        sample = RowSample.from_json(data["sample"]) if "sample" in data else None
        levels = {level: cls.from_json(item) for level, item in data.get("levels", {}).items()}
        unknown = {feature: UnknownCounts.from_json(item) for feature, item in data.get("unknown", {}).items()}
        return cls(FeatureStatistics.from_json(data["numbers"]), values, ids, elements, sample, levels, unknown)


def check_levels(levels: int, spec: BaselineSpec | None) -> None:
    """Raise BaselineError for a segment that has as many levels as ids of rows have."""
    if spec is not None and levels > LEVELS:
        raise BaselineError(
            f"baseline.segment: {spec.segment!r} has {levels:,} levels, at most {LEVELS:,} can have a baseline each; "
            "choose a coarser column"
        )


def sample_rows(spec: BaselineSpec, layouts: Mapping[str, InputLayout]) -> int:
    """How many whole rows a strategy needs; 0 for most."""
    elements = sum(int(np.prod(layout.shape)) for layout in layouts.values())
    most = max(1, _ELEMENTS // max(elements, 1))
    if spec.strategy in OF_ROWS:
        return spec.k or 1
    if spec.strategy == "kmeans":
        return max(spec.k or 1, min(_CLUSTERED, most))
    arrays = any(layout.role == "array" for layout in layouts.values())
    read_off_moments = spec.strategy in ("zero", "mean", "noise", "max_distance")
    return min(_ARRAY_ROWS, most) if arrays and not read_off_moments else 0


def _split(
    layouts: Mapping[str, InputLayout], arrays: Mapping[str, NDArray[Any]]
) -> tuple[list[str], list[NDArray[np.float64]], dict[str, Counter[int]]]:
    """Names and columns of the numbers, and how often each id occurs in each feature of ids."""
    features: list[str] = []
    columns: list[NDArray[np.float64]] = []
    ids: dict[str, Counter[int]] = {}
    for name, layout in layouts.items():
        if layout.role in ("array", "shares"):
            continue
        values = np.asarray(arrays[name])
        if layout.role == "sequence":
            ids[layout.features[0]] = _frequencies(values[~np.isin(values, list(layout.kept))])
            continue
        values = values.reshape(len(values), int(np.prod(values.shape[1:])))
        for place, feature in enumerate(layout.features):
            if layout.role == "ids":
                ids[feature] = _frequencies(values[:, place])
            else:
                features.append(feature)
                columns.append(values[:, place].astype(np.float64))
    return features, columns, ids


def _frequencies(ids: NDArray[Any]) -> Counter[int]:
    distinct, counts = np.unique(ids, return_counts=True)
    return Counter(dict(zip(distinct.tolist(), counts.tolist(), strict=True)))


def _counted(column: NDArray[np.float64]) -> Counter[float] | None:
    distinct, counts = np.unique(column, return_counts=True)
    return None if len(distinct) > _DISTINCT else Counter(dict(zip(distinct.tolist(), counts.tolist(), strict=True)))


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


def _quantile(counts: Counter[float], q: float) -> float:
    """The value at place q * (rows - 1) of the sorted rows; between two of them by interpolation, as numpy does."""
    values = np.array(sorted(counts))
    below = np.cumsum([counts[value] for value in values.tolist()])
    place = q * (below[-1] - 1)
    low, high = np.searchsorted(below, [np.floor(place), np.ceil(place)], side="right")
    return float(values[low] + (values[high] - values[low]) * (place - np.floor(place)))
