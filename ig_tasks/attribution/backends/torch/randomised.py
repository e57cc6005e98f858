"""Copies of a module whose layers have random weights."""

from __future__ import annotations

import copy
from collections.abc import Collection

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.errors import ModelError, brief

__all__ = ["layers_with_weights", "randomised"]


def layers_with_weights(model: torch.nn.Module) -> list[str]:
    """Names of the modules that have weights of their own, in the order in which they were added; "" is the model."""
    return [name for name, module in model.named_modules() if _own_weights(module)]


def randomised(model: torch.nn.Module, names: Collection[str], seed: int) -> torch.nn.Module:
    """A copy with normal weights of mean 0 and each tensor's own root mean square in the modules of these names.

    The same seed draws the same weights for a module, whichever others are random.

    Raises:
        ModelError: if the model cannot be copied.
    """
    try:
        made: torch.nn.Module = copy.deepcopy(model)
    except (RuntimeError, TypeError) as error:
        raise ModelError(
            f"model: it cannot be copied ({brief(error)}), so that none of its layers is randomised"
        ) from error
    for place, (name, module) in enumerate(made.named_modules()):
        if name in names:
            generator = torch.Generator().manual_seed((seed << 20) + place)
            with torch.no_grad():
                for weight in _own_weights(module):
                    size = weight.double().square().mean().sqrt().item()
                    drawn = torch.randn(weight.shape, generator=generator, dtype=torch.float64) * size
                    weight.copy_(drawn.to(weight.dtype))
    return made


def _own_weights(module: torch.nn.Module) -> list[torch.nn.Parameter]:
    return [weight for weight in module.parameters(recurse=False) if weight.is_floating_point()]
