"""The parts of a report that say what came out: importance, checks, verdicts, single rows, distributions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from ig_tasks.store.report_values import Count, Figure, Part, Value, plain


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
    """Standard deviation of the population."""
    median: Figure
    """Exact of up to 2048 different values (segments: 1024); of more read from cells of values, with the right sign."""
    mean_square: Figure
    abs_mean_ci: tuple[Figure, Figure]
    """95 % confidence interval of abs_mean: low, high."""
    rank: Count
    """By abs_mean within (target, segment); 1 is the greatest."""
    rank_ci: tuple[Count, Count]
    """Ranks that the feature may have, jointly for all features: best, worst."""
    segment_column: str | None = None
    segment_level: str | None = None
    interval_of: Literal["rows", "clusters"] = "rows"
    """What both intervals take to be independent: rows, or clusters of rows (`data.cluster`)."""
    clusters: Count | None = None
    """Clusters that the intervals are made of; null: of rows."""


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
    """Standard deviation of the population."""
    median: Figure
    """Exact of up to 2048 different values (segments: 1024); of more read from cells of values, with the right sign."""
    mean_square: Figure
    abs_mean_ci: tuple[Figure, Figure]
    """95 % confidence interval of abs_mean: low, high."""
    rank: Count
    """By abs_mean among the groups; 1 is the greatest."""
    rank_ci: tuple[Count, Count]
    """Ranks that the group may have, jointly for all groups: best, worst."""
    interval_of: Literal["rows", "clusters"] = "rows"
    """What both intervals take to be independent: rows, or clusters of rows (`data.cluster`)."""
    clusters: Count | None = None
    """Clusters that the intervals are made of; null: of rows."""


class Outlier(Part):
    """A feature, or a group of features, of whose importance one row has a great part."""

    target: str
    feature: str
    """The feature's name; the group's where `group` is given."""
    row_id: str
    attribution: Figure
    """The attribution in this row."""
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
    """Empty: all of them."""
    verdict: str
    """ignored, dominant, value_driven, value_gained, against_sign, redundant, opposing, unstable, low_data; with
    outcomes also unused, harmful."""
    why: str
    """One sentence."""
    target: str = ""
    figure: Figure = None
    """What was found, and the threshold that it passed."""
    threshold: Figure = None
    severity: str = "note"
    """note, warning or critical, by the spec."""
    other: str | None = None
    """The second feature of a verdict on two."""
    remedy: str = ""
    auc: Figure = None
    """For a dominant feature: how well its attribution alone orders outcomes, where they are known."""
    model_auc: Figure = None
    """How well the model orders them."""


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
    """The value below which a share `q` of the rows lies."""

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
    trimmed_abs_mean: Figure = None
    """Mean |attribution| without the hundredth of the rows in which it is greatest; null below 100 rows."""
    tail_share: Figure = None
    """Share of the sum of |attributions| that this hundredth has, 0 to 1."""
