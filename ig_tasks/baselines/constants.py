"""Values of one's own in a baseline: strategy `constant`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ig_tasks.baselines.point import Point
from ig_tasks.baselines.slots import Slot
from ig_tasks.data.spellings import category_name
from ig_tasks.errors import BaselineError, suggest

__all__ = ["set_values"]


def set_values(point: Point, value: float | Mapping[str, float | str], slots: Mapping[str, Slot]) -> Point:
    """`point` with a number for every number, or with {feature: number or category}.

    Raises:
        BaselineError: for a name that is not a feature, or a value that the feature cannot have.
    """
    numbers, weights, arrays = dict(point.numbers), dict(point.weights), dict(point.arrays)
    if not isinstance(value, Mapping):
        numbers = dict.fromkeys(numbers, float(value))
        arrays |= {n: np.full(arrays[n].shape, float(value)) for n, slot in slots.items() if slot.role == "array"}
        return Point(numbers, weights, arrays)
    owners = {feature: slot for slot in slots.values() for feature in slot.features}
    for feature, given in value.items():
        slot = owners.get(feature)
        if slot is None:
            raise BaselineError(
                f"baseline.value: {feature!r} is not a feature{suggest(feature, owners, noun='features')}"
            )
        if slot.role in ("ids", "sequence"):
            weights[feature] = {_id(feature, given, slot): 1.0}
        elif slot.role == "shares" and slot.spec is not None and slot.spec.vocabulary is not None:
            places = list(slot.spec.vocabulary)
            name = category_name(given)
            if name not in places:
                raise _no_category(feature, name, places)
            arrays[slot.name] = (np.arange(len(places)) == places.index(name)).astype(np.float64)
        elif isinstance(given, str):
            raise BaselineError(f"baseline.value: {feature!r} is a number, and {given!r} is not; give a number")
        elif slot.role == "columns":
            numbers[feature] = float(given)
        else:
            arrays[slot.name] = np.full(arrays[slot.name].shape, float(given))
    return Point(numbers, weights, arrays)


def _id(feature: str, given: float | str, slot: Slot) -> int:
    name = category_name(given)
    known = slot.spec.ids if slot.spec is not None else {}
    if known:
        if name in known:
            return known[name]
        if slot.unknown is not None:
            return slot.unknown
        raise _no_category(feature, name, list(known))
    if not name.lstrip("-").isdigit():
        raise BaselineError(f"baseline.value: {feature!r} holds ids, and {name!r} is not an id; give a whole number")
    return int(name)


def _no_category(feature: str, name: str, known: list[str]) -> BaselineError:
    return BaselineError(
        f"baseline.value: {name!r} is not a category of {feature!r}{suggest(name, known, noun='categories')}"
    )
