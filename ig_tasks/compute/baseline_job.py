"""The baseline of a spec: found in the store, or fitted over its data on the workers and kept there."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from ig_tasks.baselines.baseline import Baseline
from ig_tasks.baselines.fitting import BaselineCounts, fit_baseline
from ig_tasks.baselines.table import baseline_of_table
from ig_tasks.compute.job import map_shards
from ig_tasks.compute.planning import RunPlan, baseline_files, baseline_key
from ig_tasks.compute.progress import Progress
from ig_tasks.compute.session import ComputeSession
from ig_tasks.compute.tasks import BaselineTask, count_shard
from ig_tasks.data.shards import plan_shards
from ig_tasks.store import Store
from ig_tasks.store.manifest import now

FIT_ROWS = 65536
"""Rows of a shard that is only counted: larger than the explained ones, since nothing is held of it."""


def fit_or_find(
    plan: RunPlan, store: Store, session: ComputeSession, *, log: Callable[[str], None] | None = None
) -> tuple[Baseline, bool]:
    """The baseline, and whether it was found: one that was fitted is used until the spec's baseline changes.

    A baseline fitted anew for each run would mix its own change into the drift between reports.

    Raises:
        BaselineError: if there is no data to fit it on, or a table of one's own has the wrong shape.
    """
    folder = store.name_folder(plan.spec.name).folder(f"baselines/{baseline_key(plan.spec, plan.package)}")
    inputs = plan.package.config.inputs
    if folder.exists("baseline.json"):
        facts = folder.read_json("baseline.json")
        table = folder.read_table("baseline.parquet")
        return Baseline.of_facts(table, facts, inputs), True
    asked = plan.spec.baseline
    facts = {"fitted_at": now()}
    if asked.strategy == "table":
        baseline = baseline_of_table(str(plan.spec.baseline.uri), inputs, plan.package.preprocess)
    else:
        dataset, files = baseline_files(plan.spec, plan.dataset)
        facts |= {"data": dataset.uri, "data_digest": dataset.digest(files)}
        shards = plan_shards(dataset, files, FIT_ROWS)
        rows = [shard.rows for shard in shards]
        counts: list[Any] = [None] * len(shards)
        with Progress(sum(rows), "build_baseline", log=log) as progress:
            for index, result in map_shards(
                session,
                count_shard,
                [{"task": BaselineTask(plan.model, shard, asked)} for shard in shards],
                keys=[f"baseline-{shard.name}" for shard in shards],
                resources={},
                retries=plan.spec.compute.retries,
                rows=rows,
                progress=progress,
            ):
                counts[index] = BaselineCounts.from_json(result)
        baseline = fit_baseline(asked, reduce(BaselineCounts.merge, counts), inputs)
    folder.write_table("baseline.parquet", baseline.to_table(inputs))
    folder.write_json("baseline.json", {**facts, **baseline.facts, "digest": baseline.digest})
    return baseline, False
