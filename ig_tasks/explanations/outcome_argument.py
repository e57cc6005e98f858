"""The argument `label` of `explain`: the outcomes at which the loss of rows is explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.errors import DataError, InputError, suggest
from ig_tasks.models.loaded import LoadedModel
from ig_tasks.models.loss import LabelColumn, is_loss
from ig_tasks.models.outcomes import outcome_of

__all__ = ["given_outcomes"]


def given_outcomes(
    loaded: LoadedModel | None, target: Any, space: str | None, label: Any, table: pd.DataFrame | None
) -> NDArray[np.float64] | None:
    """Outcomes (rows,), NaN where they are not known; None where no loss is explained.

    Args:
        label: outcomes, or the column of the table that holds them.

    Raises:
        InputError: if a loss lacks outcomes, or something else has them.
    """
    config = None if loaded is None else loaded.package.config
    declared = None if config is None or space is None else config.choose_target(target, None).space
    if config is None or not is_loss(space) or space == declared:
        if label is not None:
            raise InputError("label: outcomes go with the loss of a loaded package's target, space='loss'")
        return None
    if label is None:
        raise InputError("label: a loss is one at the row's outcome; give the outcomes, or the column that holds them")
    if isinstance(label, str):
        columns = [] if table is None else [str(name) for name in table.columns]
        if table is None or label not in table:
            raise InputError(f"label: there is no column '{label}'{suggest(label, columns, noun='columns')}")
        column = table[label]
    else:
        column = pd.Series(np.asarray(label).ravel(), name="label")
    outcome = outcome_of(config, config.choose_target(target, None))
    try:
        outcomes = LabelColumn("label", outcome.kind, outcome.target, outcome.classes).read(column)
    except DataError as error:
        raise InputError(str(error).removeprefix("data.")) from None
    if table is not None and len(outcomes) != len(table):
        raise InputError(f"label: {len(outcomes)} outcomes for {len(table)} rows")
    if table is None and np.isnan(outcomes).any():
        raise InputError(f"label: {int(np.isnan(outcomes).sum())} rows have no outcome, and so no loss; leave them out")
    return outcomes
