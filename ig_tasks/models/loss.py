"""The loss of a row at its outcome as the number that is explained: which features drive the error.

The outcome is an input that the path leaves as it is, so that attributions add up to the loss of the row less the loss
at the baseline, both at this row's outcome.

log_loss        -log of the probability that was given to what came, in nats: of the (calibrated) probability of a
                binary outcome, or of the class's share of the softmax
squared_error   (output - outcome)^2 of a number
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.data.labels import read_labels
from ig_tasks.models.output_steps import SIGMOID, Step, affine
from ig_tasks.models.outputs import OUTCOME, Head, Selection

if TYPE_CHECKING:
    from ig_tasks.data.encoding import Encoded
    from ig_tasks.models.target_config import TargetConfig

__all__ = ["LOSS", "OUTCOME", "LabelColumn", "is_loss", "loss_of", "loss_steps", "with_outcomes", "without_outcome"]

LOSS = "loss"
"""What a spec says; which loss it is, the target tells."""
_LOSSES = ("log_loss", "squared_error")


@dataclass(frozen=True)
class LabelColumn:
    """The column that holds outcomes, and how they are written there; as in `Outcome`."""

    column: str
    kind: str
    target: str
    classes: Mapping[str, int] = field(default_factory=dict)

    def read(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Outcomes (rows,), NaN where they are not known. Raises DataError for a value that is not an outcome."""
        return read_labels(column, self.kind, self.target, self.classes)


def is_loss(space: str | None) -> bool:
    """Whether a space is a loss, under either name."""
    return space == LOSS or space in _LOSSES


def loss_of(config: TargetConfig) -> str:
    """Which loss a target has."""
    probable = config.space in ("logit", "probability") or config.calibration is not None
    return "log_loss" if probable else "squared_error"


def loss_steps(config: TargetConfig, steps_to: Any) -> tuple[Step, ...]:
    """The chain from a target's column to its loss.

    Args:
        steps_to: `steps_to(config, space)`, the chain to one of its other spaces.
    """
    if loss_of(config) == "squared_error":
        return (Step("squared_error"),)
    calibration = config.calibration
    if config.activation == "softmax":
        scaled = calibration is not None and calibration.method == "temperature"
        tempered = [affine(1.0 / (calibration.temperature or 1.0))] if calibration is not None and scaled else []
        return (*tempered, Step("class_loss"))
    if calibration is None:
        return (Step("probability_loss" if config.space == "probability" else "log_loss"),)
    before = list(steps_to(config, "calibrated"))
    # The loss is told of log-odds where there are any: a probability near 0 or 1 has no digits left.
    if before and before[-1] == SIGMOID:
        return (*before[:-1], Step("log_loss"))
    return (*before, Step("probability_loss"))


def loss_head(name: str, config: TargetConfig, selection: Selection, steps: tuple[Step, ...]) -> Head:
    """The head that takes the outcome beside the model's output."""
    binary = config.space == "logit" and config.activation is None
    return Head(name, loss_of(config), selection, steps, binary, takes_outcome=True)


def with_outcomes(encoded: Encoded, outcomes: NDArray[np.float64], column: str) -> Encoded:
    """Encoded rows with their outcomes among the inputs that are passed on; a row without one is left out.

    Args:
        outcomes: of all rows of the table, NaN where not known.
    """
    unknown = encoded.keep & np.isnan(outcomes)
    reasons = encoded.reasons.copy()
    reasons[unknown] = f"missing value in {column}: a row without an outcome has no loss"
    kept, held = encoded.keep & ~unknown, ~np.isnan(outcomes[encoded.keep])
    inputs, fixed, places = (
        {name: array[held] for name, array in group.items()}
        for group in (encoded.inputs, encoded.fixed, encoded.token_masks)
    )
    return replace(
        encoded,
        inputs=inputs,
        keep=kept,
        reasons=reasons,
        fixed={**fixed, OUTCOME: outcomes[kept]},
        token_masks=places,
        outside={name: cells.kept(held) for name, cells in encoded.outside.items()},
    )


def without_outcome(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs by name, without the outcome."""
    return {name: array for name, array in arrays.items() if name != OUTCOME}
