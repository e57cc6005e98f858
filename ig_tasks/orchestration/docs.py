"""What the Airflow UI says of a DAG and its tasks, in Markdown."""

from __future__ import annotations

import html
import re

from ig_tasks.spec import ExplanationSpec

__all__ = ["TASKS", "dag_page", "plain"]

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>:])")

TASKS = {
    "load_model": "Resolves the model package, digests it, and has one worker load it and try it on a few rows.",
    "build_baseline": "Fits the baseline on its own part of the data, once: later runs use the same one.",
    "compute_attributions": (
        "Integrated Gradients for every row, shard by shard on Dask workers, then the statistics of all. "
        "Shards that are done stay done: a task that was killed continues where it stopped."
    ),
    "validate": (
        "Checks completeness, convergence, quarantined rows and parity with the stored prediction. "
        "If a critical check fails the report is withheld and the task fails without a retry."
    ),
    "publish_report": (
        "Writes the report, moves `latest.json`, and updates the Asset that other DAGs may wait for. "
        "The report of an ad-hoc run is written and leaves both alone."
    ),
    "register_reference": (
        "Registers the published report as the launch report where the run's Param `register_new_reference` asks for "
        "it, as `ig-tasks launch` does; else it is skipped."
    ),
}

_POOL = (
    "**Pool.** The tasks that start Dask workers wait for a slot of the pool {pool}. Airflow starts none of them "
    'while that pool does not exist: `airflow pools set <pool> 1 "Dask workers of ig-tasks"` makes it, with as '
    "many slots as explanations may compute at the same time."
)
_BY_HAND = (
    "**One run by hand.** *Trigger* asks for {asked}; empty means as in the spec. A sample, a tolerance or a "
    "baseline makes an ad-hoc run, whose report never becomes the latest. To change anything else, edit the spec. "
    "Two switches say what becomes of the result: whether a withheld report fails the run, and whether the published "
    "one becomes the launch report."
)
_WAITING = (
    '**A DAG that waits for these reports** has `schedule=on_reports("{name}")`, from `ig_tasks.orchestration`. A '
    'plain `schedule=[Asset("ig://{name}")]` never starts: Airflow does not pass events with a partition to such DAGs.'
)
_BACKFILL = (
    "**Many partitions.** `airflow backfill create --dag-id {dag_id} --from-date <first day> --to-date <last day> "
    "--max-active-runs 1` makes one report for each period between."
)


def dag_page(spec: ExplanationSpec) -> str:
    """The page of a spec's DAG. Everything that comes from the spec is shown as plain text."""
    target = "the model's only output" if spec.model.target is None else str(spec.model.target)
    baseline = spec.baseline.strategy + (f" on {spec.baseline.partition}" if spec.baseline.partition else "")
    rows = [
        ("Model", spec.model.uri),
        ("Output explained", target + (f" ({spec.model.space})" if spec.model.space else "")),
        ("Data", spec.data.uri + (f", partitions by {spec.data.partition}" if spec.data.partition else "")),
        ("Baseline", baseline),
        ("Tolerance", f"{spec.attribution.tolerance:g} of each row's attributions"),
        ("Schedule", _schedule(spec)),
        ("Owner", spec.owner or "not named"),
        ("Reports", f"{spec.store_uri()}/{spec.name}"),
    ]
    table = "\n".join(f"| {name} | {plain(value)} |" for name, value in rows)
    lines = [plain(spec.description or f"Feature importance of {spec.name}"), "", "| | |", "|---|---|", table]
    choices = f"{'a partition, ' * bool(spec.data.partition)}a sample, a tolerance and a baseline strategy"
    if spec.features:
        labelled = ", ".join(plain(item.label or name) for name, item in spec.features.items())
        lines += ["", f"Features with a label of their own: {labelled}"]
    lines += ["", _POOL.format(pool=plain(spec.compute.pool)), "", _BY_HAND.format(asked=choices)]
    lines += ["", _WAITING.format(name=spec.name)]
    if spec.schedule and spec.schedule.partition:
        lines += ["", _BACKFILL.format(dag_id=f"ig_{spec.name}")]
    return "\n".join(lines) + "\n"


def _schedule(spec: ExplanationSpec) -> str:
    schedule = spec.schedule
    if schedule is None:
        return "none: triggered by hand or through the API"
    if schedule.assets:
        return "when updated: " + ", ".join(schedule.assets)
    text = f"{schedule.cron} (UTC)"
    if schedule.partition:
        text += f", for partition {schedule.partition}"
        periods = abs(schedule.offset)
        side = "before" if schedule.offset < 0 else "after"
        text += f" of {periods} period{'s' * (periods != 1)} {side}" * bool(periods)
    if schedule.start or schedule.end:
        text += f", from {schedule.start or 'ever'} to {schedule.end or 'ever'}"
    return text


def plain(text: str) -> str:
    """`text` as Markdown that shows just these characters: no links, no HTML, one line."""
    return _MARKS.sub(r"\\\1", html.escape(" ".join(str(text).split()), quote=False))
