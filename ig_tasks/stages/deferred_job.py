"""The job of a run whose driver goes away: its shards are published on an existing scheduler, and awaited elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from ig_tasks.cluster.published import publish
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.data.shards import Shard
from ig_tasks.errors import InputError
from ig_tasks.stages.explain_job import explain_tasks
from ig_tasks.stages.run_plan import RunPlan
from ig_tasks.stages.tasks import explain_shard
from ig_tasks.store import RunFolder

__all__ = ["Submitted", "dataset_of", "submit_shards"]


@dataclass(frozen=True)
class Submitted:
    """What is at work on a scheduler, as JSON values: it waits in Airflow's database.

    Attributes:
        address: the scheduler's.
        dataset: the name under which it keeps the tasks.
        key: what Dask's names of them begin with.
        run_uri: the folder in which a file of `statistics/` that is called after a shard says that it is done.
        shards: how many were left when the first of them was submitted.
        workers: how many were connected then.
        began: seconds since 1970 at that moment.
    """

    address: str
    dataset: str
    key: str
    run_uri: str
    shards: int
    workers: int
    began: float

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values; `of` reads them."""
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` returned.

        Raises:
            InputError: if it is of another version.
        """
        names = {field.name for field in fields(cls)}
        if set(document) != names:
            raise InputError("compute_attributions was deferred by another version of ig-tasks; clear the task")
        return cls(**document)

    def after(self, earlier: Submitted | None) -> Submitted:
        """The same, counted from what was submitted first."""
        if earlier is None:
            return self
        return replace(self, shards=max(self.shards, earlier.shards), began=min(self.began, earlier.began))


def dataset_of(run: RunFolder) -> str:
    """The name under which a scheduler keeps the tasks of a run: one for each run of each store."""
    return f"ig-tasks-{run.run_id}-{hashlib.sha256(run.uri.encode()).hexdigest()[:12]}"


def key_of(run: RunFolder) -> str:
    """What Dask's names of a run's tasks begin with."""
    return f"explain-{run.run_id}"


def submit_shards(plan: RunPlan, run: RunFolder, session: ComputeSession, shards: Sequence[Shard]) -> bool:
    """Have these shards explained by the session's scheduler, whoever goes; returns whether that was new.

    Raises:
        ResourceError: if no worker offers what `compute.resources` asks for.
    """
    compute = plan.spec.compute
    tasks = {task.shard.name: {"task": task} for task in explain_tasks(plan, run, shards)}
    return publish(
        session,
        dataset_of(run),
        explain_shard,
        tasks,
        key=key_of(run),
        resources=compute.resources,
        retries=compute.retries,
    )
