"""What runs on a worker before a run: load the model, call it on a handful of rows, and differentiate it there."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.attribution import AttributionResult
from ig_tasks.attribution.repeating import TWICE
from ig_tasks.baselines.fitting import BaselineCounts, fit_baseline
from ig_tasks.cluster.device import choose_device
from ig_tasks.data.encoding import Encoded
from ig_tasks.data.shards import Shard, read_shard
from ig_tasks.errors import IgTasksError, ModelError
from ig_tasks.explanations.prepared_model import PreparedModel
from ig_tasks.models import LoadedModel, ModelPackage
from ig_tasks.models.loss import without_outcome
from ig_tasks.models.outcomes import class_probabilities
from ig_tasks.spec import AttributionSpec, BaselineSpec
from ig_tasks.stages.layer_doctor import diagnosis_of, load_or_propose
from ig_tasks.stages.left_out import left_out
from ig_tasks.stages.missing_numbers import require_gaps_alike
from ig_tasks.stages.row_isolation import isolate_rows, own_words
from ig_tasks.stages.soundness import doubt_of_space, require_gradients, require_ids_inside, require_one_output_a_row
from ig_tasks.stages.tasks import ModelReference, open_reference, worker_model

__all__ = ["TRIAL_ROWS", "TrialTask", "try_model"]

TRIAL_ROWS = 32
_TRIAL = AttributionSpec(integrator="gauss_legendre", steps=2)
_TRIAL_MEMORY = 64 * 1024 * 1024


@dataclass(frozen=True)
class TrialTask:
    """Load the model, run it on a handful of rows of a shard, and differentiate it there."""

    model: ModelReference
    shard: Shard
    resources: Mapping[str, float]
    left_out: frozenset[str] = frozenset()
    """Positions of rows that are left out: those that end the process."""


def try_model(task: TrialTask) -> dict[str, Any]:
    """Load the model and try it on a few rows.

    Returns:
        Target, space, framework, device, the mean output of the rows, what is doubtful, and the layer doctor's
        diagnosis.

    Raises:
        ModelError, LayerError, TargetError: if the model cannot be loaded, called or differentiated.
    """
    device = choose_device(task.resources, framework=task.model.framework)
    loaded = load_or_propose(lambda: worker_model(task.model, task.resources), lambda: _rows(task), device)
    inputs = loaded.package.config.inputs
    encoded = loaded.package.encode(left_out(read_shard(task.shard, loaded.package.columns), task.left_out))
    arrays, fixed = _tried_rows(task, loaded, encoded)
    spec = BaselineSpec(strategy="mean")
    baseline = fit_baseline(spec, BaselineCounts.of(inputs, arrays), inputs)
    try:
        diagnosis = diagnosis_of(loaded, arrays, without_outcome(fixed), task.model.target)
        prepared = PreparedModel.of(loaded, task.model.target, task.model.space, baseline)

        def attribute(rows: Mapping[str, NDArray[Any]], masks: Mapping[str, NDArray[Any]]) -> AttributionResult:
            return prepared.attribute(rows, _TRIAL, memory_limit=_TRIAL_MEMORY, fixed=masks)

        def call(rows: Mapping[str, NDArray[Any]], masks: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
            return np.asarray(attribute(rows, masks).output)

        explained = attribute(arrays, fixed)
        output = np.asarray(explained.output)
        require_one_output_a_row(task.model.uri, call, arrays, fixed, output)
        require_gradients(task.model.uri, explained)
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
        said = own_words(error)
        raise ModelError(f"model.uri: the model at {task.model.uri} fails on rows of its data: {said}") from error
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


def _tried_rows(
    task: TrialTask, loaded: LoadedModel, encoded: Encoded
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Inputs and masks of a handful of rows, without those with which the model raises: a run quarantines them."""
    inputs, fixed = (
        {name: array[:TRIAL_ROWS] for name, array in group.items()} for group in (encoded.inputs, encoded.fixed)
    )
    both, count = {**inputs, **fixed}, min(TRIAL_ROWS, int(encoded.keep.sum()))
    left = np.arange(count)
    # What is wrong with the model itself, the trial says.
    with contextlib.suppress(Exception):
        output, refused = isolate_rows(
            lambda rows: loaded.output({name: array[rows] for name, array in both.items()}, task.model.target),
            count,
            where=task.model.uri,
        )
        left = left if output is None else np.setdiff1d(left, list(refused))
    return {name: array[left] for name, array in inputs.items()}, {name: array[left] for name, array in fixed.items()}


def _rows(task: TrialTask) -> tuple[ModelPackage, pd.DataFrame]:
    package = open_reference(task.model)
    return package, left_out(read_shard(task.shard, package.columns), task.left_out)


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
