"""Baselines fitted over any number of rows: counts of each shard, merged, then a strategy reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.baselines.clusters import cluster, coordinates
from ig_tasks.baselines.constants import set_values
from ig_tasks.baselines.counts import OF_ROWS, BaselineCounts, check_levels
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.input_layouts import InputLayout, Inputs, layouts_of
from ig_tasks.baselines.point import Point
from ig_tasks.baselines.population import definition
from ig_tasks.errors import BaselineError
from ig_tasks.spec import BaselineSpec

__all__ = ["BaselineCounts", "check_strategy", "fit_baseline"]


def fit_baseline(strategy: str | BaselineSpec, counts: BaselineCounts, inputs: Inputs | None = None) -> Baseline:
    """The baseline of a strategy.

    auto, median    the median of numbers; the mean embedding of categories, weighted by their frequency; tokens:
                    padding
    mean            the mean of numbers; the mean embedding of categories and tokens
    mode            the median of numbers; the most frequent category
    zero            zero; the zero vector of an embedding
    mean_embedding  as auto, with the mean embedding of tokens
    unknown         as auto, with the id of unknown categories, else that of padding
    constant        the values given, else as auto
    quantile        the quantile of numbers; categories as auto
    samples         k rows; attributions are averaged over them (expected gradients, Erion et al. 2021)
    kmeans          k centres of clusters: means of numbers, frequencies of categories; averaged by cluster size
    blur            each row's own images and series under a Gaussian; the others as auto
    noise           numbers drawn uniformly from the range of the data, for each row by itself; the others as auto
    max_distance    of each number the end of the data's range that is farther from the row; the others as auto

    reference_population  k rows drawn from all, or from those at the cutoff and slightly beyond it; averaged

    No category of `auto` is zero by construction: a row's category always differs from the mean of them all.

    Args:
        inputs: what the model takes; it may be left out for a model of numbers and categories and the strategies
            auto, mean, median, mode and zero.

    Raises:
        BaselineError: if no row could be used, or the strategy asks for what the inputs do not have.
    """
    spec = BaselineSpec.model_validate({"strategy": strategy}) if isinstance(strategy, str) else strategy
    if not counts.rows and spec.cutoff is not None:
        raise BaselineError(
            f"baseline.within: the population is empty, its definition is: {definition(spec.options)}; widen within, "
            "or correct cutoff, side or space"
        )
    if not counts.rows:
        raise BaselineError("baseline: no row of its data can be used; look at the reasons in `ig-tasks check`")
    layouts = layouts_of(inputs) if inputs is not None else _as_counted(counts)
    options = dict(spec.options)
    segment = options.pop("segment", None)
    if spec.strategy in OF_ROWS:
        fitted = _samples(counts, layouts)
        options["k"] = len(fitted)
    elif spec.strategy == "kmeans":
        fitted, shares = _centres(spec, counts, layouts)
        options |= {"k": len(fitted), "shares": shares}
    elif spec.strategy in ("noise", "max_distance"):
        fitted = (_extreme(counts, layouts, 0), _extreme(counts, layouts, 1))
    else:
        check_strategy(spec, layouts)
        fitted = (_point(spec, counts, layouts),)
    levels = _levels(spec, counts, layouts) if segment else {}
    options.pop("q", None)
    options.pop("value", None)
    return Baseline(spec.strategy, counts.rows, fitted, levels, segment, options, counts.unknown)


def check_strategy(spec: BaselineSpec, inputs: Inputs) -> None:
    """Refuse, before anything is counted, a strategy that these inputs do not go with.

    Raises:
        BaselineError: naming what is missing.
    """
    layouts = layouts_of(inputs)
    if spec.strategy == "blur" and not any(layout.spatial for layout in layouts.values()):
        raise BaselineError("baseline: strategy 'blur' needs an input of kind 'image' or 'series'; choose another")
    if spec.strategy == "unknown":
        for layout in layouts.values():
            if layout.role in ("ids", "sequence"):
                _weights("unknown", Counter(), layout)
    if spec.strategy == "constant" and spec.value is not None:
        arrays = {
            name: np.zeros(layout.shape) for name, layout in layouts.items() if layout.role in ("array", "shares")
        }
        set_values(Point(arrays=arrays), spec.value, layouts)
    if spec.segment is not None and spec.strategy != "mean":
        for layout in layouts.values():
            if layout.role == "array":
                raise BaselineError(
                    f"baseline: by segment an array such as input {layout.name!r} takes strategy 'mean' only"
                )


def _as_counted(counts: BaselineCounts) -> dict[str, InputLayout]:
    """Slots of numbers and categories, by the names that were counted."""
    if counts.elements:
        raise BaselineError("baseline: inputs that are arrays need their description; pass inputs")
    layouts = {feature: InputLayout(feature, "columns", (feature,)) for feature in counts.numbers.features}
    return layouts | {feature: InputLayout(feature, "ids", (feature,)) for feature in counts.ids}


def _point(spec: BaselineSpec, counts: BaselineCounts, layouts: Mapping[str, InputLayout]) -> Point:
    strategy = spec.strategy
    features = counts.numbers.features
    if strategy == "mean":
        of_numbers = counts.numbers.mean
    elif strategy == "zero":
        of_numbers = np.zeros(len(features))
    elif strategy == "quantile":
        of_numbers = counts.quantiles(float(spec.q or 0.0))
    else:
        of_numbers = counts.medians
    numbers = {feature: float(value) for feature, value in zip(features, of_numbers, strict=True)}
    weights: dict[str, dict[int, float]] = {}
    arrays: dict[str, NDArray[Any]] = {}
    for name, layout in layouts.items():
        if layout.role in ("array", "shares"):
            arrays[name] = _array(spec, counts, layout)
        elif layout.role != "columns":
            for feature in layout.features:
                weights[feature] = _weights(strategy, counts.ids[feature], layout)
    if strategy == "constant" and spec.value is not None:
        return set_values(Point(numbers, weights, arrays), spec.value, layouts)
    return Point(numbers, weights, arrays)


def _weights(strategy: str, ids: Counter[int], layout: InputLayout) -> dict[int, float]:
    if strategy == "zero":
        return {}
    if strategy == "unknown":
        number = layout.unknown if layout.unknown is not None else layout.padding
        if number is None:
            raise BaselineError(
                f"baseline: input {layout.name!r} has neither an unknown nor a padding id; add `unknown:` to it in "
                "model.yaml, or choose another strategy"
            )
        return {number: 1.0}
    tokens = layout.spec is not None and layout.spec.kind == "tokens"
    if tokens and layout.padding is not None and strategy not in ("mean", "mean_embedding", "mode", "kmeans"):
        return {layout.padding: 1.0}
    if not ids:
        return {}
    if strategy == "mode":
        return {min(ids, key=lambda number: (-ids[number], number)): 1.0}
    total = ids.total()
    return {number: ids[number] / total for number in sorted(ids)}


def _array(spec: BaselineSpec, counts: BaselineCounts, layout: InputLayout) -> NDArray[np.float64]:
    moments, strategy = counts.elements[layout.name], spec.strategy
    if strategy == "zero" or (strategy == "unknown" and layout.role == "shares"):
        return np.zeros(moments.mean.shape)
    if layout.role == "shares":
        if strategy != "mode":
            return moments.mean
        if layout.spec is not None and layout.spec.kind == "bag":
            return (moments.mean > 0.5).astype(np.float64)
        most = np.arange(moments.mean.size) == moments.mean.argmax()
        return np.asarray(most, np.float64).reshape(moments.mean.shape)
    if strategy == "mean":
        return moments.mean
    if counts.sample is None:
        raise BaselineError(f"baseline: no rows were drawn; count the data for strategy {strategy!r}")
    rows = np.asarray(counts.sample.arrays[layout.name], np.float64)
    return np.asarray(np.quantile(rows, spec.q if strategy == "quantile" and spec.q is not None else 0.5, axis=0))


def _extreme(counts: BaselineCounts, layouts: Mapping[str, InputLayout], end: int) -> Point:
    """The low (0) or the high end (1) of numbers; the others as in `auto`."""
    auto = BaselineSpec(strategy="mean")
    read = (counts.numbers.minimum, counts.numbers.maximum)[end]
    numbers = {feature: float(value) for feature, value in zip(counts.numbers.features, read, strict=True)}
    weights = {
        feature: _weights("auto", counts.ids[feature], layout)
        for layout in layouts.values()
        if layout.role in ("ids", "sequence")
        for feature in layout.features
    }
    arrays = {name: _array(auto, counts, layouts[name]) for name in counts.elements}
    for name, moments in counts.elements.items():
        if layouts[name].role == "array":
            arrays[name] = (moments.low, moments.high)[end]
    return Point(numbers, weights, arrays)


def _levels(spec: BaselineSpec, counts: BaselineCounts, layouts: Mapping[str, InputLayout]) -> dict[str, Point]:
    check_levels(len(counts.levels), spec)
    return {
        level: _point(spec, level_counts, layouts) for level, level_counts in counts.levels.items() if level_counts.rows
    }


def _samples(counts: BaselineCounts, layouts: Mapping[str, InputLayout]) -> tuple[Point, ...]:
    sample = counts.sample
    if sample is None:
        raise BaselineError("baseline: no rows were drawn; count the data for this strategy")
    return tuple(
        _of_rows(layouts, {name: array[row : row + 1] for name, array in sample.arrays.items()}, whole=True)
        for row in range(len(sample))
    )


def _centres(
    spec: BaselineSpec, counts: BaselineCounts, layouts: Mapping[str, InputLayout]
) -> tuple[tuple[Point, ...], list[float]]:
    sample = counts.sample
    if sample is None:
        raise BaselineError("baseline: no rows were drawn; count the data for strategy 'kmeans'")
    owner = cluster(coordinates(layouts, sample.arrays), spec.k or 1, spec.seed or 0)
    sizes = np.bincount(owner)
    points = [
        _of_rows(layouts, {name: array[owner == number] for name, array in sample.arrays.items()}, whole=False)
        for number in range(len(sizes))
    ]
    return tuple(points), [float(size) / len(owner) for size in sizes]


def _of_rows(layouts: Mapping[str, InputLayout], rows: Mapping[str, NDArray[Any]], *, whole: bool) -> Point:
    """Means of numbers and frequencies of ids; of a `whole` row its lists of ids as they are."""
    numbers: dict[str, float] = {}
    weights: dict[str, dict[int, float]] = {}
    arrays: dict[str, NDArray[Any]] = {}
    counts = BaselineCounts.of(layouts, rows)
    numbers |= {f: float(value) for f, value in zip(counts.numbers.features, counts.numbers.mean, strict=True)}
    for name, layout in layouts.items():
        if layout.role in ("array", "shares"):
            arrays[name] = counts.elements[name].mean
        elif layout.role == "sequence" and whole:
            arrays[name] = np.asarray(rows[name][0], np.int64)
        elif layout.role != "columns":
            weights |= {feature: _weights("kmeans", counts.ids[feature], layout) for feature in layout.features}
    return Point(numbers, weights, arrays)
