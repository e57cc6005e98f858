"""All stages of a run, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.pipeline.compute_stages import build_baseline, compute_attributions
from ig_tasks.pipeline.import_ahead import import_ahead
from ig_tasks.pipeline.model_stage import load_model
from ig_tasks.pipeline.report_stages import publish_report, validate
from ig_tasks.pipeline.stage_workers import Log, to_stderr
from ig_tasks.reports.page_drawing import drawing_ahead
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.run_reference import RunReference

__all__ = ["run"]


def run(
    spec: ExplanationSpec,
    *,
    partition: str | None = None,
    log: Log | None = None,
    context: Mapping[str, Any] | None = None,
) -> RunReference:
    """All stages in order, with one set of workers.

    Args:
        spec: what to explain.
        partition: a partition expression; None: the spec's own, else all.
        log: takes lines; None: standard error.
        context: who runs this, for the manifest's attempts.

    Returns:
        What the last stage returned.

    Raises:
        IgTasksError: what the stages raise.
    """
    with drawing_ahead(begin=False):
        with ComputeSession(spec.compute, log=log or to_stderr, when_started=import_ahead) as session:
            ref = load_model(spec, partition=partition, session=session, log=log)
            ref = build_baseline(spec, ref, session=session, log=log)
            ref = compute_attributions(spec, ref, session=session, log=log, context=context)
            ref = validate(spec, ref, session=session, log=log)
        return publish_report(spec, ref, log=log)
