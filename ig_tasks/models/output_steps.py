"""The steps from a model's column to the space explained, written once for numpy, torch and Keras.

A chain of steps works on the column chosen; each framework brings the few functions that they need (`Functions`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ig_tasks.models.calibration import Calibration

__all__ = [
    "LEAST",
    "SIGMOID",
    "Functions",
    "NumpyFunctions",
    "Step",
    "affine",
    "apply",
    "calibration_steps",
    "log_odds",
    "ramps",
]

LEAST = float(np.finfo(np.float64).eps)
"""Probabilities nearer to 0 or 1 count as this far from it, as they do where losses are told of predictions."""
_LEAST_WIDTH = 1e-30  # a ramp's slope stays finite in float32


@dataclass(frozen=True)
class Step:
    """One operation of a chain on (rows, columns), and its parameters."""

    op: str
    slope: float = 1.0
    shift: float = 0.0
    column: int = 0
    start: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    rise: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The step as JSON values; `from_json` reads them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Step:
        """The step that `to_json` wrote."""
        lists = {name: tuple(document[name]) for name in ("start", "scale", "rise")}
        return cls(**{**document, **lists})


SIGMOID = Step("sigmoid")


def affine(slope: float, shift: float = 0.0) -> Step:
    """The step slope x + shift."""
    return Step("affine", slope=float(slope), shift=float(shift))


def ramps(x: Sequence[float], y: Sequence[float]) -> Step:
    """Linear between the points (x, y), constant outside, as a sum of ramps min(max((z - start) scale, 0), 1) rise.

    A ramp is a difference of two ReLUs. All of them have one sign, so that nothing cancels: a sum of single ReLUs
    with the differences of slopes would lose as many digits as its steepest slope has.
    """
    rising = [
        (left, 1.0 / max(right - left, _LEAST_WIDTH), above - below)
        for left, right, below, above in zip(x[:-1], x[1:], y[:-1], y[1:], strict=True)
        if above > below
    ]
    start, scale, rise = zip(*rising, strict=True)
    return Step("ramps", shift=float(y[0]), start=start, scale=scale, rise=rise)


def calibration_steps(calibration: Calibration) -> list[Step]:
    """What a calibration does to one column."""
    if calibration.method == "platt":
        return [affine(calibration.slope or 0.0, calibration.intercept or 0.0), SIGMOID]
    if calibration.method == "temperature":
        return [affine(1.0 / (calibration.temperature or 1.0)), SIGMOID]
    return [ramps(calibration.x or (), calibration.y or ())]


def log_odds(probability: float) -> float:
    """log(p / (1 - p))."""
    return math.log(probability) - math.log1p(-probability)


class Functions(Protocol):
    """What a framework brings: functions of an array (rows, columns)."""

    def sigmoid(self, x: Any) -> Any:
        """1 / (1 + exp(-x)), element by element."""
        ...

    def softmax(self, x: Any) -> Any:
        """Over the columns."""
        ...

    def logsumexp(self, parts: Sequence[Any]) -> Any:
        """(rows, 1) over all the columns of the parts."""
        ...

    def clip(self, x: Any) -> Any:
        """Between 0 and 1."""
        ...

    def spread(self, x: Any, columns: int) -> Any:
        """(rows, 1) -> (rows, columns)."""
        ...

    def weighted_sum(self, x: Any, weights: Any) -> Any:
        """(rows, columns) times (columns,) -> (rows, 1)."""
        ...

    def constant(self, step: Step, name: str, like: Any) -> Any:
        """A list of the step as an array of the dtype of `like`."""
        ...

    def like(self, outcome: Any, x: Any) -> Any:
        """The same numbers in the dtype of `x`."""
        ...

    def softplus(self, x: Any) -> Any:
        """log(1 + exp(x)), element by element, to the last digit."""
        ...

    def log(self, x: Any) -> Any:
        """The logarithm of numbers of at least `LEAST`, to which smaller ones are raised."""
        ...

    def log_share(self, x: Any, classes: Any) -> Any:
        """Log of the softmax over the columns of x (rows, columns) of each row's class (rows, 1), (rows, 1)."""
        ...


class NumpyFunctions:
    """The functions in numpy, for predictions that are numbers already."""

    def sigmoid(self, x: Any) -> Any:
        """1 / (1 + exp(-x)), element by element."""
        from scipy.special import expit

        return expit(x)

    def softmax(self, x: Any) -> Any:
        """Softmax over the columns of (rows, columns)."""
        from scipy.special import softmax

        return softmax(x, axis=-1)

    def logsumexp(self, parts: Sequence[Any]) -> Any:
        """log(sum(exp)) over all columns of the parts, (rows, 1)."""
        from scipy.special import logsumexp

        return logsumexp(np.concatenate(parts, axis=1), axis=1, keepdims=True)

    def clip(self, x: Any) -> Any:
        """Between 0 and 1."""
        return np.clip(x, 0.0, 1.0)

    def spread(self, x: Any, columns: int) -> Any:
        """(rows, 1) -> (rows, columns), without a copy."""
        return np.broadcast_to(x, (len(x), columns))

    def weighted_sum(self, x: Any, weights: Any) -> Any:
        """(rows, columns) times (columns,), summed to (rows, 1)."""
        return x @ weights[:, None]

    def constant(self, step: Step, name: str, like: Any) -> Any:
        """A list of the step as an array of the dtype of `like`."""
        return np.asarray(getattr(step, name), dtype=like.dtype)

    def like(self, outcome: Any, x: Any) -> Any:
        """The same numbers in the dtype of `x`."""
        return np.asarray(outcome, dtype=x.dtype)

    def softplus(self, x: Any) -> Any:
        """log(1 + exp(x)), element by element."""
        return np.logaddexp(x, 0.0)

    def log(self, x: Any) -> Any:
        """The logarithm of numbers of at least `LEAST`, to which smaller ones are raised."""
        return np.log(np.maximum(x, LEAST))

    def log_share(self, x: Any, classes: Any) -> Any:
        """Log of the softmax over the columns of x (rows, columns) of each row's class (rows, 1), (rows, 1)."""
        from scipy.special import log_softmax

        return np.take_along_axis(log_softmax(x, axis=1), np.asarray(classes, dtype=np.int64), axis=1)


def apply(functions: Functions, steps: Sequence[Step], x: Any, outcome: Any = None) -> Any:
    """The chain on (rows, columns); softmax, log-odds and a class's loss leave one column, ramps need one.

    Args:
        outcome: (rows, 1), which losses take.
    """
    for step in steps:
        column = slice(step.column, step.column + 1)
        match step.op:
            case "affine":
                x = x if step.slope == 1.0 else x * step.slope
                x = x if step.shift == 0.0 else x + step.shift
            case "sigmoid":
                x = functions.sigmoid(x)
            case "column":
                x = x[:, column]
            case "softmax":
                x = functions.softmax(x)[:, column]
            case "log_odds":
                others = [part for part in (x[:, : step.column], x[:, step.column + 1 :]) if part.shape[1]]
                x = x[:, column] - functions.logsumexp(others)
            case "ramps":
                start, scale, rise = (functions.constant(step, name, x) for name in ("start", "scale", "rise"))
                z = (functions.spread(x, len(step.start)) - start) * scale
                x = functions.weighted_sum(functions.clip(z), rise) + step.shift
            case "log_loss":
                x = (1.0 - outcome) * functions.softplus(x) + outcome * functions.softplus(-x)
            case "probability_loss":
                x = -outcome * functions.log(x) - (1.0 - outcome) * functions.log(1.0 - x)
            case "class_loss":
                x = -functions.log_share(x, outcome)
            case "squared_error":
                x = (x - outcome) * (x - outcome)
            case _:
                raise AssertionError(step.op)
    return x
