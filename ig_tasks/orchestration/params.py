"""The few settings that a single run may change, in Airflow's trigger form or in a run's conf."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from airflow.sdk import Param

from ig_tasks.errors import SpecError, suggest
from ig_tasks.orchestration.partition_choices import PATTERN, partitions_at
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.baseline import NEED_OPTIONS, STRATEGIES

__all__ = ["CHOICES", "NAMES", "RunChoices", "effective_spec", "params", "run_choices"]

NAMES = ("partition", "sample", "tolerance", "baseline")
"""Settings of the spec that one run may have otherwise."""

CHOICES = ("fail_on_violation", "register_new_reference")
"""What becomes of one run's result; none of them changes a number."""

_AD_HOC = "Another value than the spec's makes an ad-hoc run: a report of its own, which never becomes the latest."


def params(spec: ExplanationSpec) -> dict[str, Param]:
    """The Params of a spec's DAG. The settings are null by default, which means: as in the spec.

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
        "fail_on_violation": Param(
            True,
            type="boolean",
            title="Fail on violation",
            description=(
                "A critical check that fails withholds the report, and the run fails. Off: the report is withheld all "
                "the same, but the run does not fail: validate and what follows are skipped."
            ),
        ),
        "register_new_reference": Param(
            False,
            type="boolean",
            title="Register as the launch report",
            description=(
                "Register the report, once it is published, as the one with which the model was launched. Specs with "
                "drift.reference: launch are compared with it from then on. Not for ad-hoc runs."
            ),
        ),
    }
    key = spec.data.partition
    return {"partition": _partition(spec, key), **made} if key else made


def _partition(spec: ExplanationSpec, key: str) -> Param:
    partitions = partitions_at(spec.data.uri, key)
    # Airflow shows a list to choose from, and takes other text.
    offered: dict[str, Any] = {"examples": [*partitions, "all"]} if partitions else {}
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
    params = context.get("params") or {}
    values = {name: params.get(name) for name in NAMES}
    values["partition"] = values["partition"] or context.get("partition_key") or getattr(run, "partition_key", None)
    return spec.with_overrides(**values)


@dataclass(frozen=True)
class RunChoices:
    """What becomes of one run's result.

    Attributes:
        fail_on_violation: a report that is withheld fails the run; else the run goes on without one.
        register_new_reference: the published report becomes the launch report.
    """

    fail_on_violation: bool = True
    register_new_reference: bool = False


def run_choices(spec: ExplanationSpec, context: Mapping[str, Any]) -> RunChoices:
    """What the run's Params say of its result; the usual choices where a DAG has no such Params.

    Args:
        spec: of this run, as `effective_spec` returns it.
        context: Airflow's context of the task.

    Raises:
        SpecError: for a value that is neither true nor false, or an ad-hoc run that is to become the reference.
    """
    params = context.get("params") or {}
    values: dict[str, bool] = {}
    for name in CHOICES:
        value = params.get(name)
        if isinstance(value, bool):
            values[name] = value
        elif value is not None:
            raise SpecError(f"conf: {name}: {value!r} is neither true nor false; write one of them")
    choices = RunChoices(**values)
    if choices.register_new_reference and not spec.official:
        fields = ", ".join(override.field for override in spec.overrides)
        raise SpecError(
            f"conf: register_new_reference: the run is ad-hoc ({fields}), and only a report of the spec's own settings "
            "can be the launch report; leave out one or the other"
        )
    return choices
