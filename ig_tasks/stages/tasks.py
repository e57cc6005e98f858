"""What runs on a worker: try a model, explain a shard.

Each function takes one frozen task and returns a small summary; rows go to the store, never through Dask.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.attribution.repeating import TWICE
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.fitting import BaselineCounts, fit_baseline
from ig_tasks.baselines.segments import segments_of
from ig_tasks.cluster.device import choose_device
from ig_tasks.data.shards import Shard, read_shard
from ig_tasks.errors import IgTasksError, ModelError
from ig_tasks.explanations.prepared_model import PreparedModel
from ig_tasks.models import LoadedModel, ModelPackage, open_package
from ig_tasks.models.loss import without_outcome
from ig_tasks.models.outcomes import class_probabilities, labelled
from ig_tasks.spec import AttributionSpec, BaselineSpec, DataSpec
from ig_tasks.stages.layer_doctor import diagnosis_of, load_or_propose
from ig_tasks.stages.missing_numbers import require_gaps_alike
from ig_tasks.stages.row_outcomes import row_outcomes
from ig_tasks.stages.shard_files import write_shard
from ig_tasks.stages.soundness import doubt_of_space, require_ids_inside, require_one_output_a_row
from ig_tasks.stages.tables import shard_tables
from ig_tasks.stages.worker_models import cached, loaded_model
from ig_tasks.store import RunFolder

TRIAL_ROWS = 32
_TRIAL = AttributionSpec(integrator="gauss_legendre", steps=2)
_TRIAL_MEMORY = 64 * 1024 * 1024


@dataclass(frozen=True)
class ModelReference:
    """The package that a run began with, and the output that it explains."""

    uri: str
    digest: str
    framework: str
    trust: str | None
    trusted_root: str | None
    target: str | int | None
    space: str | None
    label: str | None = None
    """The column of outcomes, where the loss of each row is explained."""


@dataclass(frozen=True)
class TrialTask:
    """Load the model, run it on a handful of rows of a shard, and differentiate it there."""

    model: ModelReference
    shard: Shard
    resources: Mapping[str, float]


@dataclass(frozen=True)
class ExplainTask:
    """Explain a shard's rows, and leave its files in the run's folder."""

    model: ModelReference
    shard: Shard
    run_uri: str
    run_name: str
    run_id: str
    data: DataSpec
    attribution: AttributionSpec
    memory_limit: int
    keep_inputs: bool
    resources: Mapping[str, float]


def worker_model(model: ModelReference, resources: Mapping[str, float]) -> LoadedModel:
    """The model of a reference, loaded once in this process, on the device that a task of these resources has."""
    return _load(model, choose_device(resources, framework=model.framework))


def try_model(task: TrialTask) -> dict[str, Any]:
    """Load the model and try it on a few rows.

    Returns:
        Target, space, framework, device, the mean output of the rows, what is doubtful, and the layer doctor's
        diagnosis.

    Raises:
        ModelError, LayerError, TargetError: if the model cannot be loaded, called or differentiated.
    """
    device = choose_device(task.resources, framework=task.model.framework)
    loaded = load_or_propose(lambda: _load(task.model, device), lambda: _rows(task), device)
    inputs = loaded.package.config.inputs
    encoded = loaded.package.encode(read_shard(task.shard, loaded.package.columns))
    arrays = {name: array[:TRIAL_ROWS] for name, array in encoded.inputs.items()}
    fixed = {name: array[:TRIAL_ROWS] for name, array in encoded.fixed.items()}
    spec = BaselineSpec(strategy="mean")
    baseline = fit_baseline(spec, BaselineCounts.of(inputs, arrays), inputs)
    try:
        diagnosis = diagnosis_of(loaded, arrays, without_outcome(fixed), task.model.target)
        prepared = PreparedModel.of(loaded, task.model.target, task.model.space, baseline)

        def call(rows: Mapping[str, NDArray[Any]], masks: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
            result = prepared.attribute(rows, _TRIAL, memory_limit=_TRIAL_MEMORY, fixed=masks)
            return np.asarray(result.output)

        output = call(arrays, fixed)
        require_one_output_a_row(task.model.uri, call, arrays, fixed, output)
        first = {name: mask[:1] for name, mask in fixed.items()}
        require_ids_inside(prepared.model, inputs, lambda rows: call(rows, first), arrays)
        require_gaps_alike(
            lambda rows: loaded.output(rows, task.model.target, task.model.space), {**arrays, **fixed}, inputs
        )
        own = loaded.package.config.choose_target(task.model.target, None)
        several = own.config.activation == "softmax"
        classes = class_probabilities(loaded, own, {**arrays, **fixed}).shape[1] if several else None
        doubt = _doubt_of_space(task, prepared, arrays, fixed, output)
    except (IgTasksError, MemoryError, OSError) as error:
        if str(error).startswith(f"model: {TWICE}"):
            reason = str(error).removeprefix("model: ")
            raise ModelError(f"model.uri: the model at {task.model.uri} {reason}") from error
        raise
    except Exception as error:
        # What the package's own code raises, its author can correct; a retry would not.
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ModelError(f"model.uri: the model at {task.model.uri} fails on rows of its data: {cause}") from error
    return {
        "target": prepared.target_name,
        "space": prepared.space,
        "framework": loaded.framework,
        "device": device,
        "mean_output": float(np.mean(output)),
        "doubt": doubt,
        "classes": classes,
        "diagnosis": None if diagnosis is None else diagnosis.to_json(),
    }


def explain_shard(task: ExplainTask) -> dict[str, Any]:
    """Explain every row of the shard; returns its counts. The shard's files are there when this returns."""
    started = time.perf_counter()
    device = choose_device(task.resources, framework=task.model.framework)
    run = RunFolder(task.run_uri, task.run_name, task.run_id)
    loaded = _load(task.model, device)
    package = loaded.package
    prepared = cached(("prepared", task.run_uri, device), lambda: _prepare(task, run, device))
    data = task.data
    segment = prepared.segment
    extra = [name for name in (data.id, data.prediction, data.cluster, data.label, segment, *data.segments) if name]
    frame = read_shard(task.shard, list(dict.fromkeys([*package.columns, *extra])))
    encoded = package.encode(frame)
    explanation = None
    segments = segments_of(frame[encoded.keep], [segment])
    if encoded.keep.any():
        explanation = prepared.attribute(
            encoded.inputs,
            task.attribution,
            memory_limit=task.memory_limit,
            fixed=encoded.fixed,
            segments=segments,
            refuse=False,
        )
    outcomes = None
    if data.label is not None:
        target = package.config.choose_target(task.model.target, task.model.space)
        output = np.empty(0) if explanation is None else explanation.output
        outcomes = row_outcomes(loaded, target, frame[data.label][encoded.keep], output, encoded.arrays)
    tables = shard_tables(
        frame,
        encoded.keep,
        encoded.reasons,
        explanation,
        features=package.features,
        inputs=package.config.inputs,
        encoded=encoded,
        target=prepared.target_name,
        data=data,
        keep_inputs=task.keep_inputs,
        outcomes=outcomes,
    )
    summary = tables.summarise(
        task.shard.name,
        details=explanation.details if explanation else {},
        shared_baseline=prepared.shares_baseline,
        unseen_levels=prepared.unseen(segments),
        seconds=time.perf_counter() - started,
    )
    written = write_shard(run, summary, tables.attributions, tables.quarantine)
    return {
        "rows_read": written.rows_read,
        "rows_explained": written.rows_explained,
        "rows_unconverged": written.rows_unconverged,
        "rows_unverified": written.rows_unverified,
        "rows_quarantined": written.rows_quarantined,
        "seconds": written.seconds,
    }


def _rows(task: TrialTask) -> tuple[ModelPackage, pd.DataFrame]:
    package = _open(task.model)
    return package, read_shard(task.shard, package.columns)


def _doubt_of_space(
    task: TrialTask,
    prepared: PreparedModel,
    arrays: Mapping[str, NDArray[Any]],
    fixed: Mapping[str, NDArray[Any]],
    output: NDArray[Any],
) -> str | None:
    """What the rows that were tried say against the target's declared space; `output` is in the one explained."""
    declared = prepared.loaded.package.config.choose_target(task.model.target, None)
    if declared.space == "logit" and prepared.space != declared.space:
        raw = PreparedModel.of(prepared.loaded, task.model.target, declared.space, prepared.baseline.baseline)
        output = raw.attribute(arrays, _TRIAL, memory_limit=_TRIAL_MEMORY, fixed=fixed).output
    return doubt_of_space(declared.name, declared.space, output)


def _open(model: ModelReference) -> ModelPackage:
    package = open_package(model.uri, trust=model.trust, trusted_root=model.trusted_root)
    return package if model.label is None else labelled(package, model.label, model.target)


def _load(model: ModelReference, device: str | None) -> LoadedModel:
    loaded = loaded_model(model.uri, model.digest, trust=model.trust, trusted_root=model.trusted_root, device=device)
    if model.label is None:
        return loaded
    return replace(loaded, package=labelled(loaded.package, model.label, model.target))


def _prepare(task: ExplainTask, run: RunFolder, device: str | None) -> PreparedModel:
    loaded = _load(task.model, device)
    baseline = Baseline.of_run(run, loaded.package.config.inputs)
    return PreparedModel.of(loaded, task.model.target, task.model.space, baseline)
