"""One worker loads a model and tries it; what came of it is kept for the next run of the same package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.data.encoding import unknown_counts
from ig_tasks.data.reasons import by_kind
from ig_tasks.data.shards import Shard, plan_shards, read_shard
from ig_tasks.doctor import Diagnosis
from ig_tasks.errors import DataError
from ig_tasks.stages.careful_calls import call_one
from ig_tasks.stages.model_trial import TrialTask, try_model
from ig_tasks.stages.planning import baseline_files
from ig_tasks.stages.run_plan import RunPlan
from ig_tasks.statistics import UnknownCounts
from ig_tasks.store import Store, read_sealed, run_key, take_sealed, write_sealed
from ig_tasks.store.manifest import versions
from ig_tasks.store.sealed import Say

_DOCTOR = 4  # raised when a trial has more to say: kept trials are done again

_ROWS = 512
"""Rows to look at, spread evenly over the first file that has rows; where none can be used, over all files."""


@dataclass(frozen=True)
class UsableRows:
    """How many of the rows looked at can be explained, why the others cannot, and what the model does not know there.

    reasons: {reason: rows}; unknown: {feature: counts of the usable rows}.
    """

    shard: Shard
    usable: int
    reasons: Mapping[str, int]
    unknown: Mapping[str, UnknownCounts]


def examine_rows(plan: RunPlan) -> UsableRows:
    """Encode a handful of rows, without the model.

    Raises:
        DataError: if none of them can be used, or a column does not hold what the model reads.
    """
    columns = plan.package.columns
    files = [file for file in plan.files if file.rows]
    for files_read in (files[:1], files):
        # A sample of this size is one shard of the same size.
        shard = plan_shards(plan.dataset, files_read, _ROWS, sample=_ROWS)[0]
        encoded = plan.package.encode(read_shard(shard, columns))
        usable = int(encoded.keep.sum())
        if usable:
            unknown = unknown_counts(encoded, plan.package.config.inputs)
            return UsableRows(shard, usable, by_kind(encoded.reasons), unknown)
    reason = next((str(reason) for reason in encoded.reasons if reason is not None), None)
    where = files[0].name if len(files) == 1 else f"{len(files)} files"
    raise DataError(f"data: none of {shard.rows} rows of {where} can be explained ({reason})")


def examine_baseline(plan: RunPlan) -> dict[str, UnknownCounts]:
    """{feature: what a handful of the baseline's own rows holds of categories that the model does not know}."""
    if plan.spec.baseline.strategy == "table":
        return {}
    source, files = baseline_files(plan.spec, plan.dataset)
    shard = plan_shards(source, files, _ROWS, sample=_ROWS)[0]
    encoded = plan.package.encode(read_shard(shard, plan.package.input_columns))
    return unknown_counts(encoded, plan.package.config.inputs)


def is_tried(plan: RunPlan, store: Store) -> bool:
    """Whether a worker has tried the model for an earlier run."""
    return store.name_folder(plan.spec.name).exists(_record_of(plan)[0])


def trial_of(
    plan: RunPlan, shard: Shard, store: Store, session: ComputeSession, *, say: Say
) -> tuple[dict[str, Any], bool]:
    """What a worker saw when it tried the model on a shard, and whether that was found instead of done again.

    Raises:
        ModelError, LayerError, TargetError: what the model is not fit for.
    """
    folder, (name, identity) = store.name_folder(plan.spec.name), _record_of(plan)
    stored = take_sealed(folder, name, say)
    if stored is not None:
        return dict(stored["trial"]), True
    resources = plan.spec.compute.resources
    task = TrialTask(plan.model, shard, resources)
    trial: dict[str, Any] = call_one(session, try_model, task, key="try-model", resources=resources, say=say)
    write_sealed(folder, name, {"model": identity, "trial": trial, "versions": versions()})
    return trial, False


def diagnosis_of(plan: RunPlan, store: Store) -> Diagnosis | None:
    """What the layer doctor said when the model was tried; None before that, or where it could not look at it."""
    folder, (name, _) = store.name_folder(plan.spec.name), _record_of(plan)
    diagnosis = read_sealed(folder, name)["trial"].get("diagnosis") if folder.exists(name) else None
    return None if diagnosis is None else Diagnosis.from_json(diagnosis)


def _record_of(plan: RunPlan) -> tuple[str, dict[str, Any]]:
    """Where a trial is kept, and what it depends on."""
    model, resources = plan.spec.model, plan.spec.compute.resources
    identity = {"digest": plan.package.digest, "target": model.target, "space": model.space, "resources": resources}
    return f"models/{run_key({**identity, 'doctor': _DOCTOR, 'versions': versions()})}.json", identity
