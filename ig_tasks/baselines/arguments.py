"""What callers of `explain` and `judge_baselines` pass: inputs of a model or a package, baselines in their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ig_tasks.attribution.named_inputs import BARE_NAME, NamedInputs, as_array, is_number
from ig_tasks.baselines.arrays import Samples
from ig_tasks.errors import InputError
from ig_tasks.models.loaded import LoadedModel

__all__ = ["named_inputs", "values_by_name"]


def named_inputs(loaded: LoadedModel | None, model: Any, inputs: Any) -> NamedInputs:
    """Name the inputs as `model` takes them: those of a package have the names in its model.yaml.

    Raises:
        InputError: for inputs that are not arrays, or positional ones that the package does not describe.
    """
    if loaded is None or loaded.package.bare:
        return NamedInputs.of(model if loaded is None else loaded.model, inputs)
    known = list(loaded.package.config.inputs)
    named = NamedInputs.of(loaded.model, inputs, bare_name=known[0] if len(known) == 1 else BARE_NAME)
    if any(name not in known for name in named.positional):
        raise InputError(f"inputs: the package's go by name, {{{', '.join(f'{name!r}: ...' for name in known)}}}")
    return NamedInputs("named", named.arrays) if named.form == "positional" else named


def values_by_name(inputs: NamedInputs, argument: str, value: Any) -> Any:
    """Convert a baseline or reference into one by input name, its tensors into arrays; None is the baseline of zero.

    Raises:
        BaselineError, InputError: for values that do not go with the inputs.
    """
    if value is None:
        return "zero" if argument == "baseline" else None
    if isinstance(value, Samples):
        return Samples(values_by_name(inputs, argument, value.values))
    value = inputs.in_order(argument, value)
    if isinstance(value, Mapping):
        return {name: _plain(each, argument) for name, each in inputs.renamed(value).items()}
    if argument == "baseline" and len(inputs.arrays) > 1 and is_number(value):
        return dict.fromkeys(inputs.arrays, as_array(value, argument))
    return _plain(value, argument)


def _plain(value: Any, argument: str) -> Any:
    """Tensors as arrays; None as zero; strategies, tables and plain numbers as they are."""
    if value is None:
        return "zero" if argument == "baseline" else None
    tensor = hasattr(value, "detach") or type(value).__module__.split(".")[0] in ("tensorflow", "scipy", "keras")
    return as_array(value, argument) if tensor else value
