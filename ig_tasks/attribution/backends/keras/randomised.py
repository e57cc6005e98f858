"""Copies of a Keras model whose layers have random weights."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ig_tasks.attribution.backends.keras.model import copy_of
from ig_tasks.errors import ModelError, brief

__all__ = ["layers_with_weights", "randomised"]


def layers_with_weights(model: Any) -> list[str]:
    """Paths of the layers that have weights of their own, in the order of the model; "" is the model."""
    return [path for path, layer in _layers(model).items() if _own_weights(layer)]


def randomised(model: Any, names: Collection[str], seed: int) -> Any:
    """A copy with normal weights of mean 0 and each array's own root mean square in the layers of these paths.

    The same seed draws the same weights for a layer, whichever others are random.

    Raises:
        ModelError: if the model cannot be copied.
    """
    try:
        made = copy_of(model)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ModelError(
            f"model: it cannot be copied ({brief(error)}), so that none of its layers is randomised"
        ) from error
    for place, (path, layer) in enumerate(_layers(made).items()):
        if path in names:
            random = np.random.default_rng((seed, place))
            for weight in _own_weights(layer):
                values = np.asarray(weight)
                size = float(np.sqrt(np.square(values, dtype=np.float64).mean()))
                weight.assign((random.normal(size=values.shape) * size).astype(values.dtype))
    return made


def _layers(model: Any) -> dict[str, Any]:
    """The model and every layer in it, by names that tell them apart."""
    found: dict[str, Any] = {"": model}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        name, more = layer.name, 2
        while name in found:
            name, more = f"{layer.name} ({more})", more + 1
        found[name] = layer
    return found


def _own_weights(layer: Any) -> list[Any]:
    """What the layer itself learns, frozen or not; statistics that it keeps are left as they are."""
    return [weight for weight in layer._trainable_variables if "float" in str(weight.dtype)]
