"""The baseline doctor's table of a model: computed once per model and baseline, and kept in the store."""

from __future__ import annotations

from typing import Any

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.stages.baseline_doctor import JudgeTask, judge_rows, judge_task
from ig_tasks.stages.careful_calls import call_one
from ig_tasks.stages.planning import baseline_key
from ig_tasks.stages.run_plan import RunPlan
from ig_tasks.store import Store, run_key, take_sealed, write_sealed
from ig_tasks.store.sealed import Say

__all__ = ["baseline_table", "table_of_rows"]

_VERSION = 1
"""Raised when the table means something else than before."""


def baseline_table(plan: RunPlan, store: Store, session: ComputeSession, *, say: Say) -> str | None:
    """The file, in the folder of the spec's name, that holds the doctor's table; a worker makes one that is not there.

    None where the spec asks for none (`verdicts.unstable.rows: 0`), and for ad-hoc runs.
    """
    rows = plan.spec.verdicts.unstable.rows
    if not rows or not plan.spec.official:
        return None
    target = plan.target
    identity = {
        "version": _VERSION,
        "model": {"digest": plan.package.digest, "target": target.name, "space": target.space},
        "baseline": baseline_key(plan.spec, plan.package),
        "rows": rows,
    }
    folder, name = store.name_folder(plan.spec.name), f"models/baselines-{run_key(identity)}.json"
    if take_sealed(folder, name, say) is None:
        task = judge_task(plan, rows)
        table = call_one(session, table_of_rows, task, key="baseline-table", resources=task.resources, say=say)
        write_sealed(folder, name, {"asked": identity, **table})
    return name


def table_of_rows(task: JudgeTask) -> dict[str, Any]:
    """{own, space, rows, features, candidates: [{name, abs_mean, output, problems}]}, or {why_not}.

    A model that cannot be explained from other baselines is no fault of the run.
    """
    try:
        assessment = judge_rows(task)
    except Exception as error:  # noqa: BLE001 - whatever the model's own code raises there
        return {"why_not": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
    return {
        "own": task.baseline.strategy,
        "space": assessment.space,
        "rows": assessment.rows,
        "features": list(assessment.features),
        "candidates": [
            {
                "name": candidate.name,
                "abs_mean": [float(size) for size in candidate.abs_mean],
                "output": candidate.output,
                "problems": assessment.problems(candidate.name),
            }
            for candidate in assessment.findings
        ],
    }
