"""The spec that a command is given, with what its options set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ig_tasks.errors import SpecError

__all__ = ["load_spec"]


def load_spec(path: Path, store: str | None, settings: list[str] | None) -> Any:
    """The spec of a file, with the store and the settings of the command line."""
    from ig_tasks.spec import load_for_run

    values = dict(_setting(text) for text in settings or [])
    if store is not None:
        values["store"] = store if "://" in store else str(Path(store).absolute())
    return load_for_run(path, values)


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise SpecError(f"--set {text!r}: write key=value, such as attribution.tolerance=0.001")
    from ig_tasks.spec import ExplanationSpec
    from ig_tasks.spec.written import value_of

    try:
        return key.strip(), value_of(value, ExplanationSpec, key.strip())
    except yaml.YAMLError:
        raise SpecError(f"--set {text!r}: the value is not valid YAML; quote it") from None
