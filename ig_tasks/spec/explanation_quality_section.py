"""The section `explanation_quality` of a spec: how good the explanations are, measured on a sample of the rows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from ig_tasks.spec.fields import Section

__all__ = ["ExplanationQualitySpec", "QualityCheck"]

QualityCheck = Literal["infidelity", "sensitivity", "curves", "sparseness", "randomisation", "methods", "baselines"]


class ExplanationQualitySpec(Section):
    """Which checks of the explanations are carried out, and on how many rows."""

    rows: Annotated[int, Field(ge=2, description="rows of the sample, spread evenly")] = 100
    checks: Annotated[
        tuple[QualityCheck, ...], Field(min_length=1, description="left out: all but `methods`, which costs the most")
    ] = ("infidelity", "sensitivity", "curves", "sparseness", "randomisation", "baselines")
    draws: Annotated[PositiveInt, Field(le=1000, description="random sets of features, and random moves, per row")] = 10
    radius: Annotated[
        float, Field(gt=0.0, description="how far numbers are moved at random, in standard deviations of theirs")
    ] = 0.02
