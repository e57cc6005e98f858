"""What a report says of a baseline, feature by feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ig_tasks.baselines.input_layouts import InputLayout
from ig_tasks.baselines.point import Point

__all__ = ["described"]


def described(
    strategy: str, points: Sequence[Point], levels: Mapping[str, Point], layouts: Mapping[str, InputLayout]
) -> dict[str, float | str]:
    """{feature: the number, the category, or words} of a baseline."""
    words: dict[str, float | str] = {}
    every = [*points, *levels.values()]
    for name, layout in layouts.items():
        if layout.role == "columns":
            for feature in layout.features:
                words[feature] = _number(strategy, [point.numbers[feature] for point in every], bool(levels))
        elif layout.role == "array" and strategy == "blur" and layout.spatial:
            words[layout.features[0]] = "each row's own, blurred"
        elif name in points[0].arrays:
            words[layout.features[0]] = _array(strategy, layout, points)
        else:
            for feature in layout.features:
                words[feature] = _category(strategy, layout, [point.weights[feature] for point in every], bool(levels))
    return words


def _number(strategy: str, values: list[float], by_level: bool) -> float | str:
    low, high = min(values), max(values)
    if strategy == "max_distance":
        return f"{low:g} or {high:g}, whichever is farther"
    if strategy == "noise":
        return f"uniform from {low:g} to {high:g}"
    if by_level:
        return f"{low:g} to {high:g} by level, {values[0]:g} for others"
    if len(values) > 1:
        return f"{low:g} to {high:g} in {len(values)} baselines"
    return values[0]


def _array(strategy: str, layout: InputLayout, points: Sequence[Point]) -> str:
    arrays = np.stack([np.asarray(point.arrays[layout.name], np.float64) for point in points])
    each = f"{arrays[0].size:,} {'ids' if layout.role == 'sequence' else 'numbers'}"
    if layout.role == "array" and strategy in ("noise", "max_distance"):
        how = "uniform in its own range" if strategy == "noise" else "whichever end of its range is farther"
        return f"{each}, each {how}"
    if len(points) > 1 and strategy not in ("noise", "max_distance"):
        return f"{each} in {len(points)} baselines"
    if layout.role == "sequence":
        return each
    return f"{each}, {arrays[0].min():g} to {arrays[0].max():g}"


def _category(strategy: str, layout: InputLayout, weights: list[Mapping[int, float]], by_level: bool) -> str:
    every = {number for ids in weights for number in ids}
    # Padding has an id as words have, but no name.
    if layout.padding is not None and every == {layout.padding}:
        return "padding in every place"
    if len(weights) > 1 and strategy not in ("noise", "max_distance"):
        extent = "by level" if by_level else f"in {len(weights)} baselines"
        return f"{len(every)} categories {extent}"
    ids = weights[0]
    if not ids:
        return "zero vector"
    if len(ids) == 1:
        return layout.category(next(iter(ids)))
    return f"mean embedding of {len(ids)} categories, weighted by frequency"
