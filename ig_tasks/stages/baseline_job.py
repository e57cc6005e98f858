"""The baseline of a spec: found in the store, or fitted over its data on the workers and kept there."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.fitting import BaselineCounts, fit_baseline
from ig_tasks.baselines.input_layouts import Inputs
from ig_tasks.baselines.table import baseline_of_table
from ig_tasks.cluster.job import map_shards, run_one
from ig_tasks.cluster.progress import Progress
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.data.shards import plan_shards
from ig_tasks.errors import DamagedError
from ig_tasks.stages.baseline_tasks import BaselineTask, count_shard
from ig_tasks.stages.planning import baseline_files, baseline_key
from ig_tasks.stages.run_plan import RunPlan, require_unchanged
from ig_tasks.store import Folder, RunFolder, Store, digest_of, set_aside, take_sealed, write_sealed
from ig_tasks.store.clock import now
from ig_tasks.store.sealed import Say, damaged

_FACTS, _TABLE = "baseline.json", "baseline.parquet"

FIT_ROWS = 65536
"""Rows of a shard that is only counted: larger than the explained ones, since nothing is held of it."""


def fit_or_find(
    plan: RunPlan, store: Store, session: ComputeSession, *, say: Say, log: Callable[[str], None] | None = None
) -> tuple[Baseline, bool]:
    """The baseline, and whether it was found: one that was fitted is used until the spec's baseline changes.

    A baseline fitted anew for each run would mix its own change into the drift between reports. One whose files are
    damaged is set aside and fitted anew.

    Raises:
        BaselineError: if there is no data to fit it on, or the user's own table has the wrong shape.
    """
    key = baseline_key(plan.spec, plan.package)
    folder = store.name_folder(plan.spec.name).folder(f"baselines/{key}")
    inputs = plan.package.config.inputs
    stored = _stored_baseline(folder, inputs, say)
    if stored is not None:
        return stored, True
    section = plan.spec.baseline
    facts = {"fitted_at": now()}
    if section.strategy == "table":
        baseline = baseline_of_table(str(section.uri), inputs, plan.package.preprocess)
        # Its content is part of the key: what was read has to be what the key was made of.
        require_unchanged(baseline_key(plan.spec, plan.package), key, f"baseline.uri {section.uri}")
    else:
        dataset, files = baseline_files(plan.spec, plan.dataset)
        facts |= {"data": dataset.uri, "data_digest": dataset.digest(files)}
        shards = plan_shards(dataset, files, FIT_ROWS)
        # Counting needs no device, unless the model is asked.
        resources = {} if section.cutoff is None else plan.spec.compute.resources
        rows = [shard.rows for shard in shards]
        counts: list[Any] = [None] * len(shards)
        with Progress(sum(rows), "build_baseline", log=log) as progress:
            for index, result in map_shards(
                session,
                count_shard,
                [{"task": BaselineTask(plan.model, shard, section, resources)} for shard in shards],
                keys=[f"baseline-{shard.name}" for shard in shards],
                resources=resources,
                retries=plan.spec.compute.retries,
                rows=rows,
                progress=progress,
            ):
                counts[index] = BaselineCounts.from_json(result)
        baseline = fit_baseline(section, reduce(BaselineCounts.merge, counts), inputs)
    content = digest_of(folder.write_table(_TABLE, baseline.to_table(inputs)))
    write_sealed(folder, _FACTS, {**facts, **baseline.facts, "digest": baseline.digest, "content": content})
    return baseline, False


def require_population(plan: RunPlan, session: ComputeSession) -> None:
    """See that a population at a cutoff has a row: shard after shard is asked until one has.

    Raises:
        BaselineError: if none has one.
    """
    asked = plan.spec.baseline
    if asked.cutoff is None:
        return
    inputs, resources = plan.package.config.inputs, plan.spec.compute.resources
    counts: BaselineCounts | None = None
    for shard in plan_shards(*baseline_files(plan.spec, plan.dataset), FIT_ROWS):
        task = BaselineTask(plan.model, shard, asked, resources)
        found = run_one(
            session, count_shard, task, key=f"population-{shard.name}", resources=resources, rows=shard.rows
        )
        counts = BaselineCounts.from_json(found)
        if counts.rows:
            return
    if counts is not None:
        fit_baseline(asked, counts, inputs)  # says what the population is that nobody belongs to


def _stored_baseline(folder: Folder, inputs: Inputs, say: Say) -> Baseline | None:
    """The baseline that was fitted before, if its files are there and are what was written."""
    facts = take_sealed(folder, _FACTS, say, unsealed=True)
    if facts is None:
        return None
    digests = {_TABLE: facts["content"]} if "content" in facts else {}
    try:
        table = RunFolder(folder.uri, "", "").checked(digests).read_table(_TABLE)
        baseline = Baseline.of_facts(table, facts, inputs)
        if baseline.digest != facts["digest"]:
            raise damaged(folder, _TABLE, "its values are not those that were fitted")
    except DamagedError as error:
        say(set_aside(folder, _TABLE, error))
        return None
    return baseline
