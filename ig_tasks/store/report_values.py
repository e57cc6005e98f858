"""The numbers, values and base class that every part of a report is made of.

The models are frozen, take numpy scalars, turn non-finite numbers into null, and ignore keys they do not know:
minor versions of the format only add keys, so an old reader reads a new report. Keys of the first version have
no default and are always there; keys with a default may be absent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["Count", "Figure", "Free", "Part", "Value", "plain"]


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: numpy scalars and arrays unpacked, non-finite numbers None."""
    kind = type(value)  # a report has ten thousands of these: the questions below take ten times as long
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is int or kind is str:
        return value
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
    """The base of every part of a report: frozen, tolerant of keys that a later version adds."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null", use_attribute_docstrings=True)
