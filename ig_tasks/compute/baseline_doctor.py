"""The baseline doctor over a spec: some hundred rows of its data, its own baseline among the candidates."""

from __future__ import annotations

from typing import Any

from ig_tasks.baselines.doctor import Judgement, judge_baselines
from ig_tasks.baselines.table import baseline_of_table
from ig_tasks.compute.planning import RunPlan, baseline_files
from ig_tasks.data.dataset import DataFile, Dataset
from ig_tasks.data.shards import plan_shards, read_shard

__all__ = ["judge_spec"]

_ROWS = 300
_FITTED = 2000
"""Rows that candidates are fitted on here; a run fits its baseline on all of them."""


def judge_spec(plan: RunPlan) -> Judgement:
    """Judge a spec's baseline beside others, on rows spread evenly over the run's data.

    Raises:
        UserError: if the model cannot be loaded or explained.
    """
    asked, package = plan.spec.baseline, plan.package
    columns = list(dict.fromkeys([*package.columns, *([asked.segment] if asked.segment else [])]))
    rows = _sample(plan.dataset, plan.files, columns, _ROWS)
    own: Any = asked
    reference = rows
    if asked.strategy == "table":
        own = baseline_of_table(str(asked.uri), package.config.inputs)
    else:
        dataset, files = baseline_files(plan.spec, plan.dataset)
        reference = _sample(dataset, files, columns, _FITTED)
    candidates: dict[str, Any] = {asked.strategy: own}
    for name in ("auto", "mean", "mode", "zero"):
        candidates.setdefault(name, name)
    model = plan.spec.model
    return judge_baselines(
        package.load(), rows, baselines=candidates, reference=reference, target=model.target, space=model.space
    )


def _sample(dataset: Dataset, files: Any, columns: list[str], rows: int) -> Any:
    held: list[DataFile] = [file for file in files if file.rows]
    (shard, *_) = plan_shards(dataset, held, rows, sample=rows)
    return read_shard(shard, columns)
