"""What the model loses on labelled rows with one feature after another at the baseline: the work of one Dask task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.segments import segments_of
from ig_tasks.data.labels import read_labels
from ig_tasks.data.levels import level_names
from ig_tasks.data.shards import Shard, read_shard
from ig_tasks.explanations.prepared_model import PreparedModel
from ig_tasks.models.outcomes import Outcome, outcome_of
from ig_tasks.models.spaces import converter
from ig_tasks.models.target_config import Target
from ig_tasks.spec import AttributionSpec
from ig_tasks.stages.left_out import left_out
from ig_tasks.stages.row_isolation import Rows, isolate_rows
from ig_tasks.stages.tasks import ModelReference, worker_model
from ig_tasks.stages.worker_models import cached
from ig_tasks.statistics.losses import row_losses
from ig_tasks.statistics.packing import pack, unpack
from ig_tasks.store import Folder, RunFolder, write_sealed

__all__ = ["AblatedRows", "AblationTask", "ablate_rows"]

_VERSION = 1
"""Raised when results mean something else than before."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AblationTask:
    """Hold each feature of a sample of rows at the baseline of a run.

    Attributes:
        baseline_uri, baseline_digest: the folder of the run whose baseline it is, and its digest.
        data_digest: of the data of which `shard` is a sample.
        label, cluster: columns.
    """

    model: ModelReference
    baseline_uri: str
    baseline_digest: str
    shard: Shard
    data_digest: str
    label: str
    cluster: str | None
    attribution: AttributionSpec
    memory_limit: int
    resources: dict[str, float] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    """Positions of rows that are left out: those that end the process."""

    def asked(self) -> dict[str, Any]:
        """Everything that decides the numbers."""
        return {
            "ablation": _VERSION,
            "model": {"digest": self.model.digest, "target": self.model.target},
            "baseline": self.baseline_digest,
            "data": {
                "digest": self.data_digest,
                "rows": [self.shard.start, self.shard.stop],
                "sample": self.shard.chosen_by,
                "label": self.label,
                "cluster": self.cluster,
            },
            "precision": self.attribution.precision,
        }


@dataclass(frozen=True)
class AblatedRows:
    """Losses of rows with an outcome: the model's (rows,), and with each feature at the baseline (features, rows).

    outcome: 0 or 1, of classes whether it is the one explained; or a number.
    clusters: (rows,) labels; None where rows stand for themselves.
    """

    features: tuple[str, ...]
    outcome: Floats
    losses: Floats
    ablated: Floats
    clusters: NDArray[np.object_] | None

    @classmethod
    def of(cls, documents: list[dict[str, Any]]) -> AblatedRows:
        """The rows of several results of `ablate_rows`."""
        parts = [_read(document) for document in documents]
        clusters = None if parts[0].clusters is None else np.concatenate([part.clusters for part in parts])
        return cls(
            parts[0].features,
            np.concatenate([part.outcome for part in parts]),
            np.concatenate([part.losses for part in parts]),
            np.concatenate([part.ablated for part in parts], axis=1),
            clusters,
        )


def ablate_rows(task: AblationTask, folder_uri: str, name: str) -> int:
    """Leave the losses of the task's rows in a file; returns how many rows have an outcome and can be explained.

    Where rows are compared with several baselines, a feature's loss is the mean over them.

    Raises:
        UserError: what the engine, the package or the baseline say.
    """
    model = task.model
    loaded = worker_model(model, task.resources)
    package = loaded.package
    target = package.config.choose_target(model.target, None)
    outcome = outcome_of(package.config, target)
    space = outcome.space if outcome.kind == "class" else target.space

    def prepare() -> PreparedModel:
        baseline = Baseline.of_run(RunFolder(task.baseline_uri, "", ""), package.config.inputs)
        return PreparedModel.of(loaded, model.target, space, baseline)

    prepared = cached(("ablation", model.digest, task.baseline_uri, loaded.device), prepare)
    segment = prepared.segment
    columns = [*package.columns, *(column for column in (segment, task.cluster, task.label) if column)]
    frame = left_out(read_shard(task.shard, list(dict.fromkeys(columns))), task.left_out)
    label = read_labels(frame[task.label], outcome.kind, outcome.target, outcome.classes)
    frame, label = frame[~np.isnan(label)], label[~np.isnan(label)]
    encoded = package.encode(frame)
    explained, label = frame[encoded.keep], label[encoded.keep]
    actual = (label == outcome.column).astype(np.float64) if outcome.kind == "class" else label
    losses, ablated = np.empty(0), np.empty((len(package.features), 0))
    shares = prepared.baseline.shares

    def losses_of(output: Floats, rows: Rows) -> Floats:
        return _losses(output, actual[rows], target, outcome, space)

    def call(rows: Rows) -> tuple[Floats, Floats]:
        inputs, fixed = (
            {name: array[rows] for name, array in group.items()} for group in (encoded.inputs, encoded.fixed)
        )
        outputs = prepared.ablated(
            inputs,
            task.attribution,
            memory_limit=task.memory_limit,
            fixed=fixed,
            segments=segments_of(explained.iloc[rows], [segment]),
        )
        return losses_of(loaded.output({**inputs, **fixed}, model.target, space), rows), np.stack(
            [
                np.average([losses_of(of_start, rows) for of_start in of_feature], axis=0, weights=shares)
                for of_feature in outputs
            ]
        )

    if len(explained):
        where = f"{task.shard.name}: model.uri: the model at {model.uri}"
        found, refused = isolate_rows(call, len(explained), where=where)
        left = np.setdiff1d(np.arange(len(explained)), np.fromiter(refused, np.intp))
        explained, actual = explained.iloc[left], actual[left]
        losses, ablated = found or (losses, ablated)
    finite = np.isfinite(losses) & np.isfinite(ablated).all(axis=0)
    document = {
        "asked": task.asked(),
        "features": [feature.name for feature in package.features],
        "clusters": None if task.cluster is None else level_names(explained[task.cluster])[finite].tolist(),
        "outcome": pack(actual[finite]),
        "losses": pack(losses[finite]),
        "ablated": pack(ablated[:, finite]),
    }
    write_sealed(Folder(folder_uri), name, document, indent=None)
    return int(finite.sum())


def _losses(output: Floats, actual: Floats, target: Target, outcome: Outcome, space: str) -> Floats:
    """The loss of each row (rows,) whose model's output is in a space."""
    predicted = converter(target.name, target.config, space, outcome.space)(np.asarray(output, np.float64))
    return row_losses(outcome.kind, actual, predicted)


def _read(document: dict[str, Any]) -> AblatedRows:
    features = tuple(document["features"])
    outcome = unpack(document["outcome"], np.float64)
    clusters = document["clusters"]
    return AblatedRows(
        features,
        outcome,
        unpack(document["losses"], np.float64),
        unpack(document["ablated"], np.float64, (len(features), len(outcome))),
        None if clusters is None else np.array(clusters, dtype=object),
    )
