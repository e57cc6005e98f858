"""The loss of each row: what a prediction costs, given the outcome."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOSS_NAMES", "OutcomeKind", "base_loss", "log_loss", "row_losses"]

OutcomeKind = Literal["binary", "class", "number"]
"""Outcomes 0 and 1, one of several classes, or numbers."""

Floats = NDArray[np.float64]

_LEAST = float(np.finfo(np.float64).eps)
"""Probabilities nearer to 0 or 1 count as this far from it: a certainty that is wrong costs 36 nats."""

LOSS_NAMES: dict[OutcomeKind, str] = {"binary": "log loss", "class": "log loss", "number": "squared error"}


def row_losses(kind: OutcomeKind, outcome: Floats, predicted: Floats) -> Floats:
    """Cross-entropy in nats of outcomes 0 and 1 (rows,), of a class whether it is that one; or the squared error."""
    if kind == "number":
        return np.asarray((predicted - outcome) ** 2, np.float64)
    return log_loss(np.where(outcome == 1.0, predicted, 1.0 - predicted))


def log_loss(probability: Floats) -> Floats:
    """What it costs to have given what came this probability (rows,)."""
    return np.asarray(-np.log(np.clip(probability, _LEAST, 1.0)), np.float64)


def base_loss(kind: OutcomeKind, outcome: Floats) -> float:
    """The mean loss of who predicts the mean of these outcomes for every row; NaN without rows."""
    if not len(outcome):
        return float("nan")
    return float(row_losses(kind, outcome, np.full(len(outcome), float(outcome.mean()))).mean())
