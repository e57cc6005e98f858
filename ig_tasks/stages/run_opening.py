"""A run's folder is opened when everything that decides its numbers is known."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.errors import DamagedError
from ig_tasks.stages.plan_facts import PLAN, facts_of
from ig_tasks.stages.run_plan import RunPlan
from ig_tasks.store import Manifest, RunFolder, Store, run_id_of, run_key, set_aside
from ig_tasks.store.clock import now
from ig_tasks.store.manifest import NAME as MANIFEST
from ig_tasks.store.parquet_writing import table_bytes
from ig_tasks.store.sealed import Say


def open_run_folder(plan: RunPlan, store: Store, baseline: Baseline, data_digest: str, *, say: Say) -> RunFolder:
    """The folder of a run, with spec, plan, baseline and manifest; one that is there already keeps its own.

    What is damaged of these is set aside and written anew.
    """
    parts = plan.key_parts(data_digest=data_digest, baseline_digest=baseline.digest)
    key = run_key(parts)
    run = store.run(plan.spec.name, run_id_of(plan.partition, key))
    contents = {
        "spec.yaml": yaml.safe_dump(plan.spec.to_document(), sort_keys=False, allow_unicode=True).encode("utf-8"),
        "baseline.parquet": table_bytes(baseline.to_table(plan.package.config.inputs)),
        PLAN: facts_of(plan).to_bytes(),
    }
    manifest = _manifest_of(run, say)
    if manifest is not None:
        _mend(run, manifest, contents, say)
        return run
    for name, content in contents.items():
        run.write_bytes(name, content)
    manifest = Manifest(run)
    manifest.begin(
        {
            "name": plan.spec.name,
            "run_id": run.run_id,
            "partition": plan.partition,
            "key": key,
            "key_parts": parts,
            "started_at": now(),
            "seed": plan.spec.attribution.seed,
            "batch_plan": {"shard_rows": plan.spec.compute.shard_rows, "memory_limit": plan.memory_limit},
            "rows_available": plan.rows_available,
            "baseline": {**baseline.facts, "digest": baseline.digest},
        }
    )
    manifest.record_files(contents)
    return run


def _manifest_of(run: RunFolder, say: Say) -> Manifest | None:
    """The manifest of a run that was begun; None if it is absent, or if it was beyond repair and is set aside."""
    if not run.exists(MANIFEST):
        return None
    try:
        manifest = Manifest(run)
    except DamagedError as error:
        say(set_aside(run, MANIFEST, error))
        Manifest(run).mend(say)
        return None
    manifest.mend(say)
    return manifest


def _mend(run: RunFolder, manifest: Manifest, contents: Mapping[str, bytes], say: Say) -> None:
    """Write anew what is damaged of a run's first files; `contents` is what they hold."""
    for name, content in contents.items():
        if name == PLAN and name not in manifest.document.get("files", {}):
            # A run that an earlier version began.
            run.write_bytes(name, content)
            manifest.record_files({name: content})
            continue
        try:
            manifest.read(name, known=True)
        except DamagedError as error:
            say(set_aside(run, name, error))
            run.write_bytes(name, content)
            manifest.record_files({name: content})
