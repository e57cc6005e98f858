"""The stages of a run as functions, in order.

load_model -> build_baseline -> compute_attributions -> validate -> publish_report.

Airflow's tasks, the command line and notebooks call these. Each takes the spec and a `RunReference`, which says what
the stages before it found, and returns it with what it adds; in place of the reference each takes its JSON document
too (`RunReference.to_json`), which is what Airflow hands on. Each stage is idempotent: its artifact lies under a key
made of what it read, is written atomically, and is found the next time.

`log` takes lines; without it, lines go to standard error, and a bar shows progress on a terminal.
"""

from __future__ import annotations

from ig_tasks.pipeline.compute_stages import build_baseline, compute_attributions
from ig_tasks.pipeline.deferred_stage import submit_attributions, withdraw_attributions
from ig_tasks.pipeline.model_stage import load_model, load_planned
from ig_tasks.pipeline.report_stages import publish_report, validate
from ig_tasks.pipeline.stage_workers import Log, to_stderr
from ig_tasks.pipeline.whole_run import run
from ig_tasks.stages.run_reference import RunReference

__all__ = [
    "STAGES",
    "Log",
    "RunReference",
    "build_baseline",
    "compute_attributions",
    "load_model",
    "load_planned",
    "publish_report",
    "run",
    "submit_attributions",
    "to_stderr",
    "validate",
    "withdraw_attributions",
]

STAGES = ("load_model", "build_baseline", "compute_attributions", "validate", "publish_report")
