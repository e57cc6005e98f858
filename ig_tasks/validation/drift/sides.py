"""What is known of every feature, or of every group, and the parts of its change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ig_tasks.store.drift_parts import InputDrift, PartOfChange
from ig_tasks.validation.drift.decomposition import OwnPart, Totals
from ig_tasks.validation.drift.paired import Measured
from ig_tasks.validation.drift.states import Limits, causes, p_values, part_states, q_values

__all__ = ["Side", "cancelled", "causes_of", "changed_parts", "figures_of", "parts_of", "scaled_by"]

Floats = NDArray[np.float64]

_ALIKE = 0.1
_LEAST_SHARE = 0.01


@dataclass
class Side:
    """What is known of every feature, or of every group, in order."""

    names: tuple[str, ...]
    before: Totals
    after: Totals
    model: Measured | None = None
    baseline: Measured | None = None
    cosine: Floats | None = None
    own: dict[str, OwnPart] = field(default_factory=dict)
    inputs: dict[str, InputDrift] = field(default_factory=dict)
    follows: frozenset[str] = frozenset()
    model_changed: bool = False
    baseline_changed: bool = False
    paired: Floats | None = None
    """Standard errors of the changes where both are of the same rows (features,)."""

    @property
    def middle(self) -> Floats:
        """The mean of the importance before and after (features,)."""
        return (self.before.importance + self.after.importance) / 2

    @property
    def errors(self) -> Floats:
        """Standard errors of the changes (features,)."""
        return self.paired if self.paired is not None else np.hypot(self.before.error, self.after.error)


def parts_of(side: Side, place: int) -> dict[str, PartOfChange]:
    """Parts of one feature's change, relative to its importance; only those that are known."""
    before, after = side.before, side.after
    middle = float(side.middle[place])
    if not middle:
        return {}
    change = float(after.importance[place] - before.importance[place])
    error = float(side.errors[place])
    if side.paired is not None:
        return _parts_of_same_rows(side, place, change / middle, error / middle)
    known: dict[str, tuple[float, float]] = {}
    left, left_variance = change, error**2
    for name, part, changed in (
        ("model", side.model, side.model_changed),
        ("baseline", side.baseline, side.baseline_changed),
    ):
        if changed and (part is None or not np.isfinite(part.value[place])):
            return {}  # what cannot be reached leaves model, baseline and data together
        if part is not None:
            known[name] = float(part.value[place]), float(part.error[place])
            left -= known[name][0]
            left_variance += known[name][1] ** 2
    own = side.own.get(side.names[place])
    if own is None:
        known["data"] = left, float(np.sqrt(left_variance))
    else:
        known["own"] = own.own, own.own_error
        crossed = sum(pair[1] ** 2 for name, pair in known.items() if name in ("model", "baseline"))
        known["others"] = left - own.own, float(np.sqrt(own.rest_error**2 + crossed))
    return {name: PartOfChange(value=value / middle, se=se / middle) for name, (value, se) in known.items()}


def _parts_of_same_rows(side: Side, place: int, change: float, error: float) -> dict[str, PartOfChange]:
    """Parts of one feature's change where no row differs: of the model, or the baseline, or both; none of the data."""
    nothing = PartOfChange(value=0.0, se=0.0)
    of_data = {"data": nothing} if side.own.get(side.names[place]) is None else {"own": nothing, "others": nothing}
    if side.model_changed and side.baseline_changed:
        if side.baseline is None or not np.isfinite(side.baseline.value[place]):
            return {}
        middle = float(side.middle[place])
        value, se = float(side.baseline.value[place]) / middle, float(side.baseline.error[place]) / middle
        model = PartOfChange(value=change - value, se=float(np.hypot(error, se)))
        return {"model": model, "baseline": PartOfChange(value=value, se=se), **of_data}
    changed = [name for name, has in (("model", side.model_changed), ("baseline", side.baseline_changed)) if has]
    return {**{name: PartOfChange(value=change, se=error) for name in changed}, **of_data}


def changed_parts(
    side: Side, parts: Sequence[Mapping[str, PartOfChange]], weights: Floats, limits: Limits
) -> list[set[str]]:
    """Which parts of each feature changed, where false discoveries are held among the features of each part."""
    freedom = min(side.before.freedom, side.after.freedom)
    q: list[dict[str, float]] = [{} for _ in parts]
    for name in ("model", "baseline", "data", "own", "others"):
        places = [place for place, own in enumerate(parts) if name in own]
        values, errors = ([getattr(parts[place][name], figure) for place in places] for figure in ("value", "se"))
        p = p_values(np.array(values, np.float64), np.array(errors, np.float64), freedom)
        for place, value in zip(places, q_values(p), strict=True):
            q[place][name] = float(value)
    return [part_states(*figures_of(own), q[place], float(weights[place]), limits) for place, own in enumerate(parts)]


def cancelled(state: str, parts: Mapping[str, PartOfChange], changed: set[str]) -> bool:
    """Whether parts changed that leave the total as it was: one beside an unchanged total, or opposite ones."""
    if state == "unchanged":
        return bool(changed)
    signs = {np.sign(parts[name].value or 0.0) for name in changed}
    return state == "undetermined" and len(signs) == 2


def scaled_by(side: Side) -> float | None:
    """By what the changed model multiplies all importances alike; None where it does not."""
    if side.model is None:
        return None
    before, after = side.before.importance, side.before.importance + side.model.value
    heavy = before >= _LEAST_SHARE * np.nansum(before)
    if not heavy.any():
        return None
    ratios = after[heavy] / before[heavy]
    middle = float(np.median(ratios))
    alike = middle > 0 and bool(np.all(np.abs(ratios / middle - 1) <= _ALIKE))
    return middle if alike and abs(middle - 1) > _ALIKE else None


def figures_of(parts: Mapping[str, PartOfChange]) -> tuple[dict[str, float], dict[str, float]]:
    """Values and standard errors of parts; NaN where they are not known."""
    values = {name: np.nan if part.value is None else float(part.value) for name, part in parts.items()}
    return values, {name: np.nan if part.se is None else float(part.se) for name, part in parts.items()}


def causes_of(side: Side, parts: Mapping[str, PartOfChange]) -> tuple[str, ...]:
    """The causes of a change by its parts; without parts what cannot be told apart."""
    if parts:
        return causes(*figures_of(parts))
    if side.model_changed:
        return ("model or data",)
    return ("baseline or data",) if side.baseline_changed else ()
