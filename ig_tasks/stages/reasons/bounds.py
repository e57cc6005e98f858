"""How wrong a contribution may be: the error bound of each row.

The engine's estimate bounds the sum of the errors of all features of a row (L1), relative to the sum of their sizes. It
therefore bounds the error of each feature, and of each sum of features.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ig_tasks.errors import InputError
from ig_tasks.stages.tables import ELEMENTS

__all__ = ["row_bounds"]

Floats = NDArray[np.float64]

_ROUNDINGS = 8.0
"""Machine epsilons of the model's numbers that one contribution may be off by, even with an exact rule."""


def row_bounds(table: pa.Table, values: Floats, epsilon: float, *, several: bool) -> tuple[Floats, Floats]:
    """What the integration of a row (rows,) may be wrong by in all, and the rounding of one feature (rows,).

    Args:
        table: the run's rows.
        values: (rows, features) their attributions.
        epsilon: of the dtype of the model's outputs.
        several: whether a feature has several elements, whose errors the estimate is of.

    Raises:
        InputError: if an earlier version wrote the rows, and kept too little of them.
    """

    def column(name: str) -> Floats:
        return np.asarray(table.column(name).to_numpy(), np.float64)

    size = np.abs(values).sum(axis=1)
    if several:
        if ELEMENTS not in table.column_names:
            raise InputError(
                f"run: its rows have no column {ELEMENTS}, without which nothing bounds the error of features of many "
                "elements; run it again in another store"
            )
        size = np.maximum(size, column(ELEMENTS))
    rounding = _ROUNDINGS * epsilon * (size + np.abs(column("output")) + np.abs(column("baseline_output")))
    # The delta is the sum of all errors: where the estimate is too small, that is seen.
    return np.maximum(column("error_estimate") * size, np.abs(column("convergence_delta"))), rounding
