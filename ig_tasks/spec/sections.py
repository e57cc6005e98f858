"""The sections of a spec, one class each. A short form (a string) stands for the section's main field."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from ig_tasks.spec.cron import check_cron
from ig_tasks.spec.fields import Column, Columns, Section, as_tuple
from ig_tasks.spec.uris import Prose, Uri

_MEBIBYTE = 1 << 20

_BFLOAT16_TOLERANCE = 0.01
"""Numbers in bfloat16 are rounded to 0.4 %: what is to be more exact than a few roundings is never certified."""

Integrator = Literal[
    "auto", "adaptive", "secant", "exact",
    "gauss_legendre", "clenshaw_curtis", "midpoint", "trapezoid", "left", "right",
]  # fmt: skip


Method = Literal[
    "integrated_gradients", "expected_gradients", "weighted_baselines", "guided", "blur", "idgi", "noise_averaged",
    "saliency", "gradient_x_input", "through_units",
]  # fmt: skip


class Origin(Section):
    """Where a spec was read: its file, and the folder whose code runs without `trust`."""

    file: str
    trusted_root: str


class ScheduleSpec(Section):
    """When the DAG runs: a cron expression, with the partition each run is for, or assets it waits for."""

    cron: Annotated[
        str | None, AfterValidator(check_cron), Field(description="five cron fields, or @daily, @weekly, @monthly")
    ] = None
    partition: Annotated[str | None, Field(description="strftime format of the partition's key, e.g. %Y-%m")] = None
    offset: Annotated[int, Field(description="which period a run is for: -1 is the one before its date")] = 0
    start: date | None = None
    end: date | None = None
    assets: Annotated[tuple[Uri, ...], BeforeValidator(as_tuple)] = ()

    @model_validator(mode="after")
    def _one_trigger(self) -> ScheduleSpec:
        if bool(self.cron) == bool(self.assets):
            raise ValueError("give either cron or assets")
        if self.start and self.end and self.end < self.start:
            raise ValueError("end lies before start")
        if self.partition is not None:
            _check_format(self.partition)
        return self


def _check_format(text: str) -> None:
    """A format whose keys do not tell dates apart, or are no partition, would be found out by the first run only."""
    moments = (datetime(2013, 1, 6, 3, 10, 20, tzinfo=UTC), datetime(2014, 12, 23, 19, 50, 40, tzinfo=UTC))
    keys = {moment.strftime(text) for moment in moments}
    if len(keys) < 2 or not all(key.isprintable() and key.strip(" .") for key in keys):
        raise ValueError(f"partition {text!r} gives the same key to every date; write a format such as %Y-%m")


Trust = Annotated[
    str | None,
    Field(
        pattern=r"^sha256:[0-9a-f]{64}$",
        description="digest of a package from outside the project whose code may run",
    ),
]


class ServedSpec(Section):
    """The artifact that is served: its outputs are compared with those of the model that is explained."""

    uri: Uri
    target: Annotated[
        str | int | None, Field(description="left out: the target of the same name, else its only one")
    ] = None
    trust: Trust = None


def _as_served(value: Any) -> Any:
    """A string stands for `{uri: string}`."""
    return {"uri": value} if isinstance(value, str) else value


class ModelSpec(Section):
    """The model package, and which of its outputs is explained in which space."""

    uri: Uri
    target: str | int | None = None
    space: Annotated[
        Uri | None,
        Field(description="logit, probability, calibrated, margin or loss; left out: the target's own"),
    ] = None
    trust: Trust = None
    served: Annotated[ServedSpec | None, BeforeValidator(_as_served)] = None


RowIds = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(as_tuple)]


class DataSpec(Section):
    """The rows to explain: Parquet files, in hive partitions if `partition` names their column."""

    uri: Uri
    partition: Column | None = None
    id: Column | None = None
    segments: Columns = ()
    prediction: Annotated[Column | None, Field(description="column with the served model's output, for parity")] = None
    sample: Annotated[PositiveInt | None, Field(description="explain this many rows, spread evenly over all")] = None
    rows: Annotated[
        RowIds, Field(max_length=1_000, description="explain these rows alone, by their ids; not with `sample`")
    ] = ()
    cluster: Annotated[
        Column | None,
        Field(description="such as day or customer: rows of one are not independent; intervals and drift allow for it"),
    ] = None
    label: Annotated[
        Column | None,
        Field(description="column with the outcome, missing where it is not known yet; never an input of the model"),
    ] = None

    @model_validator(mode="after")
    def _check_one_choice(self) -> DataSpec:
        if self.rows and self.sample is not None:
            raise ValueError("give either rows or sample")
        return self


def _as_bytes(value: Any) -> Any:
    """Whoever writes 256 or 4GB means another unit than the one that is read."""
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MEBIBYTE):
        raise ValueError(f"{value!r} is not a number of bytes of a MiB or more; write such as 268435456 for 256 MiB")
    return value


class AttributionSpec(Section):
    """How attributions are computed, and how exactly."""

    method: Method = "integrated_gradients"
    options: Annotated[
        dict[str, Any], Field(description="parameters of the method, in its paper's terms, such as `steps` of guided")
    ] = Field(default_factory=dict)
    integrator: Integrator = "auto"
    steps: PositiveInt | None = None
    tolerance: Annotated[PositiveFloat, Field(lt=1.0)] = 0.01
    absolute_tolerance: NonNegativeFloat = 0.0
    max_evaluations: Annotated[int, Field(ge=5)] = 4097
    precision: Literal["model", "float64", "bfloat16"] = "model"
    memory_limit: Annotated[
        PositiveInt | None,
        BeforeValidator(_as_bytes),
        Field(description="bytes the engine may use for its batches"),
    ] = None
    seed: Annotated[int, Field(ge=0)] = 0

    @property
    def chosen(self) -> dict[str, Any]:
        """The method and its parameters as the engine takes them."""
        return {"name": self.method, **self.options}

    @property
    def engine_settings(self) -> dict[str, Any]:
        """Everything else."""
        return self.model_dump(exclude={"method", "options"})

    @property
    def document(self) -> dict[str, Any]:
        """What decides the numbers; options that are not given leave the keys of earlier runs as they are."""
        return self.model_dump(mode="json", exclude=set() if self.options else {"options"})

    @model_validator(mode="after")
    def _precise_enough(self) -> AttributionSpec:
        if self.precision == "bfloat16" and self.tolerance < _BFLOAT16_TOLERANCE and not self.absolute_tolerance:
            raise ValueError(
                f"precision 'bfloat16' is too coarse for a tolerance of {self.tolerance:g}; write tolerance: "
                f"{_BFLOAT16_TOLERANCE:g} or more, or precision: model or float64"
            )
        return self


class ComputeSpec(Section):
    """Where the work is done: workers that the run starts, or those of an existing Dask scheduler."""

    workers: NonNegativeInt | Literal["auto"] = "auto"
    shard_rows: PositiveInt = 16384
    pool: Prose = "ig_compute"
    resources: dict[Uri, PositiveFloat] = Field(default_factory=dict)
    address: Annotated[Uri | None, Field(description="an existing scheduler, tcp://host:8786")] = None
    connection: Annotated[Uri | None, Field(description="Airflow connection of type dask")] = None
    worker_timeout: Annotated[PositiveFloat, Field(description="seconds to wait for the first worker")] = 60.0
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    deferrable: Annotated[
        bool | None,
        Field(description="Airflow waits for an existing scheduler without a slot; left out: as Airflow is configured"),
    ] = None
    shard_timeout: PositiveFloat | Literal["auto"] = "auto"

    @model_validator(mode="after")
    def _one_cluster(self) -> ComputeSpec:
        if self.address and self.connection:
            raise ValueError("give either address or connection")
        if self.workers == 0 and (self.address or self.connection):
            raise ValueError("workers: 0 computes in the process of the run; leave out address and connection")
        return self

    def with_workers(self, workers: int) -> ComputeSpec:
        """The same with this number of workers; `workers: 0` stays as it is."""
        return self if self.workers == 0 else self.model_copy(update={"workers": workers})


class ReportSpec(Section):
    """What the report shows."""

    examples: Annotated[int, Field(ge=0, le=50)] = 5
    keep_inputs: bool = True


class FeatureSpec(Section):
    """How a feature is called in the report, and to which group it belongs."""

    label: Prose | None = None
    group: Prose | None = None
    description: Prose | None = None
    expected_sign: Annotated[
        Literal["+", "-"] | None, Field(description="whether higher values should raise or lower the output")
    ] = None
    follows_partition: Annotated[
        bool, Field(description="its values change with the partition by their nature: drift notes it without an alarm")
    ] = False
