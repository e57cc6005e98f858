"""The section `validation` of a spec: the checks, their thresholds, and how severe a failure is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from ig_tasks.spec.fields import Section, Share
from ig_tasks.spec.uris import Uri

__all__ = [
    "CompletenessCheck",
    "ConvergedCheck",
    "ParityCheck",
    "QuarantinedCheck",
    "Severity",
    "UnknownCheck",
    "ValidationSpec",
]

Severity = Literal["critical", "warning"]


class CompletenessCheck(Section):
    """At least a share `mostly` of the rows has a relative completeness delta of at most `within`."""

    mostly: Share = 0.99
    within: Annotated[PositiveFloat | None, Field(description="left out: attribution.tolerance")] = None
    severity: Severity = "critical"


class ConvergedCheck(Section):
    """At least this share of the explained rows reached the tolerance."""

    at_least: Share = 0.95
    severity: Severity = "warning"


class QuarantinedCheck(Section):
    """At most this share of the rows read could not be explained."""

    at_most: Share = 0.05
    severity: Severity = "critical"


class ParityCheck(Section):
    """At least `mostly` of the rows: |output - prediction| <= tolerance * (1 + |prediction|)."""

    tolerance: PositiveFloat = 1e-3
    mostly: Share = 1.0
    severity: Severity = "critical"
    space: Annotated[
        Uri | None, Field(description="in which both are compared; left out: the space that is explained")
    ] = None
    rows: Annotated[PositiveInt, Field(description="rows on which the served model is called")] = 512


class UnknownCheck(Section):
    """At most this share of a feature's categories is unknown to the model."""

    at_most: Annotated[
        Share | None,
        Field(description="left out: what the baseline's data had, two points more, and what chance explains"),
    ] = None
    severity: Severity = "warning"


class ValidationSpec(Section):
    """When a report may be published."""

    completeness: CompletenessCheck = CompletenessCheck()
    converged: ConvergedCheck = ConvergedCheck()
    quarantined: QuarantinedCheck = QuarantinedCheck()
    unknown: UnknownCheck = UnknownCheck()
    parity: ParityCheck = ParityCheck()
