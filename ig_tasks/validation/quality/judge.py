"""The quality of a run's model, as `validate` judges it."""

from __future__ import annotations

from ig_tasks.models.outcomes import outcome_of
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.plan_facts import PlanFacts
from ig_tasks.store.report_quality import Quality
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.quality.figures import judge_quality

__all__ = ["quality_of"]


def quality_of(run: Period, spec: ExplanationSpec, facts: PlanFacts) -> list[Quality]:
    """The quality of the target that was explained; empty where the spec names no outcome.

    Raises:
        DamagedError: if a file of the run is not what was written.
    """
    if spec.data.label is None:
        return []
    target = facts.target(spec)
    return [judge_quality(run, outcome_of(facts.config, target), target.config.threshold)]
