"""What of a spec still stands when it does not load: its name, schedule, owner and tags.

A typo must not end a schedule in silence. Where one key is wrong the others are read as ever; where the text is no
YAML, each top-level key is read on its own; what cannot be read at all is as the file's last good version had it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from ig_tasks.spec.fields import Section
from ig_tasks.spec.sections import ScheduleSpec
from ig_tasks.spec.specification import ExplanationSpec
from ig_tasks.spec.written import load_yaml

__all__ = ["Standing", "standing_of"]

_TOP_LEVEL = re.compile(r"""^["']?[A-Za-z_][\w-]*["']?[ \t]*:(?=\s|$)""")
_LIKENESS = 0.75
"""How similar an unknown key has to be to a missing one."""

_MOST_CUT = 40
"""Lines that are left out at the end of a key, one after the other, until the rest can be read."""


class Standing(Section):
    """Who a spec is and when it runs."""

    name: str = ""
    schedule: ScheduleSpec | None = None
    owner: str = ""
    tags: tuple[str, ...] = ()
    by_partition: bool = False
    """Whether its data have partitions."""

    @classmethod
    def of(cls, spec: ExplanationSpec) -> Standing:
        """That of a spec that loads."""
        return cls(
            name=spec.name,
            schedule=spec.schedule,
            owner=spec.owner,
            tags=spec.tags,
            by_partition=spec.data.partition is not None,
        )


def standing_of(text: str, last: Standing | None = None) -> Standing:
    """Name, schedule, owner and tags from the text of a spec that does not load; `last` supplies what cannot be read.

    Args:
        text: the file as it is now.
        last: what the last good version of the file said, if it is known.
    """
    document, unsure, complete = _document(text)
    before = {} if last is None else dict(last)
    standing: dict[str, Any] = {}
    for field in ("name", "schedule", "owner", "tags"):
        key = _key_of(field, document)
        valid, value = _valid(field, document[key]) if key else (False, None)
        if valid and not (key in unsure and field in before):
            standing[field] = value
        elif field in before and (key or not complete):
            # Something stands there that cannot be read; a key that was taken out is no longer meant.
            standing[field] = before[field]
        elif key and field == "schedule":
            standing[field] = _usable_schedule(document[key])
    data = document.get("data")
    divided = isinstance(data, Mapping) and bool(data.get("partition"))
    standing["by_partition"] = divided or bool(before.get("by_partition"))
    return Standing(**standing)


def _document(text: str) -> tuple[dict[Any, Any], set[Any], bool]:
    """The top-level keys that can be read, those of them that were cut short, and whether they are all there are."""
    document = _read(text)
    if document is not None:
        return document, set(), True
    readable: dict[Any, Any] = {}
    unsure: set[Any] = set()
    for lines in _top_level_blocks(text):
        # What is damaged may lie in the last lines, such as a key of the top level that slipped to the right.
        shorter = (lines[:count] for count in range(len(lines), max(0, len(lines) - _MOST_CUT), -1))
        for shorter_lines in shorter:
            alone = _read("\n".join(shorter_lines))
            if alone is not None:
                unsure |= set(alone) - set(readable) if len(shorter_lines) < len(lines) else set()
                readable = {**alone, **readable}
                break
    return readable, unsure, False


def _read(text: str) -> dict[Any, Any] | None:
    try:
        document = load_yaml(text, ExplanationSpec)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _top_level_blocks(text: str) -> list[list[str]]:
    """The lines of each top-level key, from its own to the next one's."""
    parts: list[list[str]] = []
    for line in text.splitlines():
        if _TOP_LEVEL.match(line):
            parts.append([line])
        elif parts and not line.startswith(("---", "...")):
            parts[-1].append(line)
    return parts


def _key_of(field: str, document: Mapping[Any, Any]) -> str | None:
    """The key under which a field stands: its own, or an unknown one that looks like it."""
    if field in document:
        return field
    unknown = {key.casefold(): key for key in document if isinstance(key, str) and key not in _KNOWN}
    near = get_close_matches(field, unknown, n=1, cutoff=_LIKENESS)
    return unknown[near[0]] if near else None


def _valid(field: str, value: Any) -> tuple[bool, Any]:
    try:
        return True, _TAKES[field].validate_python(value)
    except ValidationError:
        return False, None


def _usable_schedule(value: Any) -> ScheduleSpec | None:
    """A schedule without its keys that are wrong, as long as it says when."""
    if not isinstance(value, Mapping):
        return None
    known = {key: setting for key, setting in value.items() if key in ScheduleSpec.model_fields}
    whens = ({key: known[key]} for key in ("cron", "assets") if known.get(key))
    for attempt in (known, *whens):
        try:
            return ScheduleSpec.model_validate(attempt)
        except ValidationError:
            continue
    return None


_KNOWN = frozenset(ExplanationSpec.model_fields)
_TAKES: dict[str, TypeAdapter[Any]] = {
    field: TypeAdapter(ExplanationSpec.model_fields[field].rebuild_annotation())
    for field in ("name", "schedule", "owner", "tags")
}
