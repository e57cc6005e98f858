"""The baseline doctor over a spec: some hundred rows of its data, its own baseline among the candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ig_tasks.baselines.assessment import BaselineAssessment
from ig_tasks.baselines.doctor import judge_baselines
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.fitting import BaselineCounts, fit_baseline
from ig_tasks.baselines.population import members
from ig_tasks.baselines.table import baseline_of_table
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.data.dataset import DataFile, Dataset
from ig_tasks.data.shards import Shard, plan_shards, read_shard
from ig_tasks.models import LoadedModel
from ig_tasks.spec import BaselineSpec
from ig_tasks.stages.careful_calls import call_one
from ig_tasks.stages.left_out import left_out
from ig_tasks.stages.planning import baseline_files
from ig_tasks.stages.run_plan import RunPlan
from ig_tasks.stages.tasks import ModelReference, worker_model
from ig_tasks.store.sealed import Say

__all__ = ["JudgeTask", "judge_rows", "judge_spec", "judge_task"]

_ROWS = 300
_FITTED = 2000
"""Rows that candidates are fitted on here; a run fits its baseline on all of them."""


@dataclass(frozen=True)
class JudgeTask:
    """Judge a spec's baseline on a shard, fitted on another."""

    model: ModelReference
    baseline: BaselineSpec
    rows: Shard
    reference: Shard
    resources: Mapping[str, float]
    left_out: frozenset[str] = frozenset()
    """Positions of rows that are left out: those that end the process."""

    @property
    def shard(self) -> Shard:
        """The rows that are judged."""
        return self.rows


def judge_spec(plan: RunPlan, session: ComputeSession, *, say: Say) -> BaselineAssessment:
    """Judge a spec's baseline beside others, on rows spread evenly over the run's data; a worker does it.

    Raises:
        UserError: if the model cannot be loaded or explained.
    """
    task = judge_task(plan, _ROWS)
    assessment: BaselineAssessment = call_one(
        session, judge_rows, task, key="judge-baselines", resources=task.resources, say=say
    )
    return assessment


def judge_task(plan: RunPlan, rows: int) -> JudgeTask:
    """What a worker has to judge: the spec's baseline, on a sample of rows."""
    chosen = reference = _spread(plan.dataset, plan.files, rows)
    if plan.spec.baseline.strategy != "table":
        reference = _spread(*baseline_files(plan.spec, plan.dataset), _FITTED)
    return JudgeTask(plan.model, plan.spec.baseline, chosen, reference, plan.spec.compute.resources)


def judge_rows(task: JudgeTask) -> BaselineAssessment:
    """What a worker finds of the spec's baseline, of `auto`, `mean`, `mode` and `zero`."""
    model, spec = task.model, task.baseline
    loaded = worker_model(model, task.resources)
    package = loaded.package
    columns = list(dict.fromkeys([*package.columns, *([spec.segment] if spec.segment else [])]))
    own: Any = spec
    if spec.strategy == "table":
        own = baseline_of_table(str(spec.uri), package.config.inputs, package.preprocess)
    candidates: dict[str, Any] = {spec.strategy: own}
    for name in ("auto", "mean", "mode", "zero"):
        candidates.setdefault(name, name)
    rows = left_out(read_shard(task.rows, columns), task.left_out)
    fitted_on = list(dict.fromkeys([*package.input_columns, *([spec.segment] if spec.segment else [])]))
    reference = rows if task.reference == task.rows else read_shard(task.reference, fitted_on)
    reference = left_out(reference, task.left_out)
    if spec.cutoff is not None:
        candidates[spec.strategy] = _population(loaded, reference, task)
    return judge_baselines(
        loaded, rows, baselines=candidates, reference=reference, target=model.target, space=model.space
    )


def _population(loaded: LoadedModel, reference: pd.DataFrame, task: JudgeTask) -> Baseline:
    """The population of these rows: the model's outputs decide who belongs to it."""
    encoded = loaded.package.encode(reference)
    space = task.baseline.space or task.model.space
    output = loaded.output({**encoded.inputs, **encoded.fixed}, task.model.target, space)
    member = members(task.baseline, output)
    inputs = loaded.package.config.inputs
    chosen = {name: array[member] for name, array in encoded.inputs.items()}
    return fit_baseline(task.baseline, BaselineCounts.of(inputs, chosen, task.baseline), inputs)


def _spread(dataset: Dataset, files: Sequence[DataFile], rows: int) -> Shard:
    return plan_shards(dataset, [file for file in files if file.rows], rows, sample=rows)[0]
