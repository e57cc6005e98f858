"""What the sections of a spec share: their base class, and the types of their fields."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ig_tasks.spec.uris import Prose

__all__ = ["Column", "Columns", "Names", "PartitionText", "Section", "Share", "as_tuple"]


class Section(BaseModel):
    """A part of the spec: unknown keys are refused, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


def as_tuple(value: Any) -> Any:
    """One name stands for a list of one."""
    return (value,) if isinstance(value, str) else value


def _as_text(value: Any) -> Any:
    """YAML reads 2013 as a number and 2013-10-01 as a date; as a partition each is its text."""
    return str(value) if isinstance(value, int | date) and not isinstance(value, bool | datetime) else value


def _as_column(value: str) -> str:
    """A column without a visible name cannot be told in a message or a report."""
    if not value.strip():
        raise ValueError(f"{value!r} is not a column's name that can be shown; rename the column, or leave the key out")
    return value


Names = Annotated[tuple[Prose, ...], BeforeValidator(as_tuple)]
Column = Annotated[str, AfterValidator(_as_column)]
Columns = Annotated[tuple[Column, ...], BeforeValidator(as_tuple)]
PartitionText = Annotated[str, BeforeValidator(_as_text)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
