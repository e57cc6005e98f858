"""Two finished runs compared: for every feature and group whether its importance changed, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ig_tasks.errors import IgTasksError, ResourceError, WorkerLostError, brief
from ig_tasks.spec import FeatureSpec
from ig_tasks.statistics import ranks
from ig_tasks.store.drift_parts import Drift, DriftIndices, Effect, FeatureDrift, InputDrift, PartOfChange
from ig_tasks.validation.drift import indices, sentences
from ig_tasks.validation.drift.crossing import Crossing, Measured, Reached
from ig_tasks.validation.drift.decomposition import OwnPart, Totals, own_and_rest
from ig_tasks.validation.drift.inputs import input_drift, moved
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.drift.states import (
    CAUSE_SHARE,
    Limits,
    band,
    causes,
    change_interval,
    p_values,
    part_states,
    q_values,
    states,
)

__all__ = ["History", "compare_periods", "not_comparable"]

Floats = NDArray[np.float64]
History = Mapping[str, Sequence[float]]
"""{feature: its importances in earlier reports of the same model and baseline, the oldest first}"""

FEWEST_CLUSTERS = 10
"""With fewer clusters in a period its errors are not known well enough to raise an alarm."""

_TURNED = 0.0
"""A changed model raises an alarm where its attributions of a feature point the other way than before."""
_DIED = -1.9
"""Or where hardly anything is left of it: the change over the mean is -2 for a feature without any."""
_GROUP_FACTOR = 2.0
"""Trainings of one model on the same data differ in groups of features by less than this many practical changes."""
_ALIKE = 0.1
_SMALL_MODEL_SHARE = 0.01


@dataclass
class _Side:
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


def not_comparable(before: Period, after: Period) -> str:
    """Why two runs cannot be compared; empty where they can."""
    mine, theirs = before.key_parts["model"], after.key_parts["model"]
    for what, one, two in (
        ("the target", before.target, after.target),
        ("the space", mine["space"], theirs["space"]),
        ("the method", before.spec.attribution.method, after.spec.attribution.method),
    ):
        if one != two:
            return f"{what} was {one!r} and is {two!r}"
    if before.features != after.features:
        lost = [name for name in before.features if name not in after.features]
        new = [name for name in after.features if name not in before.features]
        said = [f"without {', '.join(lost)}"] if lost else []
        said += [f"with {', '.join(new)}"] if new else []
        return f"the features differ: the current run is {' and '.join(said) or 'in another order'}"
    for period, which in ((before, "reference"), (after, "current run")):
        if not period.summary.merged.rows_explained:
            return f"the {which} has no rows that were explained"
    return ""


def compare_periods(
    before: Period,
    after: Period,
    *,
    limits: Limits | None = None,
    crossing: Crossing | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    segments: Sequence[str] = (),
    history: History | None = None,
    presented: Mapping[str, FeatureSpec] | None = None,
) -> Drift:
    """Compare a run with an earlier one.

    Args:
        limits: which changes count.
        crossing: crossed runs and substitutions; None: only what sums tell.
        groups: {group: its features}.
        segments: columns of `data.segments`, each of whose levels is compared.
        history: earlier importances, for the band within which a change is no alarm.
        presented: what the spec says of features: their group, and whether they follow the partition by their nature
            (besides those whose values say so).

    Raises:
        RunError, DamagedError: if a file of either run is not what was written.
    """
    limits = limits or Limits()
    why_not = not_comparable(before, after)
    if why_not:
        return Drift(
            reference=before.describe(),
            current=after.describe(),
            comparable=False,
            why_not=why_not,
            summary=f"The reports cannot be compared: {why_not}.",
        )
    return _Comparison(before, after, limits, crossing, dict(groups or {}), history or {}, presented or {}).drift(
        segments
    )


class _Comparison:
    def __init__(
        self,
        before: Period,
        after: Period,
        limits: Limits,
        crossing: Crossing | None,
        groups: Mapping[str, Sequence[str]],
        history: History,
        presented: Mapping[str, FeatureSpec],
    ) -> None:
        self.before, self.after, self.limits = before, after, limits
        self.crossing, self.groups, self.history = crossing, groups, history
        self.presented = presented
        self.model_changed = before.model_digest != after.model_digest
        self.baseline_changed = before.baseline_digest != after.baseline_digest
        self.notes: list[str] = []

    def drift(self, segments: Sequence[str]) -> Drift:
        before, after = self.before, self.after
        reached = self.crossing.parts(self.groups) if self.crossing else Reached()
        for why in reached.why_not:
            self.notes.append(f"Model and data are not told apart: {why}.")
        clusters = before.totals.clusters, after.totals.clusters
        if not all(clusters):
            self.notes.append(
                "Rows are taken to be independent of one another. Where those of one day, customer or session are "
                "not, name their column in data.cluster: errors are too small otherwise."
            )
        elif min(clusters) < FEWEST_CLUSTERS and min(clusters):
            self.notes.append(
                f"A period has {min(clusters)} clusters of rows. With fewer than {FEWEST_CLUSTERS}, a change alone "
                "raises no alarm."
            )
        side = self._features(reached)
        rows = self._judge(side, None)
        rows = self._with_substitutions(side, rows)
        group_rows: list[FeatureDrift] = []
        if self.groups:
            totals = before.group_totals(self.groups), after.group_totals(self.groups)
            grouped = _Side(
                tuple(self.groups), *totals, reached.group_model, reached.group_baseline, reached.group_cosine
            )
            group_rows = self._judge(grouped, None, of_groups=True)
        rows += self._segments(segments)
        drift = Drift(
            reference=before.describe(),
            current=after.describe(),
            comparable=True,
            model_changed=self.model_changed,
            baseline_changed=self.baseline_changed,
            features=tuple(rows),
            groups=tuple(group_rows),
            indices=(self._indices(side),),
            practical=self.limits.practical,
            share=self.limits.share,
            false_discovery=self.limits.false_discovery,
            rows_crossed=reached.rows,
            notes=tuple(self.notes),
        )
        return drift.model_copy(update={"summary": sentences.summary(drift)})

    def _features(self, reached: Reached) -> _Side:
        before, after = self.before, self.after
        side = _Side(before.features, before.totals, after.totals, reached.model, reached.baseline, reached.cosine)
        follows = {name for name, feature in self.presented.items() if feature.follows_partition}
        for name in side.names:
            if name not in before.sums.cells or name not in after.sums.cells:
                continue
            own = own_and_rest(before.sums, after.sums, name)
            if own is not None:
                side.own[name] = own
            side.inputs[name] = input_drift(before.sums.cells[name], after.sums.cells[name])
            if side.inputs[name].overlap == 0.0:
                follows.add(name)
        side.follows = frozenset(follows)
        return side

    def _judge(self, side: _Side, segment: str | None, *, of_groups: bool = False) -> list[FeatureDrift]:
        """A row for each feature, the most important after the change first."""
        before, after = side.before, side.after
        found, q = states(
            before.importance,
            after.importance,
            (before.error, after.error),
            (before.freedom, after.freedom),
            self.limits,
        )
        rank_before, rank_after = ranks(before.importance), ranks(after.importance)
        middle = (before.importance + after.importance) / 2
        whole = float(np.nansum(middle))
        parts = [self._parts(side, place, segment) for place in range(len(side.names))]
        changed_parts = self._changed_parts(parts, middle / whole if whole else middle)
        scale = self._scale(side) if segment is None else None
        rows = []
        for place, name in enumerate(side.names):
            change = float(after.importance[place] - before.importance[place])
            error = float(np.hypot(before.error[place], after.error[place]))
            state = found[place]
            if state == "unchanged" and changed_parts[place]:
                state = "cancelled"
            named = self._causes(parts[place]) if state in ("changed", "small", "cancelled") else ()
            interval = change_interval(change, error, min(before.freedom, after.freedom))
            own = self.presented.get(name)
            row = FeatureDrift(
                target=self.after.target,
                segment=segment,
                feature=name,
                group=own.group if own is not None and not of_groups else None,
                before=before.importance[place],
                after=after.importance[place],
                change=change,
                change_ci=interval,
                relative=change / middle[place] if middle[place] else 0.0,
                q_value=q[place],
                state=state,  # type: ignore[arg-type]
                cause=named,  # type: ignore[arg-type]
                parts=parts[place],
                rank_before=int(rank_before[place]),
                rank_after=int(rank_after[place]),
                mean_before=before.mean[place],
                mean_after=after.mean[place],
                row_cosine=None if side.cosine is None else side.cosine[place],
                input_drift=side.inputs.get(name),
                follows_partition=name in side.follows,
            )
            alarm = self._alarm(row, error, side, of_groups=of_groups, scaled=scale is not None)
            rows.append(row.model_copy(update={"alarm": alarm}))
        rows.sort(key=lambda row: row.rank_after)
        return [row.model_copy(update={"sentence": sentences.sentence(row, self.limits)}) for row in rows]

    def _parts(self, side: _Side, place: int, segment: str | None) -> dict[str, PartOfChange]:
        """Parts of one feature's change, relative to its importance; only those that are known."""
        before, after = side.before, side.after
        middle = float((before.importance[place] + after.importance[place]) / 2)
        if not middle or segment is not None:
            return {}
        change = float(after.importance[place] - before.importance[place])
        error = float(np.hypot(before.error[place], after.error[place]))
        known: dict[str, tuple[float, float]] = {}
        left, left_variance = change, error**2
        for name, part, changed in (
            ("model", side.model, self.model_changed),
            ("baseline", side.baseline, self.baseline_changed),
        ):
            if part is None and changed:
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

    def _changed_parts(self, parts: Sequence[Mapping[str, PartOfChange]], weights: Floats) -> list[set[str]]:
        """Which parts of each feature changed, where false discoveries are held among the features of each part."""
        freedom = min(self.before.totals.freedom, self.after.totals.freedom)
        q: list[dict[str, float]] = [{} for _ in parts]
        for name in ("model", "baseline", "data", "own", "others"):
            held = [place for place, own in enumerate(parts) if name in own]
            values, errors = ([getattr(parts[place][name], what) for place in held] for what in ("value", "se"))
            p = p_values(np.array(values, np.float64), np.array(errors, np.float64), freedom)
            for place, value in zip(held, q_values(p), strict=True):
                q[place][name] = float(value)
        return [
            part_states(*_numbers(own), q[place], float(weights[place]), self.limits) for place, own in enumerate(parts)
        ]

    def _causes(self, parts: Mapping[str, PartOfChange]) -> tuple[str, ...]:
        if parts:
            return causes(*_numbers(parts))
        if self.model_changed:
            return ("model or data",)
        return ("baseline or data",) if self.baseline_changed else ()

    def _alarm(self, row: FeatureDrift, error: float, side: _Side, *, of_groups: bool, scaled: bool) -> bool:
        """Whether a change asks for a person.

        By its data: changed, outside the band of earlier reports, and not because the column follows the partition.
        By its model: where the attributions turned, or died, or those of a group changed more than trainings do: the
        size alone differs between two trainings on the same data.
        """
        if row.state != "changed" and not (row.state == "cancelled" and self.model_changed):
            return False
        if row.follows_partition or row.segment is not None:
            return False
        if self.model_changed and "model" in row.cause:
            turned = row.row_cosine is not None and row.row_cosine < _TURNED
            died = (row.relative or 0.0) <= _DIED
            grown = of_groups and abs(row.relative or 0.0) >= _GROUP_FACTOR * self.limits.practical and not scaled
            if turned or died or grown:
                return True
            if row.cause[:1] == ("model",):
                return False
        clusters = [total.clusters for total in (side.before, side.after) if total.clusters]
        importance = float(row.after or 0.0)
        earlier = [float(np.log(value)) for value in self.history.get(row.feature, ()) if value > 0]
        outside = None
        if importance > 0 and not of_groups:
            outside = band(float(np.log(importance)), error / importance, earlier)
        if clusters and min(clusters) < FEWEST_CLUSTERS:
            return bool(outside)
        return True if outside is None else outside

    def _with_substitutions(self, side: _Side, rows: list[FeatureDrift]) -> list[FeatureDrift]:
        """Name the features whose values moved others, where a change is not explained by model and own values."""
        wanted = [row for row in rows if row.state in ("changed", "cancelled") and _driven_by_others(row)]
        if not wanted or self.crossing is None:
            return rows
        movers = sorted(
            (name for name, drift in side.inputs.items() if moved(drift)), key=lambda name: -moved(side.inputs[name])
        )
        try:
            effects = self.crossing.substitutions(movers)
        except (WorkerLostError, ResourceError):
            raise
        except IgTasksError as error:
            self.notes.append(f"Which features moved others is not known: {brief(error)}.")
            return rows
        middle = (side.before.importance + side.after.importance) / 2
        place = {name: at for at, name in enumerate(side.names)}
        names = {row.feature for row in wanted}
        return [
            self._explained(
                row, {k: float(e[place[row.feature]] / middle[place[row.feature]]) for k, e in effects.items()}
            )
            if row.feature in names
            else row
            for row in rows
        ]

    def _explained(self, row: FeatureDrift, effects: Mapping[str, float]) -> FeatureDrift:
        """A row with the effects of substitutions: its own values' in place of the preview, and the others named."""
        parts = dict(row.parts)
        if row.feature in effects and "own" in parts:
            both = sum(parts[name].value or 0.0 for name in ("own", "others"))
            own = effects[row.feature]
            parts["own"] = parts["own"].model_copy(update={"value": own})
            parts["others"] = parts["others"].model_copy(update={"value": both - own})
        named = causes(*_numbers(parts))
        others = [
            Effect(feature=name, effect=effect)
            for name, effect in sorted(effects.items(), key=lambda item: -abs(item[1]))
            if name != row.feature and abs(effect) >= self.limits.practical
        ]
        explained = row.model_copy(update={"parts": parts, "cause": named, "others": tuple(others)})
        return explained.model_copy(update={"sentence": sentences.sentence(explained, self.limits)})

    def _segments(self, columns: Sequence[str]) -> list[FeatureDrift]:
        rows: list[FeatureDrift] = []
        for column in columns:
            levels = self.before.segment_levels(column)
            for level in [level for level in self.after.segment_levels(column) if level in levels]:
                totals = self.before.segment_totals(column, level), self.after.segment_totals(column, level)
                rows += self._judge(_Side(self.before.features, *totals), f"{column}={level}")
        return rows

    def _indices(self, side: _Side) -> DriftIndices:
        before, after = side.before.importance, side.after.importance
        return DriftIndices(
            target=self.after.target,
            ndcg=indices.ndcg(before, after),
            kendall_tau=indices.kendall_tau(before, after) if len(before) > 1 else None,
            jensen_shannon=indices.jensen_shannon(before, after),
            cosine=indices.cosine(before, after),
        )

    def _scale(self, side: _Side) -> float | None:
        """By what the changed model multiplies all importances alike; None where it does not."""
        if side.model is None:
            return None
        before, after = side.before.importance, side.before.importance + side.model.value
        heavy = before >= _SMALL_MODEL_SHARE * np.nansum(before)
        if not heavy.any():
            return None
        ratios = after[heavy] / before[heavy]
        middle = float(np.median(ratios))
        alike = middle > 0 and bool(np.all(np.abs(ratios / middle - 1) <= _ALIKE))
        return middle if alike and abs(middle - 1) > _ALIKE else None


def _driven_by_others(row: FeatureDrift) -> bool:
    """Whether other features' values are among the causes of a change."""
    values = [abs(part.value or 0.0) for part in row.parts.values()]
    others = row.parts.get("others")
    return others is not None and "others" in row.cause and abs(others.value or 0.0) >= CAUSE_SHARE * max(values)


def _numbers(parts: Mapping[str, PartOfChange]) -> tuple[dict[str, float], dict[str, float]]:
    values = {name: np.nan if part.value is None else float(part.value) for name, part in parts.items()}
    return values, {name: np.nan if part.se is None else float(part.se) for name, part in parts.items()}
