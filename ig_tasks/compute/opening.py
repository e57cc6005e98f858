"""A run's folder is opened when everything that decides its numbers is known."""

from __future__ import annotations

import yaml

from ig_tasks.baselines.baseline import Baseline
from ig_tasks.compute.planning import RunPlan
from ig_tasks.store import Manifest, RunFolder, Store, run_id_of, run_key
from ig_tasks.store.manifest import now


def open_run_folder(plan: RunPlan, store: Store, baseline: Baseline, data_digest: str) -> RunFolder:
    """The folder of a run, with spec, baseline and manifest; one that is there already keeps its own."""
    parts = plan.key_parts(data_digest=data_digest, baseline_digest=baseline.digest)
    key = run_key(parts)
    run = store.run(plan.spec.name, run_id_of(plan.partition, key))
    if run.exists("manifest.json"):
        return run
    text = yaml.safe_dump(plan.spec.to_document(), sort_keys=False, allow_unicode=True)
    run.write_text("spec.yaml", text)
    content = run.write_table("baseline.parquet", baseline.to_table(plan.package.config.inputs))
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
            "baseline": {**baseline.facts, "digest": baseline.digest},
        }
    )
    manifest.record_files({"spec.yaml": text.encode(), "baseline.parquet": content})
    return run
