"""Which features' values moved the importance of others, by substitution."""

from __future__ import annotations

from collections.abc import Mapping

from ig_tasks.store.drift_parts import Effect, FeatureDrift
from ig_tasks.validation.drift.crossing import Crossing
from ig_tasks.validation.drift.input_drift import moved
from ig_tasks.validation.drift.sides import Side, figures_of
from ig_tasks.validation.drift.states import Limits, causes

__all__ = ["with_movers"]

_MOST = 40
"""Columns that are substituted, those that moved most: each costs a sample of both periods."""
_LEAST_OVERLAP = 0.5
"""Below it, cells of one period alone take the other's part of a change for the feature's own."""


def with_movers(side: Side, rows: list[FeatureDrift], crossing: Crossing, limits: Limits) -> list[FeatureDrift]:
    """Rows in which the features that moved others are named, where model and own values do not explain a change.

    Raises:
        IgTasksError: if a package or the data of a period cannot be reached any more, and what workers raise.
    """
    wanted = {row.feature for row in rows if row.state in ("changed", "cancelled") and _needs_movers(row)}
    if not wanted:
        return rows
    distances = {name: moved(drift) for name, drift in side.inputs.items()}
    candidates = sorted((name for name, distance in distances.items() if distance), key=lambda name: -distances[name])
    effects = crossing.substitutions(candidates[:_MOST])
    middle = side.middle
    place = {name: at for at, name in enumerate(side.names)}
    explained = []
    for row in rows:
        if row.feature in wanted:
            at = place[row.feature]
            relative = {mover: float(effect[at] / middle[at]) for mover, effect in effects.items()}
            row = _with_effects(row, relative, limits)
        explained.append(row)
    return explained


def _with_effects(row: FeatureDrift, effects: Mapping[str, float], limits: Limits) -> FeatureDrift:
    """A row with the effects of substitutions: its own values' in place of the preview, and the others named."""
    parts = dict(row.parts)
    if row.feature in effects and "own" in parts:
        both = sum(parts[name].value or 0.0 for name in ("own", "others"))
        own = effects[row.feature]
        parts["own"] = parts["own"].model_copy(update={"value": own})
        parts["others"] = parts["others"].model_copy(update={"value": both - own})
    named = causes(*figures_of(parts))
    others = [
        Effect(feature=name, effect=effect)
        for name, effect in sorted(effects.items(), key=lambda item: -abs(item[1]))
        if name != row.feature and abs(effect) >= limits.practical
    ]
    update = {"parts": parts, "cause": named, "others": tuple(others)}
    sizes = [part.value or 0.0 for part in parts.values() if abs(part.value or 0.0) >= limits.practical]
    if row.state == "cancelled" and not (min(sizes, default=0.0) < 0 < max(sizes, default=0.0)):
        update |= {"state": "undetermined", "cause": ()}  # the bins alone saw parts that cancel
    return row.model_copy(update=update)


def _needs_movers(row: FeatureDrift) -> bool:
    """Whether sums alone do not say what moved a feature: others did, or its values have hardly any cell in common."""
    apart = row.input_drift is not None and (row.input_drift.overlap or 0.0) < _LEAST_OVERLAP
    return "others" in row.cause or (apart and "own" in row.cause and not row.follows_partition)
