"""Who belongs to a reference population: all rows, or those that just passed the cutoff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.spec import BaselineSpec

__all__ = ["POPULATION", "definition", "members"]

POPULATION = "reference_population"
"""The strategy's name."""


def members(spec: BaselineSpec, output: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows (rows,) belong to it, by the model's output (rows,) in the space of the cutoff; both ends belong."""
    if spec.cutoff is None or spec.within is None:
        return np.ones(len(output), dtype=bool)
    low, high = _bounds(spec.options)
    return np.asarray((output >= low) & (output <= high))


def definition(options: Mapping[str, Any]) -> str:
    """Who belongs to it, in words.

    >>> definition({"cutoff": 0.5, "within": 0.05, "side": "above", "space": "probability"})
    'rows whose output (probability) is from 0.5 to 0.55: at the cutoff 0.5, or slightly above it'
    >>> definition({})
    'all rows of its data'
    """
    cutoff = options.get("cutoff")
    if cutoff is None:
        return "all rows of its data"
    low, high = _bounds(options)
    space = f" ({options['space']})" if options.get("space") else ""
    return (
        f"rows whose output{space} is from {low:.10g} to {high:.10g}: at the cutoff {cutoff:.10g}, or slightly "
        f"{options.get('side', 'above')} it"
    )


def _bounds(options: Mapping[str, Any]) -> tuple[float, float]:
    cutoff, within = float(options["cutoff"]), float(options["within"])
    return (cutoff - within, cutoff) if options.get("side") == "below" else (cutoff, cutoff + within)
