"""What a comparison of two reports is made of: `ig-tasks diff --json`, `ig_tasks.compare` and `report.json`'s drift.

`importance` is the mean |attribution| of a feature over the rows of a period. Parts of a change are told relative to
the mean of the importance before and after, so that they add up, and a feature that dies has -2.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ig_tasks.store.report_values import Count, Figure, Part, Value

__all__ = [
    "DRIFT_VERSION",
    "ComparedRun",
    "Drift",
    "DriftIndices",
    "Effect",
    "FeatureDrift",
    "InputDrift",
    "PartOfChange",
]

DRIFT_VERSION = "1.0"

State = Literal["changed", "unchanged", "undetermined", "small", "cancelled"]
Cause = Literal["model", "data", "own", "others", "baseline", "model or data", "baseline or data"]


class ComparedRun(Part):
    """One side of a comparison."""

    name: str
    run_id: str
    partition: str
    rows: Count
    """Rows explained."""
    uri: str = ""
    model_digest: str = ""
    baseline_digest: str = ""
    clusters: Count = 0
    """Independent clusters of rows; 0 where each row stands for itself."""


class PartOfChange(Part):
    """One part of a change, relative to the mean of the importance before and after."""

    value: Figure
    se: Figure
    """Its standard error; null where it is not known."""


class Effect(Part):
    """What moving one feature's values does to the importance of another."""

    feature: str
    effect: Figure


class InputDrift(Part):
    """How far the feature's own values moved between the two periods.

    wasserstein: of numbers, over their pooled standard deviation; jensen_shannon: of categories, in bits, and of
    numbers by cell; psi: the population stability index, a figure for those who are used to it and no rule.
    """

    wasserstein: Figure = None
    jensen_shannon: Figure = None
    psi: Figure = None
    overlap: Figure = None
    """Share of the distribution that both periods have in common; 0: the column follows the period."""
    missing_before: Figure = None
    missing_after: Figure = None
    gained: Value = None
    """A value that gained at least ten points of the rows."""
    gained_share: Figure = None


class ValueShares(Part):
    """The feature's own values in both periods, as shares of all rows of each; what is missing is left out."""

    edges: tuple[float, ...] = ()
    """Of intervals of numbers, one more than there are shares; the outermost hold what lies beyond, too."""
    labels: tuple[str, ...] = ()
    """Instead of intervals: categories, the most frequent first, or numbers of few values."""
    before: tuple[float, ...] = ()
    after: tuple[float, ...] = ()


class FeatureDrift(Part):
    """What became of one feature, or of one group of features."""

    target: str
    segment: str | None = None
    feature: str
    """The feature's name; a group's in `groups`."""
    group: str | None = None
    before: Figure
    after: Figure
    change: Figure
    change_ci: tuple[Figure, Figure]
    relative: Figure
    """The change over the mean of before and after: from -2 (died) to 2 (new)."""
    q_value: Figure
    """Benjamini-Hochberg over the features of one target and segment."""
    state: State
    cause: tuple[Cause, ...] = ()
    """The parts that explain the change, the largest first; empty unless it changed or parts cancelled."""
    parts: dict[str, PartOfChange] = Field(default_factory=dict)
    """`model`, `baseline` and `data`; or instead of `data` the feature's `own` values and those of `others`."""
    others: tuple[Effect, ...] = ()
    """Other features whose values moved it, the largest effect first, each by substitution."""
    rank_before: Count = 0
    rank_after: Count = 0
    mean_before: Figure = None
    mean_after: Figure = None
    row_cosine: Figure = None
    """Cosine similarity of both models' attributions on the same rows; null for one model, or one out of reach."""
    input_drift: InputDrift | None = None
    values: ValueShares | None = None
    """Of features over all rows that raise an alarm, or moved one that does."""
    follows_partition: bool = False
    """Its values are never the same in two periods, as a month's number: its change is noted and raises no alarm."""
    alarm: bool = False
    sentence: str = ""

    @property
    def growth(self) -> float | None:
        """The change over what was before, as people reckon: -1 is gone; None where something came out of nothing."""
        if self.change == 0:
            return 0.0
        return None if self.before is None or not self.before or self.change is None else self.change / self.before

    @property
    def growth_ci(self) -> tuple[float | None, float | None]:
        """The ends of the change's interval over what was before."""
        low, high = (None if end is None or not self.before else end / self.before for end in self.change_ci)
        return low, high


class DriftIndices(Part):
    """Single figures that other products give; they name no feature, and are never the rule here."""

    target: str = ""
    ndcg: Figure = None
    kendall_tau: Figure = None
    jensen_shannon: Figure = None
    cosine: Figure = None


class Drift(Part):
    """What changed between two reports."""

    schema_version: str = DRIFT_VERSION
    reference: ComparedRun | None
    current: ComparedRun
    comparable: bool
    why_not: str = ""
    """Why they cannot be compared; empty where they can."""
    model_changed: bool = False
    baseline_changed: bool = False
    features: tuple[FeatureDrift, ...] = ()
    """By target, segment and importance after."""
    groups: tuple[FeatureDrift, ...] = ()
    indices: tuple[DriftIndices, ...] = ()
    practical: Figure = None
    """The least relative change that counts."""
    share: Figure = None
    """The least change that counts, of the sum of all importances."""
    false_discovery: Figure = None
    rows_crossed: Count = 0
    """Rows of each period that were explained once more, by the other model or with values substituted."""
    notes: tuple[str, ...] = ()
    """What limits the comparison: causes that cannot be told apart, rows taken to be independent."""
    summary: str = ""

    def _repr_html_(self) -> str:
        from ig_tasks.store.drift_overview import drift_html

        return drift_html(
            (self.reference, self.current),
            self.features,
            self.alarms,
            summary=self.summary,
            why_not="" if self.comparable else self.why_not or "the reports differ in what they explain",
            practical=self.practical,
            notes=self.notes,
        )

    @property
    def alarms(self) -> tuple[FeatureDrift, ...]:
        """The features and groups that raise an alarm."""
        return tuple(drift for drift in (*self.features, *self.groups) if drift.alarm)
