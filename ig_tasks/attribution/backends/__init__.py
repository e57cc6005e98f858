"""Frameworks, found where the model comes from: none is imported to look at a model."""

from __future__ import annotations

import sys
from typing import Any

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.backends.functions import as_model
from ig_tasks.attribution.feeds import Tables
from ig_tasks.errors import InputError

__all__ = ["Backend", "as_model", "framework_of", "no_model", "open_backend", "positional_names"]


def framework_of(model: Any) -> str | None:
    """The framework, "torch" or "keras"; None for anything else. A model's framework is always in sys.modules."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        return "torch"
    keras = sys.modules.get("keras")
    if keras is not None and isinstance(model, keras.Model):
        return "keras"
    return None


def _check_plain(model: Any, layers: dict[str, Tables]) -> None:
    """A Keras model on torch is a torch module, but one whose layers run no hooks and whose inputs have no names."""
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(model, keras.Model):
        return
    if layers or len(getattr(model, "inputs", None) or ()) > 1:
        raise InputError(
            "model: Keras runs on torch, where only a model of one array of numbers is explained; set "
            "KERAS_BACKEND=tensorflow before importing it"
        )


def open_backend(model: Any, layers: dict[str, Tables], precision: str, device: str | None) -> Backend:
    """The backend of the model's framework. Raises InputError for something that is no model."""
    framework = framework_of(model)
    if framework == "torch":
        _check_plain(model, layers)
        from ig_tasks.attribution.backends.torch.backend import TorchBackend

        return TorchBackend(model, layers, precision, device)
    if framework == "keras":
        from ig_tasks.attribution.backends.keras.backend import KerasBackend

        return KerasBackend(model, layers, precision, device)
    raise no_model(model)


def positional_names(model: Any, count: int) -> tuple[str, ...]:
    """Names of the first `count` inputs of a model, as it is called with a tuple or list of arrays.

    They are the parameters' own; "args[0]" of a model that takes any number.

    Raises:
        InputError: for a model that takes fewer, or takes them by name alone.
    """
    framework = framework_of(model)
    if framework == "torch":
        from ig_tasks.attribution.backends.torch.model import placed_names
    elif framework == "keras":
        from ig_tasks.attribution.backends.keras.model import placed_names
    else:
        raise no_model(model)
    names = placed_names(model, count)
    if len(names) < count:
        known = f" ({', '.join(names)})" if names else ""
        raise InputError(
            f"inputs: {count} arrays are {count} positional inputs, and the model takes {len(names)}{known}; rows of "
            "one input are one array, numpy.stack(inputs), and inputs by name a dict"
        )
    return names


def no_model(model: Any) -> InputError:
    """The error for a value that is not a model of either framework."""
    return InputError(
        f"model: {type(model).__module__}.{type(model).__qualname__} is neither a torch.nn.Module nor a keras.Model; a "
        "function of their tensors will do, too"
    )
