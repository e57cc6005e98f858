"""A target of model.yaml: one output of the model, and what people do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ig_tasks.models.calibration import Calibration
from ig_tasks.models.outputs import Selection

__all__ = ["Chosen", "Target", "TargetConfig"]

Chosen = str | int | Mapping[str, Any] | None
"""How a caller names a target: by name, output column or selection {head, position, column}; None: the only one."""


class TargetConfig(BaseModel):
    """One output of the model.

    `output` is the column of the model's output, or the name of one of several outputs, or a selection of head,
    position and column; without it the model has a single output. `space` says what the number is: "logit" is the
    log-odds of a binary outcome, or the score of one class among several, which `activation` tells apart.
    `threshold` is where a decision falls, in probability where there is one; where the target has a `calibration`, in
    calibrated probability.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    output: int | str | Selection | None = None
    space: str = Field(default="value", pattern=r"^[a-z][a-z0-9_]*$")
    activation: Literal["sigmoid", "softmax"] | None = None
    threshold: float | None = Field(default=None, allow_inf_nan=False)
    calibration: Calibration | None = None

    @model_validator(mode="after")
    def _check_space(self) -> TargetConfig:
        if self.space in ("calibrated", "margin"):
            raise ValueError(f"space: '{self.space}' is made of the model's own; declare what the model returns")
        if self.activation and self.space != "logit":
            raise ValueError(f"activation: belongs to space logit, and this one is {self.space}")
        softmax = self.activation == "softmax"
        if softmax and self.column is None:
            raise ValueError("activation: softmax has a column for each class; choose one with output")
        decided = self.threshold is not None or self.calibration is not None
        if decided and self.space == "logit" and self.column and self.activation is None:
            raise ValueError(
                f"activation: column {self.column} is one of several; say softmax if they are classes that exclude one "
                "another, sigmoid if each is a yes or no of its own"
            )
        calibration = self.calibration
        if calibration is not None:
            of = calibration.of or self.space
            if of not in (self.space, *(["probability"] if self.space == "logit" else [])):
                raise ValueError(f"calibration.of: the target has no space '{of}' to calibrate")
            if calibration.method == "temperature" and (self.space != "logit" or of != "logit"):
                raise ValueError("calibration: temperature divides logits; declare space logit, or use platt")
        in_probability = calibration is not None or self.space in ("logit", "probability")
        if self.threshold is not None and in_probability and not 0.0 < self.threshold < 1.0:
            raise ValueError(f"threshold: {self.threshold:g} is not a probability between 0 and 1")
        return self

    @property
    def column(self) -> int | None:
        """The column of the output that this target is."""
        if isinstance(self.output, Selection):
            return self.output.column
        return self.output if isinstance(self.output, int) else None


@dataclass(frozen=True)
class Target:
    """One output of a model in the space that is explained or compared.

    Attributes:
        name: as model.yaml has it, or the selection in words.
        config: what the output is.
        space: the declared one, or another of `ig_tasks.models.spaces`.
    """

    name: str
    config: TargetConfig
    space: str
