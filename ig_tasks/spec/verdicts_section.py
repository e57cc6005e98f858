"""The section `verdicts` of a spec: what is said of single features, from which threshold, and how severe it is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from ig_tasks.spec.fields import Section, Share

__all__ = ["VerdictSeverity", "VerdictsSpec"]

VerdictSeverity = Literal["note", "warning", "critical"]


class IgnoredVerdict(Section):
    """The model hardly uses a feature."""

    below: Annotated[Share, Field(description="share of all importance")] = 0.001
    severity: VerdictSeverity = "note"


class DominantVerdict(Section):
    """One feature decides nearly alone: an honest driver, or a leak of the outcome."""

    at_least: Annotated[Share, Field(gt=0.0, description="share of all importance")] = 0.5
    severity: VerdictSeverity = "note"


class ValueDrivenVerdict(Section):
    """One value, such as the one that stands for missing, carries a feature's importance."""

    rows: Annotated[Share, Field(gt=0.0, description="share of the rows that hold the value, at least")] = 0.2
    importance: Annotated[Share, Field(gt=0.0, description="share of the feature's importance, at least")] = 0.5
    gained: Annotated[
        Share, Field(ge=0.1, description="points of the rows that a value gained since the report compared with")
    ] = 0.1
    severity: VerdictSeverity = "note"


class SignVerdict(Section):
    """A feature works against the sign that `features.<name>.expected_sign` declares."""

    correlation: Annotated[Share, Field(description="between values and attributions, at least")] = 0.1
    severity: VerdictSeverity = "warning"


class RedundantVerdict(Section):
    """Two features hold the same."""

    at_least: Annotated[
        Share, Field(gt=0.0, description="rank correlation of numbers, shared information of categories")
    ] = 0.95
    severity: VerdictSeverity = "note"


class OpposingVerdict(Section):
    """Two features cancel each other within rows."""

    below: Annotated[Share, Field(description="what is left of both sizes when they are added")] = 0.7
    severity: VerdictSeverity = "note"


class UnusedVerdict(Section):
    """By outcomes, the model does as well without a feature."""

    below: Annotated[
        Share, Field(description="upper bound of what it adds, of what the model gains over the base rate")
    ] = 0.002
    severity: VerdictSeverity = "note"


class HarmfulVerdict(Section):
    """By outcomes, the model does better without a feature."""

    severity: VerdictSeverity = "note"


class UnstableVerdict(Section):
    """A feature's share of all importance hangs on the baseline."""

    at_least: Annotated[
        float, Field(gt=0.0, le=2.0, description="change of the share over the mean of both; 0.67 is a doubling")
    ] = 0.67
    rows: Annotated[
        NonNegativeInt,
        Field(description="rows that are explained from several baselines, once per model and baseline; 0: none"),
    ] = 100
    severity: VerdictSeverity = "note"


class LowDataVerdict(Section):
    """Too few rows, or clusters of rows, to tell features apart."""

    rows: Annotated[NonNegativeInt, Field(description="fewer explained rows than this are few")] = 250
    clusters: Annotated[NonNegativeInt, Field(description="fewer clusters than this are few")] = 10
    severity: VerdictSeverity = "note"


class VerdictsSpec(Section):
    """What is said of single features, and how severe it is: a note, a warning, or critical."""

    ignored: IgnoredVerdict = IgnoredVerdict()
    dominant: DominantVerdict = DominantVerdict()
    value_driven: ValueDrivenVerdict = ValueDrivenVerdict()
    against_sign: SignVerdict = SignVerdict()
    redundant: RedundantVerdict = RedundantVerdict()
    opposing: OpposingVerdict = OpposingVerdict()
    unstable: UnstableVerdict = UnstableVerdict()
    low_data: LowDataVerdict = LowDataVerdict()
    unused: UnusedVerdict = UnusedVerdict()
    harmful: HarmfulVerdict = HarmfulVerdict()
    rows: Annotated[PositiveInt, Field(description="rows on which pairs of features are compared")] = 20_000
    labelled_rows: Annotated[
        PositiveInt, Field(description="rows with an outcome on which each feature is held at the baseline")
    ] = 4_000
