"""What each feature adds to the model's quality: its loss with the feature at the baseline, less its own."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ig_tasks.cluster.progress import unsaid
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import IgTasksError
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.ablation import AblatedRows, AblationTask, ablate_rows
from ig_tasks.stages.tasks import ModelReference
from ig_tasks.statistics.losses import base_loss
from ig_tasks.store.report_quality import FeatureGain, Quality
from ig_tasks.validation.asking_again import Say, asked_again
from ig_tasks.validation.drift.packages import opened_where
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.drift.sampled_rows import sampled_rows
from ig_tasks.validation.quality.figures import ClusterResiduals
from ig_tasks.validation.quality.labelled_rows import count_labelled

__all__ = ["ONE_SIDED", "ablate_ahead", "gains_of", "with_gains"]

Floats = NDArray[np.float64]

ONE_SIDED = 0.95
"""Confidence of the upper bound, by Student's t: of few clusters the error itself is hardly known."""
_AT_ONCE = 1_000
"""Rows of one task."""
_MOST_READ = 20
"""Where few rows have an outcome, at most this many times the rows asked for are read."""


def with_gains(
    quality: Quality,
    run: Period,
    spec: ExplanationSpec,
    *,
    session: ComputeSession,
    say: Say,
    log: Say | None = None,
) -> Quality:
    """The quality with what each feature adds to it, computed on workers where it is not in the store.

    Where model or data cannot be reached any more, `ablation_why_not` says so.

    Raises:
        WorkerLostError, ResourceError: of the workers; what was computed stays.
    """
    if spec.data.rows:
        return quality.model_copy(update={"ablation_why_not": "Only the rows that were asked for were explained."})
    documents, why_not = asked_again(
        run,
        spec,
        ablate_rows,
        lambda: _tasks(quality.rows, quality.rows_unknown, run, spec),
        what="ablation",
        session=session,
        say=say,
        log=log,
    )
    if why_not:
        return quality.model_copy(update={"ablation_why_not": why_not})
    rows = AblatedRows.of(documents)
    if not len(rows.outcome):
        return quality.model_copy(update={"ablation_why_not": "No row of the sample has an outcome."})
    return quality.model_copy(update={"gains": tuple(gains_of(rows, quality.kind)), "ablation_rows": len(rows.outcome)})


def ablate_ahead(run: Period, spec: ExplanationSpec, *, session: ComputeSession, say: Say) -> None:
    """Have the losses in the store that `with_gains` is going to ask for, while workers are there with the model.

    What goes wrong here is no matter: it is tried again there, and said.
    """
    if spec.data.label is None or spec.data.rows:
        return
    with contextlib.suppress(IgTasksError):
        known, unknown = count_labelled(run)
        if known:
            asked_again(
                run,
                spec,
                ablate_rows,
                lambda: _tasks(known, unknown, run, spec),
                what="ablation",
                session=session,
                say=say,
                log=unsaid,
            )


def gains_of(rows: AblatedRows, kind: str) -> Sequence[FeatureGain]:
    """Gains of all features, the greatest first, with errors of clustered rows."""
    count = len(rows.outcome)
    differences = rows.ablated - rows.losses
    means = differences.mean(axis=1)
    residuals = ClusterResiduals()
    residuals.add((differences - means[:, None]).T / count, rows.clusters)
    bound = float(stdtrit(max(residuals.freedom, 1), ONE_SIDED))
    model_gain = base_loss("number" if kind == "number" else "binary", rows.outcome) - float(rows.losses.mean())
    gains = []
    for feature, gain, error in zip(rows.features, means.tolist(), residuals.errors(), strict=True):
        helps = model_gain > 0
        gains.append(
            FeatureGain(
                feature=feature,
                gain=gain,
                se=error,
                share=gain / model_gain if helps else None,
                share_high=(gain + bound * error) / model_gain if helps and error is not None else None,
            )
        )
    return sorted(gains, key=lambda feature_gain: -(feature_gain.gain or 0.0))


def _tasks(known: int, unknown: int, run: Period, spec: ExplanationSpec) -> list[AblationTask]:
    """Tasks for a sample of the run's rows, of which so many have a `known` outcome, and the others an unknown one."""
    here, package, trust = opened_where(run, spec)
    model = ModelReference(
        uri=package.uri,
        digest=package.digest,
        framework=package.config.framework,
        trust=trust,
        trusted_root=spec.origin.trusted_root if spec.origin else None,
        target=package.config.choose_target(spec.model.target, None).name,
        space=None,
    )
    wanted = spec.verdicts.labelled_rows
    # So many that enough of them have an outcome.
    read = min(math.ceil(wanted * (known + unknown) / known), _MOST_READ * wanted)
    return [
        AblationTask(
            model=model,
            baseline_uri=run.folder.uri,
            baseline_digest=run.baseline_digest,
            shard=shard,
            data_digest=run.data_digest,
            label=str(run.spec.data.label),
            cluster=spec.data.cluster,
            attribution=run.spec.attribution,
            memory_limit=int(run.facts["batch_plan"]["memory_limit"]),
            resources=dict(spec.compute.resources),
        )
        for shard in sampled_rows(here, read, at_once=_AT_ONCE)
    ]
