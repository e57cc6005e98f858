"""compute_attributions in two halves: submitted to an existing scheduler, and brought together when that is done."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from ig_tasks.cluster.published import withdraw
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.pipeline.compute_stages import planned
from ig_tasks.pipeline.stage_workers import Log, session_of, to_stderr
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.deferred_job import Submitted, dataset_of, key_of, submit_shards
from ig_tasks.stages.explain_job import explain_named
from ig_tasks.stages.run_plan import require_unchanged
from ig_tasks.stages.run_reference import RunReference
from ig_tasks.stages.sound_shards import sound_shards
from ig_tasks.store import Manifest

__all__ = ["submit_attributions", "withdraw_attributions"]


def submit_attributions(
    spec: ExplanationSpec,
    ref: RunReference | Mapping[str, Any],
    *,
    session: ComputeSession | None = None,
    log: Log | None = None,
    context: Mapping[str, Any] | None = None,
    failed: Collection[str] = (),
    earlier: Submitted | None = None,
    limit: float | None = None,
) -> Submitted | None:
    """Have an existing scheduler explain every shard that is not finished, and return at once.

    Shards that an earlier call submitted, and that are at work still, are left at work.

    Args:
        spec: what to explain.
        ref: what `build_baseline` returned, or its JSON.
        session: workers that are there; None: those of the spec's scheduler.
        log: takes lines; None: standard error.
        context: who runs this, for the manifest's attempts.
        failed: shards whose tasks ended without a result; they are explained here first, so that what keeps them from
            being explained is raised.
        earlier: what an earlier call returned, where this one goes on with the same work.
        limit: seconds that each of `failed` is given, where two workers did not come to an end with them in that time.

    Returns:
        What is at work; None where nothing is left, or the run was computed before: call `compute_attributions`.

    Raises:
        IgTasksError: as `compute_attributions`.
    """
    say = log or to_stderr
    ref = RunReference.of(ref)
    if limit is not None:
        spec = spec.model_copy(update={"compute": spec.compute.model_copy(update={"shard_timeout": limit})})
    plan, run = planned(spec, ref), ref.run_folder()
    manifest = Manifest(run)
    if manifest.stage("compute_attributions") is not None:
        return None
    require_unchanged(plan.data_digest(), ref.data.digest, f"data {spec.data.uri}")
    if earlier is None:
        manifest.record_attempt("compute_attributions", context or {})
    names = [shard.name for shard in plan.shards()]
    finished = sound_shards(run, names, say)
    if len(finished) == len(names):
        return None
    with session_of(spec, session, log) as workers:
        again = [name for name in failed if name not in finished]
        if again:
            explain_named(plan, run, workers, again, log=log)
        left = [shard for shard in plan.shards() if shard.name not in finished and shard.name not in again]
        if not left:
            return None
        submitted = Submitted(
            address=str(workers.address),
            dataset=dataset_of(run),
            key=key_of(run),
            run_uri=run.uri,
            shards=len(left),
            workers=workers.workers,
            began=time.time(),
        )
        try:
            new = submit_shards(plan, run, workers, left)
        except BaseException:
            withdraw(submitted.address, submitted.dataset)
            raise
    did = "submitted to" if new else "at work already, by an earlier attempt, at"
    say(f"compute_attributions: {len(left)} of {len(names)} shards are {did} {submitted.address}")
    return submitted.after(earlier)


def withdraw_attributions(
    spec: ExplanationSpec, ref: RunReference | Mapping[str, Any], *, log: Log | None = None
) -> None:
    """Cancel what is left of what was submitted; a scheduler that does not answer has nothing left, or is beyond reach.

    Shards that are finished stay in the store; a shard that a worker is at is finished too.
    """
    address = ComputeSession(spec.compute).address
    if address is not None and not withdraw(address, dataset_of(RunReference.of(ref).run_folder())):
        say = log or to_stderr
        say(f"compute_attributions: {address} does not answer; what it may be computing is not cancelled")
