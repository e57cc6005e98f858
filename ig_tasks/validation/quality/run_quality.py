"""The quality of a run's model, as `validate` judges it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.models.loss import is_loss
from ig_tasks.models.outcomes import falls, outcome_of
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.plan_facts import PlanFacts
from ig_tasks.store.report_quality import FeatureGain, Quality
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.quality.attribution_auc import attribution_areas, leading_features
from ig_tasks.validation.quality.figures import judge_quality
from ig_tasks.validation.quality.gains import with_gains

__all__ = ["quality_of"]


def quality_of(
    run: Period,
    spec: ExplanationSpec,
    facts: PlanFacts,
    *,
    session: Callable[[], AbstractContextManager[ComputeSession]],
    say: Callable[[str], None],
    log: Callable[[str], None] | None = None,
) -> list[Quality]:
    """The quality of the target that was explained; empty where the spec names no outcome.

    Args:
        session: workers, for what each feature adds; asked for only where an outcome is known.

    Raises:
        DamagedError: if a file of the run is not what was written.
        WorkerLostError, ResourceError: of the workers.
    """
    if spec.data.label is None:
        return []
    target = facts.target(spec)
    outcome = outcome_of(facts.config, target)
    quality = judge_quality(run, outcome, target.config.threshold)
    if quality.known:
        with session() as workers:
            quality = with_gains(quality, run, spec, session=workers, say=say, log=log)
        if not is_loss(target.space):  # what raises a loss says nothing of which outcome came
            areas = attribution_areas(run, outcome, leading_features(run), falling=falls(target))
            quality = _with_areas(quality, areas)
    say(f"validate: {quality.sentence}")
    return [quality]


def _with_areas(quality: Quality, areas: dict[str, float]) -> Quality:
    """The gains with the areas of attributions; also where there are no gains."""
    named = {gain.feature for gain in quality.gains}
    gains = [gain.model_copy(update={"auc": areas.get(gain.feature)}) for gain in quality.gains]
    others = {name: area for name, area in areas.items() if name not in named}
    gains += [FeatureGain(feature=name, gain=None, se=None, auc=area) for name, area in others.items()]
    return quality.model_copy(update={"gains": tuple(gains)})
