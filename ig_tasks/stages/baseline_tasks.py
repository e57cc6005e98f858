"""What runs on a worker to fit a baseline: count a shard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.baselines.fitting import BaselineCounts
from ig_tasks.baselines.population import members
from ig_tasks.data.encoding import Encoded, unknown_counts
from ig_tasks.data.levels import level_names
from ig_tasks.data.shards import Shard, read_shard
from ig_tasks.models import open_package
from ig_tasks.spec import BaselineSpec
from ig_tasks.stages.tasks import ModelReference, worker_model

__all__ = ["BaselineTask", "count_shard"]


@dataclass(frozen=True)
class BaselineTask:
    """Count the inputs of a shard."""

    model: ModelReference
    shard: Shard
    baseline: BaselineSpec
    resources: Mapping[str, float]


def count_shard(task: BaselineTask) -> dict[str, Any]:
    """`BaselineCounts` of the shard's usable rows, as JSON.

    No framework is imported, unless the model's outputs say which rows count.
    """
    model = task.model
    package = open_package(model.uri, trust=model.trust, trusted_root=model.trusted_root)
    inputs = package.config.inputs
    segment = task.baseline.segment
    frame = read_shard(task.shard, list(dict.fromkeys([*package.columns, *([segment] if segment else [])])))
    encoded = package.encode(frame)
    member = _members(task, encoded)
    return BaselineCounts.of(
        inputs,
        {name: array[member] for name, array in encoded.inputs.items()},
        task.baseline,
        positions=task.shard.positions()[encoded.keep][member],
        levels=level_names(frame[segment])[encoded.keep] if segment else None,
        unknown=unknown_counts(encoded, inputs, member),
    ).to_json()


def _members(task: BaselineTask, encoded: Encoded) -> NDArray[np.bool_]:
    """Which of the usable rows (rows,) the baseline is of."""
    if task.baseline.cutoff is None or not encoded.keep.any():
        return np.ones(int(encoded.keep.sum()), dtype=bool)
    model = task.model
    loaded = worker_model(model, task.resources)
    space = task.baseline.space or model.space
    return members(task.baseline, loaded.output({**encoded.inputs, **encoded.fixed}, model.target, space))
