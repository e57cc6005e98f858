"""What a report says of a baseline, feature by feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ig_tasks.baselines.point import Point
from ig_tasks.baselines.slots import Slot

__all__ = ["described"]


def described(
    strategy: str, points: Sequence[Point], levels: Mapping[str, Point], slots: Mapping[str, Slot]
) -> dict[str, float | str]:
    """{feature: the number, the category, or words} of a baseline."""
    said: dict[str, float | str] = {}
    every = [*points, *levels.values()]
    for name, slot in slots.items():
        if slot.role == "columns":
            for feature in slot.features:
                said[feature] = _number(strategy, [point.numbers[feature] for point in every], bool(levels))
        elif slot.role == "array" and strategy == "blur" and slot.spatial:
            said[slot.features[0]] = "each row's own, blurred"
        elif name in points[0].arrays:
            said[slot.features[0]] = _array(strategy, slot, points)
        else:
            for feature in slot.features:
                said[feature] = _category(strategy, slot, [point.weights[feature] for point in every], bool(levels))
    return said


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


def _array(strategy: str, slot: Slot, points: Sequence[Point]) -> str:
    arrays = np.stack([np.asarray(point.arrays[slot.name], np.float64) for point in points])
    each = f"{arrays[0].size:,} {'ids' if slot.role == 'sequence' else 'numbers'}"
    if slot.role == "array" and strategy in ("noise", "max_distance"):
        how = "uniform in its own range" if strategy == "noise" else "whichever end of its range is farther"
        return f"{each}, each {how}"
    if len(points) > 1 and strategy not in ("noise", "max_distance"):
        return f"{each} in {len(points)} baselines"
    if slot.role == "sequence":
        return each
    return f"{each}, {arrays[0].min():g} to {arrays[0].max():g}"


def _category(strategy: str, slot: Slot, weights: list[Mapping[int, float]], by_level: bool) -> str:
    every = {number for ids in weights for number in ids}
    # Padding has an id as words have, but no name.
    if slot.padding is not None and every == {slot.padding}:
        return "padding in every place"
    if len(weights) > 1 and strategy not in ("noise", "max_distance"):
        what = "by level" if by_level else f"in {len(weights)} baselines"
        return f"{len(every)} categories {what}"
    ids = weights[0]
    if not ids:
        return "zero vector"
    if len(ids) == 1:
        return slot.category(next(iter(ids)))
    return f"mean embedding of {len(ids)} categories, weighted by frequency"
