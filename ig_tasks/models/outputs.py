"""From what a model returns to the number that is explained: which output, and in which space.

A head is a selection (named output, position, column) and a chain of steps on the column chosen. The steps are
written once; numpy, torch and Keras bring the few functions that they need (`Functions`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from ig_tasks.errors import TargetError, suggest
from ig_tasks.models.calibration import Calibration

__all__ = [
    "Functions",
    "Head",
    "NumpyFunctions",
    "Selection",
    "Step",
    "apply",
    "calibration_steps",
    "log_odds",
    "ramps",
]

_LEAST_WIDTH = 1e-30  # a ramp's slope stays finite in float32


class Selection(BaseModel):
    """Which of the model's numbers: `head` a name, or a place among several outputs; then position, then column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    head: str | int | None = None
    position: int | None = None
    column: int | None = None


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
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Step:
        lists = {name: tuple(document[name]) for name in ("start", "scale", "rise")}
        return cls(**{**document, **lists})


SIGMOID = Step("sigmoid")


def affine(slope: float, shift: float = 0.0) -> Step:
    """slope x + shift."""
    return Step("affine", slope=float(slope), shift=float(shift))


def ramps(x: Sequence[float], y: Sequence[float]) -> Step:
    """Linear between the points (x, y), constant outside, as a sum of ramps min(max((z - start) scale, 0), 1) rise.

    A ramp is a difference of two ReLUs. All of them have one sign, so that nothing cancels: a sum of single ReLUs
    with the differences of slopes would lose as many digits as its steepest slope has.
    """
    found = [
        (left, 1.0 / max(right - left, _LEAST_WIDTH), above - below)
        for left, right, below, above in zip(x[:-1], x[1:], y[:-1], y[1:], strict=True)
        if above > below
    ]
    start, scale, rise = zip(*found, strict=True)
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

    def sigmoid(self, x: Any) -> Any: ...

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


class NumpyFunctions:
    """The functions in numpy, for predictions that are numbers already."""

    def sigmoid(self, x: Any) -> Any:
        from scipy.special import expit

        return expit(x)

    def softmax(self, x: Any) -> Any:
        from scipy.special import softmax

        return softmax(x, axis=-1)

    def logsumexp(self, parts: Sequence[Any]) -> Any:
        from scipy.special import logsumexp

        return logsumexp(np.concatenate(parts, axis=1), axis=1, keepdims=True)

    def clip(self, x: Any) -> Any:
        return np.clip(x, 0.0, 1.0)

    def spread(self, x: Any, columns: int) -> Any:
        return np.broadcast_to(x, (len(x), columns))

    def weighted_sum(self, x: Any, weights: Any) -> Any:
        return x @ weights[:, None]

    def constant(self, step: Step, name: str, like: Any) -> Any:
        return np.asarray(getattr(step, name), dtype=like.dtype)


def apply(functions: Functions, steps: Sequence[Step], x: Any) -> Any:
    """The chain on (rows, columns); softmax and log-odds leave one column, ramps need one."""
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
            case _:
                raise AssertionError(step.op)
    return x


@dataclass(frozen=True)
class Head:
    """What stands behind the raw model: the output chosen, and the chain that brings it into its space.

    `target` and `space` are for messages. With `one_column` an output of several columns is refused unless one is
    chosen; `binary` says that a column was taken for the log-odds of a yes or no without model.yaml saying so.
    """

    target: str
    space: str
    selection: Selection
    steps: tuple[Step, ...]
    binary: bool = False

    def __call__(self, functions: Functions, raw: Any, rows: int | None = None) -> Any:
        """(rows, 1) of what the model returned for so many rows, where they are known.

        Raises TargetError for an output that is not there.
        """
        x = self.pick(raw)
        # The squeeze at the end of many a model takes the axis of its only row, too.
        return self.of_tensor(functions, x[None] if rows == 1 and tuple(x.shape[:1]) != (1,) else x)

    def pick(self, raw: Any) -> Any:
        """The tensor of the head that is named."""
        head, where = self.selection.head, f"targets.{self.target}.output"
        if dataclasses.is_dataclass(raw) and not isinstance(raw, type | Mapping):
            raw = {field.name: getattr(raw, field.name) for field in dataclasses.fields(raw)}
        if isinstance(raw, Mapping):
            held = {str(name): value for name, value in raw.items() if value is not None}
            if head is None and len(held) == 1:
                return next(iter(held.values()))
            if isinstance(head, int) and -len(held) <= head < len(held):
                return list(held.values())[head]
            if head is None or str(head) not in held:
                what = "several outputs, name one as head" if head is None else f"no output '{head}'"
                raise TargetError(f"{where}: the model has {what}{suggest(str(head or ''), held, noun='outputs')}")
            return held[str(head)]
        if isinstance(raw, tuple | list):
            if hasattr(raw, "_fields") and isinstance(head, str) and head in raw._fields:
                return getattr(raw, head)
            if head is None and len(raw) == 1:
                return raw[0]
            if isinstance(head, int) and -len(raw) <= head < len(raw):
                return raw[head]
            asked = "choose one" if head is None else f"'{head}' is none of them"
            raise TargetError(f"{where}: the model returns {len(raw)} outputs; {asked} (head: 0 to {len(raw) - 1})")
        if head not in (None, 0):
            raise TargetError(f"{where}: the model has one output without a name, and '{head}' is none; leave head out")
        return raw

    def of_tensor(self, functions: Functions, x: Any) -> Any:
        """(rows, 1) of the named head's tensor."""
        where, shape = f"targets.{self.target}.output", tuple(x.shape)
        position, column = self.selection.position, self.selection.column
        if position is not None:
            if len(shape) != 3:
                raise TargetError(f"{where}: position {position} of an output of shape {shape}; it has no positions")
            if shape[1] is not None and not -shape[1] <= position < shape[1]:
                raise TargetError(f"{where}: position {position} is not there; the output has {shape[1]} positions")
            x = x[:, position]
        elif len(shape) == 3 and shape[2] != 1:
            raise TargetError(f"{where}: the output has shape {shape}; choose a position, (rows, positions, columns)")
        elif len(shape) == 3:
            x = x[:, :, 0]
        if len(x.shape) == 1:
            x = x[:, None]
        if len(x.shape) != 2:
            raise TargetError(f"{where}: the output has shape {shape}; (rows, columns) can be explained")
        columns = x.shape[1]
        if column is not None and not 0 <= column < columns:
            raise TargetError(f"{where}: column {column} is not there; the output has {columns}: 0 to {columns - 1}")
        if column is None and columns != 1:
            raise TargetError(f"{where}: the output has {columns} columns; choose one of 0 to {columns - 1}")
        if self.binary and columns > 1:
            raise TargetError(
                f"targets.{self.target}.activation: the output has {columns} columns; say softmax if they are classes "
                "that exclude one another, sigmoid if each is a yes or no of its own"
            )
        wide = any(step.op in ("column", "softmax", "log_odds") for step in self.steps)
        if wide and columns < 2:
            raise TargetError(f"targets.{self.target}.activation: softmax needs several columns, the output has one")
        if not wide and columns > 1 and column is not None:
            x = x[:, column : column + 1]
        return apply(functions, self.steps, x)
