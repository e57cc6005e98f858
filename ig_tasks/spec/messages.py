"""What is wrong with a document, in one line: the field, what is wrong, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ig_tasks.errors import suggest


def one_line(error: ValidationError, model: type[BaseModel]) -> str:
    """The first thing wrong, unknown keys before all else, and how many more there are."""
    problems = sorted(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
    first = problems[0]
    location: Sequence[int | str] = first["loc"]
    field = ".".join(str(part) for part in location if not _is_union_label(part)) or "the document"
    if first["type"] == "extra_forbidden":
        line = f"{field}: no such key{suggest(str(location[-1]), _known_keys(model, location[:-1]), noun='keys')}"
    elif first["type"] == "missing":
        line = f"{field}: is missing; add it"
    else:
        reason = first["msg"].removeprefix("Value error, ")
        line = f"{field}: {reason[:1].lower()}{reason[1:]}{_given(first)}"
    more = len(problems) - 1
    return line + (f" (and {more} more)" if more else "")


def _given(problem: Any) -> str:
    value = problem.get("input")
    simple = isinstance(value, str | int | float | bool) or value is None
    return f", not {value!r}" if simple and problem["type"] != "value_error" else ""


def _is_union_label(part: int | str) -> bool:
    """pydantic puts the tried alternative of a union into the location ('constrained-int', 'literal[...]')."""
    return isinstance(part, str) and (
        "[" in part or part in {"int", "str", "float", "constrained-int", "constrained-str"}
    )


def _known_keys(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    current: Any = model
    for part in location:
        if isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = _model_within(current.model_fields[str(part)].annotation)
    keys = current.model_fields if isinstance(current, type) and issubclass(current, BaseModel) else {}
    return [key for key in keys if key != "origin"]


def _model_within(annotation: Any) -> Any:
    """The model class in `Model`, `Model | None` or `dict[str, Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [_model_within(argument) for argument in get_args(annotation)]
    return next((item for item in found if item is not None), None)
