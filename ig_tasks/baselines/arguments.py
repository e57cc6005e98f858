"""What callers of `explain` and `judge_baselines` pass: inputs of a model or a package, baselines in their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ig_tasks.attribution.given import Given, as_array, is_number
from ig_tasks.baselines.arrays import Samples
from ig_tasks.errors import InputError
from ig_tasks.models.loaded import LoadedModel

__all__ = ["given_to", "matched"]


def given_to(loaded: LoadedModel | None, model: Any, inputs: Any) -> Given:
    """The inputs as `model` takes them: a package's go by the names in its model.yaml.

    Raises InputError.
    """
    given = Given.of(model if loaded is None else loaded.model, inputs)
    if loaded is None or loaded.package.bare or given.form != "placed":
        return given
    known = list(loaded.package.config.inputs)
    if any(name not in known for name in given.placed):
        raise InputError(f"inputs: the package's go by name, {{{', '.join(f'{name!r}: ...' for name in known)}}}")
    return Given("named", given.arrays)


def matched(given: Given, what: str, value: Any) -> Any:
    """A baseline or reference by input name, its tensors as arrays; None is the baseline of zero.

    Raises BaselineError or InputError.
    """
    if value is None:
        return "zero" if what == "baseline" else None
    if isinstance(value, Samples):
        return Samples(matched(given, what, value.values))
    value = given.matched(what, value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each, what) for name, each in value.items()}
    if what == "baseline" and len(given.arrays) > 1 and is_number(value):
        return dict.fromkeys(given.arrays, as_array(value, what))
    return _plain(value, what)


def _plain(value: Any, what: str) -> Any:
    """Tensors as arrays; None as zero; strategies, tables and plain numbers as they are."""
    if value is None:
        return "zero" if what == "baseline" else None
    tensor = hasattr(value, "detach") or type(value).__module__.split(".")[0] in ("tensorflow", "scipy", "keras")
    return as_array(value, what) if tensor else value
