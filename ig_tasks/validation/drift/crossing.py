"""What crossed runs tell of a change: the parts of model and baseline, and which features' values moved which.

Each model is called on a sample of the other period's rows. With I_md the importance under model m on data d, all from
the baseline of the reference:

    model = [(I_10 - I_00) + (I_11 - I_01)] / 2        data = change - model - baseline

both differences on the same rows. Substitution gives one column of a sample the distribution of the other period and
explains it again: the effect on every feature, of the reference's rows under its model and the reverse on the current
rows under theirs, averaged. It is conditional on both samples, so it explains a change and proves none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ig_tasks.data.features import Feature
from ig_tasks.data.shards import Shard
from ig_tasks.errors import IgTasksError, ResourceError, WorkerLostError, brief
from ig_tasks.models.loss import is_loss
from ig_tasks.stages.crossed_runs import CrossedRows, CrossedRuns, CrossTask, Substitution
from ig_tasks.stages.tasks import ModelReference
from ig_tasks.validation.drift.packages import PeriodPackages
from ig_tasks.validation.drift.paired import Measured, group_matrix, paired_difference
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.drift.sampled_rows import sampled_rows

__all__ = ["Crossing", "Measured", "Reached"]

Floats = NDArray[np.float64]

SUBSTITUTED_ROWS = 1_000
"""Rows of each period that have a column substituted: effects of 0.10 are then known to 0.02."""

_COLUMNS = ("numeric", "categorical", "one_hot")
"""Kinds of features whose column has a distribution that another can be mapped to."""


@dataclass
class Reached:
    """What could be computed: None where it is not needed, or cannot be reached any more."""

    model: Measured | None = None
    baseline: Measured | None = None
    cosine: Floats | None = None
    group_model: Measured | None = None
    group_baseline: Measured | None = None
    group_cosine: Floats | None = None
    rows: int = 0
    why_not: list[str] = field(default_factory=list)


class Crossing:
    """The crossed runs of two periods.

    Args:
        runs: where results lie and are computed; None: nothing may be computed, only told apart by sums.
        rows: the size of the sample of each period.
        trusted_root, trust: whose code may run; what a run's folder says of that counts for nothing.
    """

    def __init__(
        self,
        before: Period,
        after: Period,
        runs: CrossedRuns | None,
        *,
        rows: int,
        trusted_root: str | None,
        trust: Mapping[str, str],
    ) -> None:
        self._before, self._after, self._runs, self._rows = before, after, runs, rows
        self._root, self._packages = trusted_root, PeriodPackages((before, after), trusted_root, trust)
        self._shards: dict[tuple[str, int], Shard] = {}

    def parts(self, groups: Mapping[str, Sequence[str]]) -> Reached:
        """The parts of model and baseline, where either changed."""
        before, after = self._before, self._after
        model_changed = before.model_digest != after.model_digest
        baseline_changed = before.baseline_digest != after.baseline_digest
        reached = Reached()
        if not (model_changed or baseline_changed):
            return reached
        if self._runs is None:
            reached.why_not.append("crossed runs were not asked for")
            return reached
        try:
            wanted = {
                name: self._task(model, baseline, data)
                for name, (model, baseline, data) in {
                    "00": (before, before, before),
                    "10": (after, before, before),
                    "01": (before, before, after),
                    "11": (after, before, after),
                    "11b": (after, after, after),
                }.items()
                if (model_changed or name in ("11", "11b")) and (baseline_changed or name != "11b")
            }
            crossed = dict(zip(wanted, self._runs.rows(list(wanted.values())), strict=True))
        except (WorkerLostError, ResourceError):
            raise
        except IgTasksError as error:
            reached.why_not.append(brief(error))
            return reached
        names = list(before.features)
        matrix = group_matrix(names, groups)
        if model_changed:
            pairs = [crossed["00"].together(crossed["10"]), crossed["01"].together(crossed["11"])]
            reached.model, reached.cosine = paired_difference(pairs, None)
            reached.group_model, reached.group_cosine = paired_difference(pairs, matrix)
            reached.rows = max(len(pair[0].positions) for pair in pairs)
        if baseline_changed:
            pairs = [crossed["11"].together(crossed["11b"])]
            reached.baseline, _ = paired_difference(pairs, None)
            reached.group_baseline, _ = paired_difference(pairs, matrix)
            reached.rows = max(reached.rows, len(pairs[0][0].positions))
        return reached

    def movable(self) -> list[Feature]:
        """Features of both models whose column can be given another distribution."""
        package = self._packages.of(self._before)
        return [feature for feature in package.features if feature.kind in _COLUMNS and feature.column]

    def substitutions(self, candidates: Sequence[str]) -> dict[str, Floats]:
        """{feature k: what moving its values does to the importance of each feature (features,)}.

        Raises:
            IgTasksError: if a package or the data of a period cannot be reached any more.
        """
        if self._runs is None:
            return {}
        before, after = self._before, self._after
        movable = {feature.name: feature for feature in self.movable()}
        chosen = [movable[name] for name in candidates if name in movable]
        rows = min(self._rows, SUBSTITUTED_ROWS)
        plain = [self._task(before, before, before, rows), self._task(after, before, after, rows)]
        tasks = list(plain)
        for feature in chosen:
            for side, other in ((before, after), (after, before)):
                swapped = Substitution(
                    feature.column,
                    feature.kind == "numeric",
                    self._shard(other, rows),
                    other.data_digest,
                    seed=side.spec.attribution.seed,
                )
                tasks.append(self._task(side, before, side, rows, swapped))
        crossed = self._runs.rows(tasks)
        effects = {}
        for place, feature in enumerate(chosen):
            forward = _mean_growth(crossed[0], crossed[2 + 2 * place])
            reverse = _mean_growth(crossed[1], crossed[3 + 2 * place])
            if forward is not None and reverse is not None:
                effects[feature.name] = (forward - reverse) / 2
        return effects

    def _task(
        self,
        model: Period,
        baseline: Period,
        data: Period,
        rows: int | None = None,
        substitution: Substitution | None = None,
    ) -> CrossTask:
        package = self._packages.of(model)
        spec = model.spec
        target = package.config.choose_target(spec.model.target, spec.model.space)
        reference = ModelReference(
            uri=package.uri,
            digest=package.digest,
            framework=package.config.framework,
            trust=self._packages.trust_of(model, package),
            trusted_root=self._root,
            target=target.name,
            space=target.space,
            label=spec.data.label if is_loss(spec.model.space) else None,
        )
        return CrossTask(
            model=reference,
            space=target.space,
            baseline_uri=baseline.folder.uri,
            baseline_digest=baseline.baseline_digest,
            shard=self._shard(data, rows or self._rows),
            data_digest=data.data_digest,
            cluster=data.spec.data.cluster,
            attribution=self._after.spec.attribution,
            memory_limit=int(self._after.facts["batch_plan"]["memory_limit"]),
            resources=dict(self._after.spec.compute.resources),
            substitution=substitution,
        )

    def _shard(self, period: Period, rows: int) -> Shard:
        key = (period.folder.uri, rows)
        if key not in self._shards:  # each time would list and digest all files
            self._shards[key] = sampled_rows(period, rows, at_once=rows)[0]
        return self._shards[key]


def _mean_growth(plain: CrossedRows, moved: CrossedRows) -> Floats | None:
    """By how much the mean size of each feature's attributions is larger, on the rows that both can explain.

    Rows that a substitution gave no other value are as they were; `moved` has the others.
    """
    lost = {*(moved.given or ())} - {*moved.positions}
    rows = sum(position not in lost for position in plain.positions)
    if not rows:
        return None
    common_plain, common_moved = plain.together(moved)
    grown: Floats = (np.abs(common_moved.attributions) - np.abs(common_plain.attributions)).sum(axis=0) / rows
    return grown
