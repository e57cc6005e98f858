"""What is wrong with a document, in one line: the field, what is wrong, what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ig_tasks.errors import suggest
from ig_tasks.spec.uris import without_secrets

_NAMED = 5
"""Other fields to correct that a line names."""

_PATTERNS = {
    r"^[a-z][a-z0-9_]{0,60}$": "write lower-case letters, digits and underscores, a letter first, 61 at most",
    r"^[a-z][a-z0-9_]*$": "write lower-case letters, digits and underscores, a letter first",
    r"^[A-Za-z_]\w*:[A-Za-z_]\w*$": "write file:function, such as model:build",
    r"^sha256:[0-9a-f]{64}$": "write the digest that `ig-tasks check` tells, sha256: and 64 hexadecimal digits",
}
"""What a regular expression asks for, in words."""


def first_error(error: ValidationError, model: type[BaseModel], *, missing: str = "is missing; add it") -> str:
    """Say in one line what is wrong with a document of `model`.

    Args:
        error: what pydantic says of the document.
        model: the class that the document was read as; its keys are suggested for unknown ones.
        missing: what to say of a field that is not there.

    Returns:
        The first field that is wrong, unknown keys before all else, what is wrong with it, and which other fields
        are wrong too.
    """
    problems = sorted(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
    first = problems[0]
    location: Sequence[int | str] = first["loc"]
    field = _field(first)
    prefix = f"{field}: " if field else ""
    if first["type"] == "extra_forbidden":
        line = f"{prefix}no such key{_same_key_elsewhere(model, location) or _similar_key(model, location)}"
    elif first["type"] == "missing":
        line = f"{prefix}{missing}"
    else:
        line = f"{prefix}{_reason(first)}"
    others = list(dict.fromkeys(other for problem in problems[1:] if (other := _field(problem)) not in (field, "")))
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return without_secrets(line + (f" (also wrong: {', '.join(others[:_NAMED])}{more})" if others else ""))


def _reason(problem: Any) -> str:
    """Pydantic's complaint about a value in plain words, with the value and the nearest known one."""
    reason = problem["msg"].removeprefix("Value error, ")
    return without_secrets(
        f"{_PATTERNS.get(_pattern(problem)) or reason[:1].lower() + reason[1:]}{_shown_value(problem)}"
    )


def _field(problem: Any) -> str:
    return ".".join(str(part) for part in problem["loc"] if not _is_union_label(part))


def _pattern(problem: Any) -> str:
    return str(problem.get("ctx", {}).get("pattern", ""))


def _shown_value(problem: Any) -> str:
    value = problem.get("input")
    simple = isinstance(value, str | int | float | bool) or value is None
    if not simple or problem["type"] == "value_error":
        return ""
    known = re.findall(r"'([^']*)'", str(problem.get("ctx", {}).get("expected", "")))
    near = get_close_matches(value.casefold(), known, n=1, cutoff=0.6) if isinstance(value, str) else []
    return f", not {value!r}" + (f"; did you mean '{near[0]}'?" if near else "")


def _is_union_label(part: int | str) -> bool:
    """pydantic puts the tried alternative of a union into the location ('constrained-int', 'literal[...]')."""
    return isinstance(part, str) and (
        "[" in part or part in {"int", "str", "float", "constrained-int", "constrained-str"}
    )


def _similar_key(model: type[BaseModel], location: Sequence[int | str]) -> str:
    return suggest(str(location[-1]), _known_keys(model, location[:-1]), noun="keys")


def _same_key_elsewhere(model: type[BaseModel], location: Sequence[int | str]) -> str:
    """The tail of a message about a key that another section has, such as `tolerance` without `attribution`."""
    name = str(location[-1]).casefold()
    if name in (key.casefold() for key in _known_keys(model, location[:-1])):
        return ""  # the same key in another case: the nearest one is the right hint
    paths = [path for path in _all_keys(model) if path.rpartition(".")[2].casefold() == name]
    return f"; did you mean {' or '.join(repr(path) for path in paths)}?" if paths else ""


def _all_keys(model: type[BaseModel], *before: str) -> list[str]:
    """Dotted keys of a document and of its sections."""
    keys = []
    for key in _known_keys(model, ()):
        keys.append(".".join((*before, key)))
        section = _model_within(model.model_fields[key].annotation)
        if section is not None:
            keys += _all_keys(section, *before, key)
    return keys


def _known_keys(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    current: Any = model
    for part in location:
        if isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = _model_within(current.model_fields[str(part)].annotation)
    keys = current.model_fields if isinstance(current, type) and issubclass(current, BaseModel) else {}
    return [key for key in keys if key not in {"origin", "overrides"}]


def _model_within(annotation: Any) -> Any:
    """The model class in `Model`, `Model | None` or `dict[str, Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    models = [_model_within(argument) for argument in get_args(annotation)]
    return next((model for model in models if model is not None), None)
