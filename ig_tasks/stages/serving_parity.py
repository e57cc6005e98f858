"""The model that is explained beside the one that is served: both called on a sample of rows by one worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.cluster.device import choose_device
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.data.shards import Shard, plan_shards, read_shard, row_ids
from ig_tasks.errors import IgTasksError, ModelError
from ig_tasks.models.loaded import LoadedModel
from ig_tasks.models.opening import open_served
from ig_tasks.models.spaces import converter, spaces_of
from ig_tasks.stages.careful_calls import call_one
from ig_tasks.stages.left_out import left_out
from ig_tasks.stages.row_isolation import Rows, isolate_rows, own_words
from ig_tasks.stages.run_plan import RunPlan
from ig_tasks.stages.run_reference import ComparedFacts
from ig_tasks.stages.tasks import ModelReference, worker_model
from ig_tasks.store import Store, run_key, take_sealed, write_sealed
from ig_tasks.store.manifest import versions
from ig_tasks.store.sealed import Say

__all__ = ["ServedTask", "call_both", "compare_with_served"]


@dataclass(frozen=True)
class ServedTask:
    """Call the model explained on the rows of a shard, and the model served, or read what was stored of it.

    served: None where `prediction` names the column of stored predictions.
    """

    model: ModelReference
    served: ModelReference | None
    prediction: str | None
    space: str
    shard: Shard
    id: str | None
    resources: Mapping[str, float]
    left_out: frozenset[str] = frozenset()
    """Positions of rows that are left out: those that end the process."""


def call_both(task: ServedTask) -> dict[str, Any]:
    """{rows: ids, model: numbers, served: numbers} of the rows that the model explained can take.

    A number that is not finite, and one of a row that the served model cannot take, is None; rows without a stored
    prediction are left out.

    Raises:
        ModelError, TargetError: if one of the models cannot be loaded or called.
    """
    explained = worker_model(task.model, task.resources)
    served = None if task.served is None else _load_served(task.served, explained, task.resources)
    columns = [*explained.package.columns, *(served.package.columns if served else [])]
    columns += [column for column in (task.id, task.prediction) if column]
    frame = left_out(read_shard(task.shard, list(dict.fromkeys(columns))), task.left_out)
    compared = explained.package.encode(frame).keep
    own = _outputs_of(explained, task.model, frame, task.space)
    if served is not None and task.served is not None:
        others = _outputs_of(served, task.served, frame, task.space)
    else:
        others = frame[str(task.prediction)].to_numpy(dtype=np.float64, na_value=np.nan)
        compared = compared & ~np.isnan(others)
    return {
        "rows": row_ids(frame, task.id)[compared].tolist(),
        "model": _finite_or_none(own[compared]),
        "served": _finite_or_none(others[compared]),
    }


def compare_with_served(
    plan: RunPlan, store: Store, session: ComputeSession, *, data_digest: str, say: Say, stored: bool = False
) -> ComparedFacts | None:
    """Call the explained and the served model on the same `validation.parity.rows` rows, spread over the partition.

    With `stored`, the served outputs are the predictions of `data.prediction`. Outputs that an earlier run stored for
    the same rows are used again.

    Returns:
        Whose outputs they are, and the file in the folder of the spec's name that holds them; None without anything
        to compare with.
    """
    spec = plan.spec
    served = None if stored else plan.served_model
    prediction = spec.data.prediction if stored else None
    if served is None and prediction is None:
        return None
    folder = store.name_folder(spec.name)
    rows = spec.validation.parity.rows
    identity = {
        "model": {"digest": plan.package.digest, "target": plan.target.name},
        "served": prediction if served is None else {"digest": served.digest, "target": served.target},
        "space": plan.parity_space,
        "data": {"digest": data_digest, "id": spec.data.id},
        "rows": rows,
        "versions": versions(),
    }
    name = f"parity/{run_key(identity)}.json"
    if take_sealed(folder, name, say) is None:
        shard = plan_shards(plan.dataset, plan.files, rows, sample=rows)[0]
        resources = spec.compute.resources
        task = ServedTask(plan.model, served, prediction, plan.parity_space, shard, spec.data.id, resources)
        outputs = call_one(session, call_both, task, key="call-served", resources=resources, say=say)
        write_sealed(folder, name, {"asked": identity, **outputs})
    uri, digest = (spec.data.uri, data_digest) if served is None else (served.uri, served.digest)
    return ComparedFacts(uri=uri, digest=digest, space=plan.parity_space, file=name)


def _outputs_of(loaded: LoadedModel, reference: ModelReference, frame: pd.DataFrame, space: str) -> NDArray[np.float64]:
    """The target's numbers (rows,) in a space; NaN for rows that the model cannot take."""
    encoded = loaded.package.encode(frame)
    numbers = np.full(len(frame), np.nan)
    if not encoded.keep.any():
        return numbers
    inputs = {**encoded.inputs, **encoded.fixed}

    def call(rows: Rows) -> NDArray[np.float64]:
        return np.asarray(
            _numbers(loaded, {name: array[rows] for name, array in inputs.items()}, reference.target, space)
        )

    places = np.flatnonzero(encoded.keep)
    try:
        found, refused = isolate_rows(call, len(places), where=f"the model at {reference.uri}")
    except (IgTasksError, MemoryError, OSError):
        raise
    except Exception as error:
        raise ModelError(f"the model at {reference.uri} fails on rows of the data: {own_words(error)}") from error
    if found is not None:
        numbers[np.delete(places, list(refused))] = found
    return numbers


def _finite_or_none(numbers: NDArray[np.float64]) -> list[float | None]:
    return [float(number) if np.isfinite(number) else None for number in numbers]


def _load_served(model: ModelReference, explained: LoadedModel, resources: Mapping[str, float]) -> LoadedModel:
    package = open_served(model.uri, explained.package, trust=model.trust, trusted_root=model.trusted_root)
    if package.digest != model.digest:
        raise ModelError(f"model.served: {model.uri} changed since the run began; start the run again")
    return package.load(choose_device(resources, framework=model.framework))


def _numbers(loaded: LoadedModel, inputs: Any, target: str | int | None, space: str) -> Any:
    """A target's numbers in a space, by a head where there is one, else from the target's own."""
    declared = loaded.package.config.choose_target(target, None)
    if space in spaces_of(declared.config):
        return loaded.output(inputs, target, space)
    return converter(declared.name, declared.config, declared.space, space)(loaded.output(inputs, target))
