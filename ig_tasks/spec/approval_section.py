"""The section `approval` of a spec: which findings a person decides on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, model_validator

from ig_tasks.spec.check_sections import Severity
from ig_tasks.spec.fields import Names, Section

__all__ = ["ApprovalSpec"]


class ApprovalSpec(Section):
    """Who decides on a report in which drift or verdicts found something."""

    severity: Annotated[
        Severity | None,
        Field(description="from which severity of the checks `drift` and `verdicts` on; left out: nobody is asked"),
    ] = None
    users: Annotated[Names, Field(description="ids of Airflow users; left out: whoever may act on the DAG")] = ()
    days: Annotated[PositiveFloat | None, Field(le=366, description="to wait; then the report counts as rejected")] = (
        None
    )

    @model_validator(mode="after")
    def _check_severity(self) -> ApprovalSpec:
        if self.severity is None and (self.users or self.days is not None):
            raise ValueError("severity is missing; write critical or warning, from which on a person is asked")
        return self

    def asks_for(self, severity: str) -> bool:
        """Whether a person decides on a finding of this severity."""
        return self.severity is not None and (severity == "critical" or severity == self.severity)
