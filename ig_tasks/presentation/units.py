"""What outputs and attributions are counted in, in words."""

from __future__ import annotations

__all__ = ["units"]

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
    """What an attribution of this space is counted in."""
    return _UNITS.get(space, space.replace("_", " "))
