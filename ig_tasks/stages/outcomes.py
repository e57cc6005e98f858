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

__all__ = [
    "LABEL",
    "LABEL_PROBABILITY",
    "PREDICTED",
    "PREDICTED_CLASS",
    "RowOutcomes",
    "outcome_columns",
    "row_outcomes",
]

LABEL, PREDICTED = "label", "predicted"
LABEL_PROBABILITY, PREDICTED_CLASS = "label_probability", "predicted_class"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RowOutcomes:
    """Outcomes (rows,), NaN where they are not known, and predictions (rows,).

    label: 0 or 1, the number of a class, or a number.
    predicted: the probability of 1, or of the class that is explained, or the number.
    label_probability, predicted_class: of classes the probability of the row's own, and the most probable one.
    """

    label: Floats
    predicted: Floats
    label_probability: Floats | None = None
    predicted_class: Floats | None = None


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
        more = (unknown, unknown) if outcome.kind == "class" else ()
        return RowOutcomes(label, unknown, *more)
    if outcome.kind != "class":
        return RowOutcomes(label, prediction(loaded, target, outcome, output, lambda: arrays))
    shares = class_probabilities(loaded, target, arrays)
    if (label[known] >= shares.shape[1]).any():
        raise DataError(
            f"data.label: column {column.name!r} holds class {int(label[known].max())}, and the model has "
            f"{shares.shape[1]}: 0 to {shares.shape[1] - 1}; number classes as the model's output does"
        )
    own = unknown.copy()
    own[known] = shares[np.flatnonzero(known), label[known].astype(np.int64)]
    return RowOutcomes(
        label,
        prediction(loaded, target, outcome, output, lambda: arrays),
        own,
        shares.argmax(axis=1).astype(np.float64),
    )


def outcome_columns(outcomes: RowOutcomes | None, usable: NDArray[np.bool_]) -> dict[str, pa.Array]:
    """Columns of a shard's table; null where an outcome is not known."""
    if outcomes is None:
        return {name: pa.array([], pa.float64()) for name in (LABEL, PREDICTED, LABEL_PROBABILITY, PREDICTED_CLASS)}
    held = {
        LABEL: outcomes.label,
        PREDICTED: outcomes.predicted,
        LABEL_PROBABILITY: outcomes.label_probability,
        PREDICTED_CLASS: outcomes.predicted_class,
    }
    return {
        name: pa.array(values[usable], pa.float64(), from_pandas=True)
        for name, values in held.items()
        if values is not None
    }
