"""The few settings that a single run may change, in Airflow's trigger form or in a run's conf."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from airflow.sdk import Param

from ig_tasks.errors import SpecError, suggest
from ig_tasks.orchestration.partition_choices import PATTERN, partitions_at
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.baseline import NEED_OPTIONS, STRATEGIES

__all__ = ["NAMES", "effective_spec", "params"]

NAMES = ("partition", "sample", "tolerance", "baseline")
_AD_HOC = "Another value than the spec's makes an ad-hoc run: a report of its own, which never becomes the latest."


def params(spec: ExplanationSpec) -> dict[str, Param]:
    """The Params of a spec's DAG, all null by default, which means: as in the spec.

    Data without partitions have no Param for one. The model, its trust, the store and the compute settings are
    deliberately not among them: the spec decides what runs and where it writes, never a form.
    """
    own = spec.baseline
    # A form has no field for a strategy's options: those that need some are offered as the spec has them.
    without = [name for name in NEED_OPTIONS if name != own.strategy] + ([] if own.uri else ["table"])
    strategies = [name for name in STRATEGIES if name not in without]
    sample = f"{spec.data.sample:,} rows, as in the spec" if spec.data.sample else "all rows"
    made = {
        "sample": Param(
            None,
            type=["null", "integer"],
            title="Sample",
            description=f"Explain this many rows, spread evenly over all. Empty: {sample}. {_AD_HOC}",
            minimum=1,
        ),
        "tolerance": Param(
            None,
            type=["null", "number"],
            title="Tolerance",
            description=(
                f"Relative error allowed in each row. Empty: {spec.attribution.tolerance:g}, as in the spec. {_AD_HOC}"
            ),
            exclusiveMinimum=0,
            exclusiveMaximum=1,
        ),
        "baseline": Param(
            None,
            type=["null", "string"],
            title="Baseline",
            description=f"Strategy by which the baseline is fitted. {_AD_HOC}",
            enum=[None, *strategies],
            values_display={"null": f"as in the spec ({own.strategy})"},
        ),
    }
    key = spec.data.partition
    return {"partition": _partition(spec, key), **made} if key else made


def _partition(spec: ExplanationSpec, key: str) -> Param:
    there = partitions_at(spec.data.uri, key)
    # Airflow shows a list to choose from, and takes other text.
    offered: dict[str, Any] = {"examples": [*there, "all"]} if there else {}
    return Param(
        None,
        type=["null", "string"],
        title="Partition",
        description=(
            "One value such as 2013-10, a range 2013-01..2013-09, or all. "
            f"Empty: the run's partition key, else {spec.partition or 'all'}. "
            "For one partition rather fill in Airflow's own Partition Key, under Advanced Options: the list of runs "
            "shows that. If both are given, this one counts."
        ),
        pattern=PATTERN,
        **offered,
    )


def effective_spec(
    spec: ExplanationSpec, context: Mapping[str, Any], *, conf_keys: Collection[str] | None = None
) -> ExplanationSpec:
    """The spec of one run: what its Params say, its partition key, then the spec itself.

    Args:
        context: Airflow's context of the task.
        conf_keys: the keys that the run's conf may hold; None: any, since the DAG is someone else's.

    Raises:
        SpecError: for an unknown key in the run's conf, or a value out of range.
    """
    run = context.get("dag_run")
    if conf_keys is not None:
        for key in getattr(run, "conf", None) or {}:
            if key == "partition" and key not in conf_keys:
                raise SpecError(
                    "conf: partition: the data have no partitions; leave it out, or name their key in data.partition"
                )
            if key not in conf_keys:
                hint = suggest(str(key), conf_keys, noun="keys")
                raise SpecError(f"conf: {key}: no such key{hint}; change anything else in the spec")
    given = context.get("params") or {}
    values = {name: given.get(name) for name in NAMES}
    values["partition"] = values["partition"] or context.get("partition_key") or getattr(run, "partition_key", None)
    return spec.with_overrides(**values)
