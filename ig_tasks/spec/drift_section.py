"""The section `drift` of a spec: what a run is compared with, and which changes count."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeInt, PositiveInt

from ig_tasks.spec.check_sections import Severity
from ig_tasks.spec.fields import Columns, Section, Share

__all__ = ["DriftSpec"]

_PREVIOUS = re.compile(r"previous:([1-9][0-9]{0,3})")


def _as_reference(value: Any) -> Any:
    """YAML reads 2013 as a number, and an absent value as none."""
    if value is None or value is False:
        return "none"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_reference(value: str) -> str:
    if not value.strip() or "/" in value or "\\" in value or value.strip() in (".", ".."):
        raise ValueError("this is the name of no partition or run; write such as previous, 2013-09 or a run id")
    if value.startswith("previous") and value != "previous" and not _PREVIOUS.fullmatch(value):
        raise ValueError(f"{value!r} is not a number of partitions back; write such as previous:12")
    return value.strip()


class DriftSpec(Section):
    """The run that a report is compared with, and which changes count."""

    reference: Annotated[
        str,
        BeforeValidator(_as_reference),
        AfterValidator(_check_reference),
        Field(description="previous, previous:12 (partitions back), launch, a partition, a run id, or none"),
    ] = "previous"
    practical: Annotated[Share, Field(gt=0.0, description="least change that counts, of the importance")] = 0.10
    share: Annotated[Share, Field(description="least change that counts, of the sum of all importances")] = 0.01
    false_discovery: Annotated[Share, Field(gt=0.0, description="false discoveries among the features changed")] = 0.05
    rows: Annotated[PositiveInt, Field(description="rows of each period on which models and values are exchanged")] = (
        2_000
    )
    severity: Severity = "warning"
    segments: Annotated[Columns, Field(description="columns of data.segments whose levels are compared, too")] = ()

    keep_model_mb: Annotated[
        NonNegativeInt,
        Field(description="packages up to so many MB are kept in the store, for when they are replaced in place"),
    ] = 256

    @property
    def steps_back(self) -> int | None:
        """How many partitions back the reference is; None where it is named otherwise."""
        if self.reference == "previous":
            return 1
        match = _PREVIOUS.fullmatch(self.reference)
        return int(match[1]) if match else None
