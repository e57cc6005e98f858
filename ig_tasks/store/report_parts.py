"""What a report is made of; `ig_tasks.store.report` puts the parts together.

The models are frozen, take numpy scalars, turn non-finite numbers into null, and ignore keys they do not know:
minor versions of the format only add keys, so an old reader reads a new report. Keys of the first version have
no default and are always there; keys with a default may be absent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: numpy scalars and arrays unpacked, non-finite numbers None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


Figure = Annotated[float | None, BeforeValidator(plain)]
"""A number; null where it is not finite or not known."""
Count = Annotated[int, BeforeValidator(plain), Field(ge=0)]
Value = Annotated[bool | int | float | str | None, BeforeValidator(plain)]
"""What a column held: a number, a category, or null where it was missing."""
Free = Annotated[dict[str, Any], BeforeValidator(plain)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null", use_attribute_docstrings=True)


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
    """Categories looked at: one a row, or as many as a bag or a text holds."""
    unknown: Count
    """Of them outside the vocabulary."""
    missing: Count
    """Of them nulls."""
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
    """Features that hold categories which the model does not know; empty where there are none."""
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
    """method, of (the space that it is applied to), description, piecewise_linear; empty where there is none."""


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


class Completeness(Part):
    """Whether the attributions of a row add up to output minus baseline output.

    The relative delta of a row is |delta| / max(|output - baseline output|, 0.1 x sum of |attributions|).
    """

    max_relative_delta: Figure
    mean_relative_delta: Figure
    converged_fraction: Figure
    """Share of the explained rows, 0 to 1, with status `converged`."""


class Importance(Part):
    """Statistics of one feature's attributions over the rows of one segment; in the target's units."""

    target: str
    segment: str | None
    """null: all rows; else `column=level`."""
    feature: str
    group: str | None
    rows: Count
    mean: Figure
    abs_mean: Figure
    std_dev: Figure
    """Of the population."""
    median: Figure
    mean_square: Figure
    abs_mean_ci: tuple[Figure, Figure]
    """95 % confidence interval of abs_mean: low, high."""
    rank: Count
    """By abs_mean within (target, segment); 1 is the greatest."""
    rank_ci: tuple[Count, Count]
    """Ranks that the feature may have, jointly for all features: best, worst."""
    segment_column: str | None = None
    segment_level: str | None = None


class GroupImportance(Part):
    """Statistics of the contributions of a group of features over all rows; in the target's units.

    A group's contribution to a row is the sum of its features' attributions there.
    """

    target: str
    group: str
    features: tuple[str, ...]
    """The features that are summed."""
    rows: Count
    mean: Figure
    abs_mean: Figure
    std_dev: Figure
    """Of the population."""
    median: Figure
    mean_square: Figure
    abs_mean_ci: tuple[Figure, Figure]
    """95 % confidence interval of abs_mean: low, high."""
    rank: Count
    """By abs_mean among the groups; 1 is the greatest."""
    rank_ci: tuple[Count, Count]
    """Ranks that the group may have, jointly for all groups: best, worst."""


class Outlier(Part):
    """A feature, or a group of features, of whose importance one row has a great part."""

    target: str
    feature: str
    """The feature's name; the group's where `group` is given."""
    row_id: str
    attribution: Figure
    """Of this row."""
    share: Figure
    """Its |attribution| as a share of the sum over all rows, 0 to 1."""
    abs_mean_without: Figure
    """The mean |attribution| of all other rows."""
    segment_column: str | None = None
    """The importance is that within one segment, `segment_level` of this column; null: over all rows."""
    segment_level: str | None = None
    group: str | None = None
    """The group whose contributions are meant; null: a feature's attributions."""


class Check(Part):
    """One check of the run, and what came of it."""

    name: str
    severity: Literal["critical", "warning"]
    success: bool
    observed: Value
    expected: Value
    """In words (`at least 0.99`), or a number."""
    description: str = ""
    """What was checked, in a sentence."""
    remedy: str = ""
    """What to do when it fails."""


class Verdict(Part):
    """What validation says of one feature."""

    feature: str
    verdict: str
    why: str


class FeatureInfo(Part):
    """How to present a feature."""

    name: str
    label: str = ""
    """What people call it; empty: the name."""
    group: str | None = None
    kind: str = ""
    """numeric or categorical."""
    description: str = ""


class Contribution(Part):
    """One feature's part in one row."""

    feature: str
    value: Value
    """What the row held; null where inputs are not kept or the value was missing."""
    attribution: Figure


class Word(Part):
    """A token of a text, or a category of a bag."""

    text: str
    attribution: Figure


class Passage(Part):
    """What a row held of one input of texts or bags, token by token."""

    input: str
    words: tuple[Word, ...]
    feature: str = ""
    """The feature that the words add up to; empty: not said."""


class Heatmap(Part):
    """The attributions of one image's cells, as they lie in it."""

    input: str
    rows: tuple[tuple[Figure, ...], ...]


class Example(Part):
    """One row explained."""

    row_id: str
    target: str
    output: Figure
    baseline_output: Figure
    convergence_delta: Figure
    status: str
    """converged, unverified, max_evaluations or not_finite."""
    contributions: tuple[Contribution, ...]
    chosen: str = ""
    """Why this row is shown, e.g. `highest output`."""
    tokens: tuple[Passage, ...] = ()
    """Texts and bags, where inputs are kept."""
    heatmaps: tuple[Heatmap, ...] = ()
    """Images that are explained in a grid."""
    margin: Figure = None
    """The output less the decision threshold in the space explained; null without a threshold there."""
    output_probability: Figure = None
    """The probability that the output says, where log-odds are explained: its sigmoid; else null."""
    baseline_probability: Figure = None
    """The same of `baseline_output`."""
    margin_words: str = ""
    """`0.12 above the threshold 0.40`."""


class Quantile(Part):
    q: Annotated[float, BeforeValidator(plain), Field(ge=0, le=1)]
    value: Figure


class Histogram(Part):
    """Counts between neighbouring edges: one edge more than counts."""

    edges: Annotated[tuple[float, ...], BeforeValidator(plain)]
    counts: Annotated[tuple[Count, ...], BeforeValidator(plain)]


class Distribution(Part):
    """How one feature's attributions are spread over all rows."""

    target: str
    feature: str
    quantiles: tuple[Quantile, ...]
    histogram: Histogram | None = None


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
