"""Outcomes of a shard's rows, and what the model predicted of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ig_tasks.data.labels import read_labels
from ig_tasks.errors import DataError
from ig_tasks.models import LoadedModel
from ig_tasks.models.outcomes import class_probabilities, outcome_of, prediction
from ig_tasks.models.target_config import Target
from ig_tasks.statistics import Levels, as_levels

__all__ = [
    "CORRECT",
    "LABEL",
    "LABEL_PROBABILITY",
    "PREDICTED",
    "PREDICTED_CLASS",
    "RowOutcomes",
    "outcome_columns",
    "outcome_segments",
    "require_class",
    "row_outcomes",
]

LABEL, PREDICTED = "label", "predicted"
CORRECT = "correct"
"""The segment of rows that were predicted rightly, and of those that were not."""
RIGHT, WRONG, UNKNOWN = "right", "wrong", "not known"
_HALF = 0.5
LABEL_PROBABILITY, PREDICTED_CLASS = "label_probability", "predicted_class"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RowOutcomes:
    """Outcomes (rows,), NaN where they are not known, and predictions (rows,).

    label: 0 or 1, the number of a class, or a number.
    predicted: the probability of 1, or of the class that is explained, or the number.
    label_probability, predicted_class: of classes the probability of the row's own, and the most probable one.
    correct: `right`, `wrong` or `not known`; None of numbers.
    """

    label: Floats
    predicted: Floats
    label_probability: Floats | None = None
    predicted_class: Floats | None = None
    correct: NDArray[np.object_] | None = None


def row_outcomes(
    loaded: LoadedModel, target: Target, column: pd.Series[Any], output: Floats, arrays: Mapping[str, Any]
) -> RowOutcomes:
    """Outcomes of encoded rows.

    Where `output`, the number that was explained, does not say what is predicted, the model is called once more.

    Raises:
        DataError: naming a value that is no outcome of the target.
    """
    outcome = outcome_of(loaded.package.config, target)
    label = read_labels(column, outcome.kind, outcome.target, outcome.classes)
    known = ~np.isnan(label)
    unknown = np.full(len(label), np.nan)
    if not known.any():
        empty = unknown if outcome.kind == "class" else None
        correct = None if outcome.kind == "number" else _correctness(label, unknown)
        return RowOutcomes(label, unknown, empty, empty, correct)
    if outcome.kind != "class":
        predicted = prediction(loaded, target, outcome, output, lambda: arrays)
        cut = _HALF if target.config.threshold is None else target.config.threshold
        decided = (predicted >= cut).astype(np.float64)
        return RowOutcomes(label, predicted, correct=None if outcome.kind == "number" else _correctness(label, decided))
    shares = class_probabilities(loaded, target, arrays)
    require_class(str(column.name), int(label[known].max()), shares.shape[1])
    own = unknown.copy()
    own[known] = shares[np.flatnonzero(known), label[known].astype(np.int64)]
    decided = shares.argmax(axis=1).astype(np.float64)
    calibration = target.config.calibration
    if calibration is None or calibration.method == "temperature":
        predicted = shares[:, outcome.column]
    else:
        predicted = prediction(loaded, target, outcome, output, lambda: arrays)
    return RowOutcomes(label, predicted, own, decided, _correctness(label, decided))


def require_class(column: str, greatest: int, classes: int) -> None:
    """Refuse the number of a class that the model has no column for.

    Args:
        greatest: the greatest number that the column holds.

    Raises:
        DataError: naming it.
    """
    if greatest >= classes:
        raise DataError(
            f"data.label: column {column!r} holds class {greatest}, and the model has {classes}: 0 to {classes - 1}; "
            "number classes as the model's output does"
        )


def _correctness(label: Floats, decided: Floats) -> NDArray[np.object_]:
    """Whether each row was predicted rightly, in words."""
    words = np.where(decided == label, RIGHT, WRONG).astype(object)
    words[np.isnan(label)] = UNKNOWN
    return words


def outcome_segments(outcomes: RowOutcomes | None, usable: NDArray[np.bool_]) -> dict[str, Levels]:
    """The segment of right and wrong predictions; empty without outcomes, or where they are numbers."""
    return {} if outcomes is None or outcomes.correct is None else {CORRECT: as_levels(outcomes.correct[usable])}


def outcome_columns(outcomes: RowOutcomes | None, usable: NDArray[np.bool_]) -> dict[str, pa.Array]:
    """Columns of a shard's table, null where an outcome is not known; none without outcomes."""
    columns = (
        {}
        if outcomes is None
        else {
            LABEL: outcomes.label,
            PREDICTED: outcomes.predicted,
            LABEL_PROBABILITY: outcomes.label_probability,
            PREDICTED_CLASS: outcomes.predicted_class,
        }
    )
    return {
        name: pa.array(values[usable], pa.float64(), from_pandas=True)
        for name, values in columns.items()
        if values is not None
    }
