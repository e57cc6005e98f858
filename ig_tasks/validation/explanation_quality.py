"""How good a run's explanations are, where the spec asks for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.models.loss import is_loss
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.explanation_quality_section import ExplanationQualitySpec
from ig_tasks.stages.explanation_quality import ExplanationQualityTask, judge_explanations
from ig_tasks.stages.tasks import ModelReference
from ig_tasks.store.report_explanation_quality import ExplanationFigure, ExplanationQualityInfo
from ig_tasks.validation.asking_again import Say, asked_again
from ig_tasks.validation.drift.packages import opened_where
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.drift.sampled_rows import sampled_rows

__all__ = ["explanation_quality_of"]


def explanation_quality_of(
    run: Period,
    spec: ExplanationSpec,
    *,
    session: Callable[[], AbstractContextManager[ComputeSession]],
    say: Say,
    log: Say | None = None,
) -> ExplanationQualityInfo | None:
    """The figures of a run, computed on a worker unless they are in the store; None where the spec asks for none.

    Raises:
        WorkerLostError, ResourceError: of the workers.
    """
    section = spec.explanation_quality
    if section is None:
        return None
    if spec.data.rows:
        return ExplanationQualityInfo(target=run.target, why_not="Only the rows that were asked for were explained.")
    with session() as workers:
        documents, why_not = asked_again(
            run,
            spec,
            judge_explanations,
            lambda: [_task(run, spec, section)],
            what="explanation quality",
            session=workers,
            say=say,
            log=log,
        )
    if why_not:
        return ExplanationQualityInfo(target=run.target, why_not=why_not)
    (document,) = documents
    figures = tuple(ExplanationFigure.model_validate(figure) for figure in document["figures"])
    say(f"validate: the explanations of {document['rows']:,} rows were judged")
    return ExplanationQualityInfo(
        target=run.target, rows=document["rows"], figures=figures, aside=dict(document["aside"])
    )


def _task(run: Period, spec: ExplanationSpec, section: ExplanationQualitySpec) -> ExplanationQualityTask:
    here, package, trust = opened_where(run, spec)
    target = package.config.choose_target(run.spec.model.target, run.spec.model.space)
    model = ModelReference(
        uri=package.uri,
        digest=package.digest,
        framework=package.config.framework,
        trust=trust,
        trusted_root=spec.origin.trusted_root if spec.origin else None,
        target=target.name,
        space=target.space,
        label=spec.data.label if is_loss(run.spec.model.space) else None,
    )
    return ExplanationQualityTask(
        model=model,
        baseline_uri=run.folder.uri,
        baseline_digest=run.baseline_digest,
        shard=sampled_rows(here, section.rows, at_once=section.rows)[0],
        data_digest=run.data_digest,
        cluster=spec.data.cluster,
        attribution=run.spec.attribution,
        section=section,
        memory_limit=int(run.facts["batch_plan"]["memory_limit"]),
        resources=dict(spec.compute.resources),
    )
