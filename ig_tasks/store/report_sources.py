"""The parts of a report that say what was explained: model, data, baseline, targets, settings."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ig_tasks.store.report_values import Count, Figure, Free, Part, Value, plain


class ModelInfo(Part):
    """The model that was explained, as its package's card says."""

    uri: str
    framework: str
    """torch or tensorflow."""
    digest: str
    version: str
    owner: str
    name: str = ""
    intended_use: str = ""
    figures: Free = Field(default_factory=dict)
    """Figures of the card, such as the test AUC, by name."""
    served_uri: str = ""
    """The artifact that is served, where the model was compared with it."""
    served_digest: str = ""


class UnknownCategory(Part):
    """A category outside the model's vocabulary."""

    category: str
    count: Count
    """How often it was there."""
    known: str | None = None
    """The known category that is spelled nearly so; null where there is no such one."""


class UnknownInfo(Part):
    """How much of one feature the model does not know: it takes such categories, and nulls, for its unknown."""

    feature: str
    cells: Count
    """Categories looked at: one per row, or as many as a bag or a text holds."""
    unknown: Count
    """Categories outside the vocabulary."""
    missing: Count
    """Nulls."""
    share: Figure
    """unknown and missing, divided by cells."""
    baseline_share: Figure = None
    """The same of the baseline's data; null where that is not known, or is of the run's own rows."""
    at_most: Figure = None
    """The share that passes the check `unknown`."""
    categories: tuple[UnknownCategory, ...] = ()
    """The most frequent unknown ones."""


class DataInfo(Part):
    """The rows: how many there were, and what became of each.

    rows_read = rows_explained + rows_quarantined; rows_unconverged and rows_unverified are among the explained.
    """

    uri: str
    digest: str
    rows_available: Count | None
    """Rows of the partition; null where they were not counted."""
    rows_read: Count
    rows_explained: Count
    rows_unconverged: Count
    rows_quarantined: Count
    quarantine_reasons: Annotated[dict[str, Count], BeforeValidator(plain)]
    """Rows by the reason why they could not be explained."""
    not_read: str = ""
    """Why fewer rows were read than there were, in words; empty when all were."""
    partition_column: str = ""
    unknown: tuple[UnknownInfo, ...] = ()
    """Features with categories that the model does not know; empty where every category is known."""
    rows_unverified: Count = 0
    """Rows that add up, of a rule without an error estimate: neither converged nor unconverged."""


class BaselineValue(Part):
    """What the baseline holds for one feature."""

    feature: str
    value: Value
    """A number, or words such as `frequency-weighted mean embedding`."""


class BaselineObjection(Part):
    """What speaks against the baseline, found in the run's own rows."""

    kind: str
    """common: rows are identical to it; sure: its output is far from neutral; small: many rows' outputs hardly differ
    from it; outside: no row of the data lies there."""
    words: str


class BaselineInfo(Part):
    """The point of comparison: attributions explain the difference from the model's output here."""

    strategy: str
    digest: str
    output: Figure
    """Model output at the baseline, of the first target."""
    output_probability: Figure = None
    """The probability that `output` says, where log-odds are explained: its sigmoid; else null."""
    outputs: Annotated[dict[str, Figure], BeforeValidator(plain)] = Field(default_factory=dict)
    """Model output at the baseline by target, where there are several."""
    partition: str = ""
    rows: Count | None = None
    """Rows it was fitted on."""
    baselines: Count = 1
    """How many there are; attributions are averaged over them."""
    definition: str = ""
    """Of `reference_population` who belongs to it: `rows` do, `baselines` of them were drawn, `digest` is theirs."""
    segment: str = ""
    """Column by whose levels it differs; `output` is null where it differs between rows."""
    unseen_rows: Count = 0
    """Rows of levels that it was not fitted for: they have the overall baseline."""
    values: tuple[BaselineValue, ...] = ()
    objections: tuple[BaselineObjection, ...] = ()
    """Empty where nothing speaks against it; absent in reports made before it was looked at."""


class TargetInfo(Part):
    """An output that was explained."""

    name: str
    space: str
    """In what units: logit, probability, log_probability, raw, ..."""
    description: str = ""
    mean_output: Figure = None
    """Mean of the model's output over the explained rows."""
    explained: str = ""
    """What the number is, in sentences for people who decide by it."""
    threshold: Figure = None
    """Where a decision falls, as the model package states it: in (calibrated) probability where there is one."""
    threshold_output: Figure = None
    """The same in the space explained; null where it is not one number there."""
    margin: str = ""
    """What the distance to the threshold is, in words."""
    calibration: Free = Field(default_factory=dict)
    """method, of (the space that it is applied to), description, piecewise_linear; empty without calibration."""


class AttributionInfo(Part):
    """How the attributions were computed."""

    method: str
    integrator: str
    tolerance: Figure
    """Relative tolerance asked for, of each row."""
    evaluations_per_row: Figure
    """Gradient evaluations, mean over rows."""
    seed: int | None
    absolute_tolerance: Figure = None
    max_evaluations: Count | None = None
    precision: str = ""
    options: Free = Field(default_factory=dict)
    """The method's parameters that the spec gives; empty: the method's own."""


class FeatureInfo(Part):
    """How to present a feature."""

    name: str
    label: str = ""
    """What people call it; empty: the name."""
    group: str | None = None
    kind: str = ""
    """numeric or categorical."""
    description: str = ""


class SegmentInfo(Part):
    """A column by which the rows were divided."""

    column: str
    levels: Count
    """Levels in the data; the report may hold fewer."""
    label: str = ""


class OverrideInfo(Part):
    """A setting of an ad-hoc run that is not the spec's own."""

    field: str
    """As in the spec, dotted: `data.sample`."""
    spec: Annotated[Any, BeforeValidator(plain)] = None
    """The spec's own value; null where it has none."""
    run: Annotated[Any, BeforeValidator(plain)] = None
    """What this run was given."""
