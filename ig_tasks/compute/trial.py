"""One worker loads a model and tries it; what came of it is kept for the next run of the same package."""

from __future__ import annotations

from typing import Any

from ig_tasks.compute.job import map_shards
from ig_tasks.compute.planning import RunPlan
from ig_tasks.compute.progress import Progress
from ig_tasks.compute.session import ComputeSession
from ig_tasks.compute.tasks import TrialTask, try_model
from ig_tasks.data.shards import plan_shards
from ig_tasks.store import Store, run_key
from ig_tasks.store.manifest import versions

_ROWS = 512


def trial_of(plan: RunPlan, store: Store, session: ComputeSession) -> tuple[dict[str, Any], bool]:
    """What a worker saw when it tried the model, and whether that was found instead of done again.

    Raises:
        ModelError, LayerError, TargetError, DataError: what the model or its first rows are not fit for.
    """
    folder = store.name_folder(plan.spec.name)
    asked = {"digest": plan.package.digest, "target": plan.spec.model.target, "space": plan.spec.model.space}
    name = f"models/{run_key({**asked, 'versions': versions()})}.json"
    if folder.exists(name):
        return dict(folder.read_json(name)["trial"]), True
    shard = plan_shards(plan.dataset, plan.files, _ROWS)[0]
    resources = plan.spec.compute.resources
    task = TrialTask(plan.model, shard, resources)
    quiet = Progress(shard.rows, "load_model", log=_discard)
    results = list(
        map_shards(
            session,
            try_model,
            [{"task": task}],
            keys=["try-model"],
            resources=resources,
            retries=0,
            rows=[shard.rows],
            progress=quiet,
        )
    )
    trial: dict[str, Any] = results[0][1]
    folder.write_json(name, {"model": asked, "trial": trial, "versions": versions()})
    return trial, False


def _discard(_line: str) -> None:
    """A handful of rows needs no progress."""
