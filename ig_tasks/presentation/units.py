"""What outputs and attributions are counted in, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["attribution_units", "units"]

_UNITS = {
    "logit": "log-odds",
    "probability": "probability",
    "calibrated": "calibrated probability",
    "margin": "distance to the decision threshold",
    "log_loss": "nats of log loss",
    "squared_error": "squared error",
    "log_probability": "log-probability",
    "raw": "the model's own units",
    "value": "the model's own units",
}


def units(space: str) -> str:
    """What an output of this space is counted in, and what adds up to a difference of two of them."""
    return _UNITS.get(space, space.replace("_", " "))


def attribution_units(space: str, method: str, parameters: Mapping[str, Any] | None = None) -> str:
    """What the attributions of a method are counted in: slopes are per unit of their feature, variances are squares.

    Args:
        space: of the output that is explained.
        method: the method's name.
        parameters: the method's.
    """
    given = parameters or {}
    if method == "noise_averaged":
        inner = given.get("method", "saliency")
        named = inner if isinstance(inner, Mapping) else {"name": inner}
        unit = attribution_units(space, str(named.get("name", "")), named)
        return unit if given.get("kind", "smoothgrad") == "smoothgrad" else f"squares of {unit}"
    slopes = method == "saliency" or given.get("multiply_by_inputs") is False
    return f"{units(space)} per unit of the feature" if slopes else units(space)
