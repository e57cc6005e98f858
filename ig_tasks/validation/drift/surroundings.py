"""What a comparison needs to know beside its two periods: whether they can be compared, and what came before."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ig_tasks.validation.drift.alarms import FEWEST_CLUSTERS
from ig_tasks.validation.drift.input_drift import input_drift
from ig_tasks.validation.drift.period import Period

__all__ = ["History", "limits_of", "never_alike", "not_comparable"]

_FEWEST_ROWS = 100
"""With fewer rows nobody can say that their values never come again."""


@dataclass(frozen=True)
class History:
    """{feature: its importances in earlier reports of one model and baseline, the oldest first}; groups likewise."""

    features: Mapping[str, Sequence[float]] = field(default_factory=dict)
    groups: Mapping[str, Sequence[float]] = field(default_factory=dict)


def not_comparable(before: Period, after: Period) -> str:
    """Why two runs cannot be compared; empty where they can."""
    model_before, model_after = before.key_parts["model"], after.key_parts["model"]
    for subject, own, other in (
        ("the target", before.target, after.target),
        ("the space", model_before["space"], model_after["space"]),
        ("the method", before.spec.attribution.method, after.spec.attribution.method),
    ):
        if own != other:
            return f"{subject} was {own!r} and is {other!r}"
    options = before.spec.attribution.options, after.spec.attribution.options
    if options[0] != options[1]:
        return f"the options of method {after.spec.attribution.method} were {options[0]} and are {options[1]}"
    if before.features != after.features:
        lost = [name for name in before.features if name not in after.features]
        new = [name for name in after.features if name not in before.features]
        differences = [f"without {', '.join(lost)}"] if lost else []
        differences += [f"with {', '.join(new)}"] if new else []
        return f"the features differ: the current run is {' and '.join(differences) or 'in another order'}"
    for name in before.features:
        kinds = [period.sums.cells[name].grid.kind for period in (before, after) if name in period.sums.cells]
        if len(set(kinds)) > 1:
            return f"{name} held {kinds[0]}s and holds {kinds[1]}s"
    for period, which in ((before, "reference"), (after, "current run")):
        if not period.summary.merged.rows_explained:
            return f"the {which} has no rows that were explained"
    return ""


def never_alike(name: str, periods: Sequence[Period]) -> bool:
    """Whether no two periods have a value of the feature in common."""
    cells = [period.sums.cells.get(name) for period in periods]
    known = [sums for sums in cells if sums is not None]
    if len(known) < len(periods) or len({sums.grid.kind for sums in known}) != 1:
        return False
    if min(int(sums.rows.sum()) for sums in known) < _FEWEST_ROWS:
        return False
    pairs = itertools.combinations(known, 2)
    return all(input_drift(*pair).overlap == 0.0 for pair in pairs)


def limits_of(before: Period, after: Period, why_not: Sequence[str]) -> list[str]:
    """What limits a comparison, a sentence each.

    Args:
        why_not: why models or baselines could not be exchanged.
    """
    changed = "Model" if before.model_digest != after.model_digest else "Baseline"
    notes = [f"{changed} and data are not told apart: {why}." for why in why_not]
    clusters = before.totals.clusters, after.totals.clusters
    if not all(clusters):
        notes.append(
            "Rows are taken to be independent of one another. Where those of one day, customer or session are not, "
            "name their column in data.cluster: errors are too small otherwise."
        )
    elif min(clusters) < FEWEST_CLUSTERS:
        fewest = f"{min(clusters)} cluster" + ("" if min(clusters) == 1 else "s")
        notes.append(
            f"A period has {fewest} of rows. With fewer than {FEWEST_CLUSTERS}, a change alone raises no alarm."
        )
    return notes
