"""What runs on a worker: explain a shard.

The function takes one frozen task and returns a small summary; rows go to the store, never through Dask.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from ig_tasks.attribution import AttributionResult
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.segments import segments_of
from ig_tasks.cluster.device import choose_device
from ig_tasks.data.encoding import Encoded
from ig_tasks.data.shards import Shard, read_shard
from ig_tasks.explanations.prepared_model import PreparedModel
from ig_tasks.models import LoadedModel, ModelPackage, open_package
from ig_tasks.models.outcomes import labelled
from ig_tasks.spec import AttributionSpec, DataSpec
from ig_tasks.stages.explained_rows import explain_rows
from ig_tasks.stages.row_outcomes import row_outcomes
from ig_tasks.stages.shard_files import write_shard
from ig_tasks.stages.tables import shard_tables
from ig_tasks.stages.worker_models import cached, loaded_model
from ig_tasks.store import RunFolder


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
    refused: Mapping[int, str] = field(default_factory=dict)
    """{place among the rows that can be encoded: why it is left out}: rows that end the process."""


@dataclass(frozen=True)
class ShardRows:
    """A shard's rows, read and encoded, and the model that is to explain them."""

    task: ExplainTask
    prepared: PreparedModel
    frame: pd.DataFrame
    encoded: Encoded

    @classmethod
    def of(cls, task: ExplainTask) -> Self:
        """Load the model, once per process, and read the rows."""
        device = choose_device(task.resources, framework=task.model.framework)
        run = RunFolder(task.run_uri, task.run_name, task.run_id)
        prepared = cached(("prepared", task.run_uri, device), lambda: _prepare(task, run, device))
        package, data = _load(task.model, device).package, task.data
        extra = [data.id, data.prediction, data.cluster, data.label, prepared.segment, *data.segments]
        columns = [*package.columns, *(name for name in extra if name)]
        frame = read_shard(task.shard, list(dict.fromkeys(columns)))
        return cls(task, prepared, frame, package.encode(frame).without(task.refused))

    def explained(self) -> tuple[AttributionResult | None, Encoded]:
        """Attributions, and the encoded rows that have them."""
        where = f"{self.task.shard.name}: model.uri: the model at {self.task.model.uri}"
        settings, limit = self.task.attribution, self.task.memory_limit
        return explain_rows(self.prepared, self.encoded, self.frame, settings, memory_limit=limit, where=where)


def worker_model(model: ModelReference, resources: Mapping[str, float]) -> LoadedModel:
    """The model of a reference, loaded once in this process, on the device that a task of these resources has."""
    return _load(model, choose_device(resources, framework=model.framework))


def explain_shard(task: ExplainTask) -> dict[str, Any]:
    """Explain every row of the shard; returns its counts. The shard's files are there when this returns."""
    started = time.perf_counter()
    rows = ShardRows.of(task)
    frame, prepared, data = rows.frame, rows.prepared, task.data
    loaded = worker_model(task.model, task.resources)
    package = loaded.package
    explanation, encoded = rows.explained()
    segments = segments_of(frame[encoded.keep], [prepared.segment]) if prepared.segment else {}
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
    run = RunFolder(task.run_uri, task.run_name, task.run_id)
    written = write_shard(run, summary, tables.attributions, tables.quarantine)
    return {
        "rows_read": written.rows_read,
        "rows_explained": written.rows_explained,
        "rows_unconverged": written.rows_unconverged,
        "rows_unverified": written.rows_unverified,
        "rows_quarantined": written.rows_quarantined,
        "seconds": written.seconds,
    }


def open_reference(model: ModelReference) -> ModelPackage:
    """The package of a reference, with the column of outcomes among its inputs where the loss is explained."""
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
