"""Two finished runs compared: for every feature and group whether its importance changed, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.errors import IgTasksError, ResourceError, WorkerLostError, brief
from ig_tasks.spec import FeatureSpec
from ig_tasks.statistics import ranks
from ig_tasks.store.drift_parts import Drift, FeatureDrift
from ig_tasks.validation.drift import change_sentences
from ig_tasks.validation.drift.alarms import raises_alarm
from ig_tasks.validation.drift.crossing import Crossing, Reached
from ig_tasks.validation.drift.decomposition import Totals, own_and_rest
from ig_tasks.validation.drift.indices import indices_of
from ig_tasks.validation.drift.input_drift import input_drift
from ig_tasks.validation.drift.movers import with_movers
from ig_tasks.validation.drift.paired import group_matrix
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.drift.same_rows import paired_errors
from ig_tasks.validation.drift.sides import Side, cancelled, causes_of, changed_parts, parts_of, scaled_by
from ig_tasks.validation.drift.states import Limits, change_interval, states
from ig_tasks.validation.drift.surroundings import History, limits_of, never_alike, not_comparable
from ig_tasks.validation.drift.value_shares import with_values

__all__ = ["compare_periods"]

Floats = NDArray[np.float64]


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
    witness: Period | None = None,
) -> Drift:
    """Compare a run with an earlier one.

    Args:
        limits: which changes count.
        crossing: crossed runs and substitutions; None: only what sums tell.
        groups: {group: its features}.
        segments: columns of `data.segments`, each of whose levels is compared.
        history: earlier importances, for the band within which a change is no alarm.
        presented: what the spec says of features: their group, and whether they follow the partition by their nature.
        witness: a third period. A column whose values are never the same in any two of three follows the partition;
            two alone may differ because a unit was changed.

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
    surroundings = (dict(groups or {}), history or History(), presented or {}, witness)
    return _Comparison(before, after, limits, crossing, *surroundings).drift(segments)


@dataclass
class _Comparison:
    before: Period
    after: Period
    limits: Limits
    crossing: Crossing | None
    groups: Mapping[str, Sequence[str]]
    history: History
    presented: Mapping[str, FeatureSpec]
    witness: Period | None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.model_changed = self.before.model_digest != self.after.model_digest
        self.baseline_changed = self.before.baseline_digest != self.after.baseline_digest
        self.labels = {name: feature.label for name, feature in self.presented.items() if feature.label}

    def drift(self, segments: Sequence[str]) -> Drift:
        before, after = self.before, self.after
        reached = self.crossing.parts(self.groups) if self.crossing else Reached()
        paired = paired_errors(before, after)
        # Of the same rows nothing is the data's: the only other thing that changed is the cause, within reach or not.
        told_apart = paired is not None and not (self.model_changed and self.baseline_changed)
        self.notes += limits_of(before, after, () if told_apart else reached.why_not)
        side = self._features(reached)
        side.paired = paired
        rows = self._judge(side, None)
        rows = with_values(self._with_alarms(side, self._with_movers(side, rows)), before, after)
        group_rows: list[FeatureDrift] = []
        if self.groups:
            totals = before.group_totals(self.groups), after.group_totals(self.groups)
            crossed = reached.group_model, reached.group_baseline, reached.group_cosine
            grouped = self._side(tuple(self.groups), *totals, *crossed)
            if paired is not None:
                grouped.paired = paired_errors(before, after, group_matrix(before.features, self.groups))
            group_rows = self._with_alarms(grouped, self._judge(grouped, None, of_groups=True), of_groups=True)
        rows += self._segments(segments)
        drift = Drift(
            reference=before.describe(),
            current=after.describe(),
            comparable=True,
            model_changed=self.model_changed,
            baseline_changed=self.baseline_changed,
            features=tuple(rows),
            groups=tuple(group_rows),
            indices=(indices_of(after.target, side.before.importance, side.after.importance),),
            practical=self.limits.practical,
            share=self.limits.share,
            false_discovery=self.limits.false_discovery,
            rows_crossed=reached.rows,
            notes=tuple(self.notes),
        )
        return drift.model_copy(update={"summary": change_sentences.summary(drift, self.labels)})

    def _side(self, names: tuple[str, ...], before: Totals, after: Totals, *crossed: Any) -> Side:
        changed = {"model_changed": self.model_changed, "baseline_changed": self.baseline_changed}
        return Side(names, before, after, *crossed, **changed)  # type: ignore[arg-type]

    def _features(self, reached: Reached) -> Side:
        before, after = self.before, self.after
        crossed = reached.model, reached.baseline, reached.cosine
        side = self._side(before.features, before.totals, after.totals, *crossed)
        follows = {name for name, feature in self.presented.items() if feature.follows_partition}
        for name in side.names:
            if name not in before.sums.cells or name not in after.sums.cells:
                continue
            own = own_and_rest(before.sums, after.sums, name)
            if own is not None:
                side.own[name] = own
            side.inputs[name] = input_drift(before.sums.cells[name], after.sums.cells[name])
            if self.witness is not None and never_alike(name, (self.witness, before, after)):
                follows.add(name)
        side.follows = frozenset(follows)
        return side

    def _judge(self, side: Side, segment: str | None, *, of_groups: bool = False) -> list[FeatureDrift]:
        """A row for each feature, the most important after the change first."""
        before, after = side.before, side.after
        states_of, q = states(
            before.importance,
            after.importance,
            (before.error, after.error),
            (before.freedom, after.freedom),
            self.limits,
            side.paired,
        )
        rank_before, rank_after = ranks(before.importance), ranks(after.importance)
        middle, errors = side.middle, side.errors
        total = float(np.nansum(middle))
        parts = [{} if segment is not None else parts_of(side, place) for place in range(len(side.names))]
        moved_parts = changed_parts(side, parts, middle / total if total else middle, self.limits)
        rows = []
        for place, name in enumerate(side.names):
            change = float(after.importance[place] - before.importance[place])
            state = states_of[place]
            if cancelled(state, parts[place], moved_parts[place]):
                state = "cancelled"
            named = causes_of(side, parts[place]) if state in ("changed", "small", "cancelled") else ()
            interval = change_interval(change, float(errors[place]), min(before.freedom, after.freedom))
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
            rows.append(row)
        rows.sort(key=lambda row: row.rank_after)
        return rows

    def _with_alarms(self, side: Side, rows: Sequence[FeatureDrift], *, of_groups: bool = False) -> list[FeatureDrift]:
        """The rows with alarms and sentences, once their causes are known."""
        total = float(np.nansum(side.middle))
        scaled, errors = scaled_by(side) is not None, side.errors
        places = {name: place for place, name in enumerate(side.names)}
        history = self.history.groups if of_groups else self.history.features
        labels = {} if of_groups else self.labels
        finished = []
        for row in rows:
            place = places[row.feature]
            alarm = raises_alarm(
                row,
                float(errors[place]),
                side,
                limits=self.limits,
                earlier=history.get(row.feature, ()),
                of_groups=of_groups,
                scaled=scaled,
                heavy=bool(side.middle[place] >= self.limits.share * total),
            )
            judged = row.model_copy(update={"alarm": alarm})
            finished.append(
                judged.model_copy(update={"sentence": change_sentences.sentence(judged, self.limits, labels)})
            )
        return finished

    def _with_movers(self, side: Side, rows: list[FeatureDrift]) -> list[FeatureDrift]:
        if self.crossing is None:
            return rows
        try:
            return with_movers(side, rows, self.crossing, self.limits)
        except (WorkerLostError, ResourceError):
            raise
        except IgTasksError as error:
            self.notes.append(f"Which features moved others is not known: {brief(error)}.")
            return rows

    def _segments(self, columns: Sequence[str]) -> list[FeatureDrift]:
        rows: list[FeatureDrift] = []
        for column in columns:
            levels = self.before.segment_levels(column)
            shared = [level for level in self.after.segment_levels(column) if level in levels]
            before, after = (period.segment_totals(column, shared) for period in (self.before, self.after))
            for level in shared:
                if level in before and level in after:
                    side = self._side(self.before.features, before[level], after[level])
                    rows += self._with_alarms(side, self._judge(side, f"{column}={level}"))
        return rows
