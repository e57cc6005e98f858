"""Models with another role for a layer's tensors, of either framework, and what they are called with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ig_tasks.attribution.backends import framework_of, no_model
from ig_tasks.attribution.layer_places import LayerPlace, Role
from ig_tasks.attribution.named_inputs import NamedInputs

__all__ = ["layer_model"]


def layer_model(model: Any, places: Sequence[LayerPlace], role: Role, named: NamedInputs, *, units: Any = None) -> Any:
    """The model with this role for the tensors at `places`; called with inputs in the form of `named`, or by name.

    Raises:
        LayerError: for a layer that the model does not have.
    """
    framework = framework_of(model)
    if framework == "torch":
        from ig_tasks.attribution.backends.torch.layer_model import LayerModel
    elif framework == "keras":
        from ig_tasks.attribution.backends.keras.layer_model import LayerModel
    else:
        raise no_model(model)
    return LayerModel(model, places, role, placed=named.positional, bare=named.bare, units=units)
