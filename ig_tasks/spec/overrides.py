"""What of a run's settings is not the spec's own: the Params of a trigger form, `--set` of the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ig_tasks.spec.fields import Section

__all__ = ["Override", "merge_overrides", "overrides_between", "overrides_of_settings"]

_NO_OVERRIDES = ("version", "name", "partition", "schedule", "store", "compute", "origin", "overrides")
"""Which rows a run is for, when and where it is done: none of these makes another question of it."""


class Override(Section):
    """One setting that a run has otherwise than its spec."""

    field: str
    spec: Any = None
    """The spec's own value; null where it has none."""
    run: Any = None
    """What the run was given."""


def overrides_between(own: Mapping[str, Any], used: Mapping[str, Any]) -> tuple[Override, ...]:
    """Where two resolved documents differ in what decides numbers, verdicts and the look of a report."""
    names = [name for name in used if name not in _NO_OVERRIDES]
    return tuple(override for name in names for override in _differences(name, own.get(name), used[name]))


def overrides_of_settings(settings: Mapping[str, Any]) -> tuple[Override, ...]:
    """Dotted settings as overrides, where the spec's own values are not known."""
    chosen = {key: value for key, value in settings.items() if key.partition(".")[0] not in _NO_OVERRIDES}
    return tuple(Override(field=key, run=value) for key, value in chosen.items())


def merge_overrides(before: tuple[Override, ...], overrides: tuple[Override, ...]) -> tuple[Override, ...]:
    """Overrides of settings that were overridden before: the spec's own value is still the first one."""
    merged = {override.field: override for override in before}
    for override in overrides:
        first = merged.get(override.field)
        merged[override.field] = override if first is None else override.model_copy(update={"spec": first.spec})
    return tuple(override for override in merged.values() if override.spec != override.run)


def _differences(field: str, own: Any, used: Any) -> Iterator[Override]:
    if isinstance(own, Mapping) and isinstance(used, Mapping):
        for key in dict.fromkeys([*own, *used]):
            yield from _differences(f"{field}.{key}", own.get(key), used.get(key))
    elif own != used:
        yield Override(field=field, spec=own, run=used)
