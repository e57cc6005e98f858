"""Attribution methods by name."""

from __future__ import annotations

from ig_tasks.attribution.methods.base import Method, MethodResult
from ig_tasks.attribution.methods.integrated_gradients import IntegratedGradients
from ig_tasks.errors import InputError, suggest

__all__ = ["METHODS", "IntegratedGradients", "Method", "MethodResult", "choose_method"]

METHODS: dict[str, Method] = {IntegratedGradients.name: IntegratedGradients()}
"""Methods by name, with their default parameters."""


def choose_method(method: str | Method) -> Method:
    """The method that `method` names, or is. Raises InputError."""
    if isinstance(method, Method):
        return method
    if not isinstance(method, str) or method not in METHODS:
        raise InputError(f"method: {method!r} is not known{suggest(str(method), METHODS, noun='methods')}")
    return METHODS[method]
