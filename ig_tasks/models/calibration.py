"""Calibration of a target: what turns the model's number into a probability that holds what it says.

Three methods, each with its parameters in model.yaml or in a JSON file of the package:

platt         sigmoid(slope x + intercept) (Platt 1999)
temperature   sigmoid or softmax of logits divided by one temperature (Guo et al. 2017)
isotonic      linear between the points (x, y), constant outside (Zadrozny & Elkan 2002): piecewise linear
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Calibration"]

Method = Literal["platt", "temperature", "isotonic"]

_PARAMETERS: dict[str, tuple[str, ...]] = {
    "platt": ("slope", "intercept"),
    "temperature": ("temperature",),
    "isotonic": ("x", "y"),
}


class Calibration(BaseModel):
    """One calibration; only the parameters of its method are given.

    `of` is the space that it is applied to: "probability" of a target declared as "logit", else (left out) the
    target's own space.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: Method
    of: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")
    file: str | None = None
    slope: float | None = None
    intercept: float | None = None
    temperature: float | None = Field(default=None, gt=0.0)
    x: tuple[float, ...] | None = None
    y: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _parameters(self) -> Calibration:
        wanted = _PARAMETERS[self.method]
        for name in ("slope", "intercept", "temperature", "x", "y"):
            if name in wanted and getattr(self, name) is None:
                raise ValueError(f"{self.method} needs {' and '.join(wanted)}, here or in the file that `file` names")
            if name not in wanted and getattr(self, name) is not None:
                raise ValueError(f"{self.method} takes {' and '.join(wanted)}, not {name}")
        if self.method == "platt" and self.slope == 0.0:
            raise ValueError("slope: 0 gives every row the same probability")
        if self.method == "isotonic":
            _check_points(self.x or (), self.y or ())
        return self

    @property
    def piecewise_linear(self) -> bool:
        """Whether the calibration is piecewise linear, so that exact integration stays possible."""
        return self.method == "isotonic"

    @property
    def invertible(self) -> bool:
        """Whether the number that was calibrated can be told from the probability: not where several share one."""
        return self.method != "isotonic"

    def describe(self) -> str:
        """The method and its parameters, in a few words."""
        if self.method == "platt":
            of = self.of or "output"
            return f"Platt scaling: the sigmoid of {self.slope:.6g} times the {of} plus {self.intercept:.6g}"
        if self.method == "temperature":
            return f"temperature scaling: the logits divided by {self.temperature:.6g}"
        return f"isotonic regression: piecewise linear, through {len(self.x or ())} points"


def _check_points(x: tuple[float, ...], y: tuple[float, ...]) -> None:
    if len(x) != len(y):
        raise ValueError(f"isotonic: x has {len(x)} points, y has {len(y)}")
    if len(x) < 2 or y[0] == y[-1]:
        raise ValueError("isotonic: needs at least two points that differ in y; one constant has nothing to explain")
    if any(after <= before for before, after in pairwise(x)):
        raise ValueError("isotonic: x has to rise from point to point (scikit-learn's X_thresholds_)")
    if any(after < before for before, after in pairwise(y)):
        raise ValueError("isotonic: y must not fall from point to point (scikit-learn's y_thresholds_)")
    if not all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in y):
        raise ValueError("isotonic: y holds probabilities, from 0 to 1")
