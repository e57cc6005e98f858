"""Attribution methods by name."""

from __future__ import annotations

from ig_tasks.attribution.methods.integrated_gradients import IntegratedGradients
from ig_tasks.errors import InputError, suggest

__all__ = ["METHODS", "IntegratedGradients", "choose_method"]

METHODS: dict[str, IntegratedGradients] = {IntegratedGradients.name: IntegratedGradients()}


def choose_method(method: str | IntegratedGradients) -> IntegratedGradients:
    """The method that `method` names, or is. Raises InputError."""
    if isinstance(method, IntegratedGradients):
        return method
    if method not in METHODS:
        raise InputError(f"method: {method!r} is not known{suggest(str(method), METHODS, noun='methods')}")
    return METHODS[method]
