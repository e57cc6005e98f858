"""Values that the user sets in a baseline: strategy `constant`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ig_tasks.baselines.input_layouts import InputLayout
from ig_tasks.baselines.point import Point
from ig_tasks.data.spellings import category_name
from ig_tasks.errors import BaselineError, suggest

__all__ = ["set_values"]


def set_values(point: Point, value: float | Mapping[str, float | str], layouts: Mapping[str, InputLayout]) -> Point:
    """`point` with a number for every number, or with {feature: number or category}.

    Raises:
        BaselineError: for a name that is not a feature, or a value that the feature cannot have.
    """
    numbers, weights, arrays = dict(point.numbers), dict(point.weights), dict(point.arrays)
    if not isinstance(value, Mapping):
        numbers = dict.fromkeys(numbers, float(value))
        arrays |= {n: np.full(arrays[n].shape, float(value)) for n, layout in layouts.items() if layout.role == "array"}
        return Point(numbers, weights, arrays)
    owners = {feature: layout for layout in layouts.values() for feature in layout.features}
    for feature, setting in value.items():
        layout = owners.get(feature)
        if layout is None:
            raise BaselineError(
                f"baseline.value: {feature!r} is not a feature{suggest(feature, owners, noun='features')}"
            )
        if layout.role in ("ids", "sequence"):
            weights[feature] = {_category_id(feature, setting, layout): 1.0}
        elif layout.role == "shares" and layout.spec is not None and layout.spec.vocabulary is not None:
            places = list(layout.spec.vocabulary)
            name = category_name(setting)
            if name not in places:
                raise _no_category(feature, name, places)
            arrays[layout.name] = (np.arange(len(places)) == places.index(name)).astype(np.float64)
        elif isinstance(setting, str):
            raise BaselineError(f"baseline.value: {feature!r} is a number, and {setting!r} is not; give a number")
        elif layout.role == "columns":
            numbers[feature] = float(setting)
        else:
            arrays[layout.name] = np.full(arrays[layout.name].shape, float(setting))
    return Point(numbers, weights, arrays)


def _category_id(feature: str, setting: float | str, layout: InputLayout) -> int:
    name = category_name(setting)
    known = layout.spec.ids if layout.spec is not None else {}
    if known:
        if name in known:
            return known[name]
        if layout.unknown is not None:
            return layout.unknown
        raise _no_category(feature, name, list(known))
    if not name.lstrip("-").isdigit():
        raise BaselineError(f"baseline.value: {feature!r} holds ids, and {name!r} is not an id; give a whole number")
    return int(name)


def _no_category(feature: str, name: str, known: list[str]) -> BaselineError:
    return BaselineError(
        f"baseline.value: {name!r} is not a category of {feature!r}{suggest(name, known, noun='categories')}"
    )
