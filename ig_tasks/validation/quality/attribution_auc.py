"""How well the attributions of one feature alone order outcomes: a leak of the outcome orders them nearly all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow.compute as pc

from ig_tasks.models.outcomes import Outcome
from ig_tasks.stages.row_outcomes import LABEL
from ig_tasks.statistics.prediction_counts import PredictionCounts
from ig_tasks.store.parquet_reading import read_tables
from ig_tasks.validation.drift.period import Period

__all__ = ["attribution_areas", "leading_features"]

_LOOKED_AT = 20
"""The most important features are looked at."""


def leading_features(run: Period) -> list[str]:
    """The features with the most importance."""
    importance = np.nan_to_num(run.totals.importance)
    return [run.features[place] for place in np.argsort(-importance, kind="stable")[:_LOOKED_AT]]


def attribution_areas(
    run: Period, outcome: Outcome, features: Sequence[str], *, falling: bool = False
) -> dict[str, float]:
    """{feature: area under the ROC curve of its attributions}, over the rows whose outcome is known.

    Empty for outcomes that are numbers, and where all rows have the same outcome.

    Args:
        falling: the outcome is less probable the larger the number explained.

    Raises:
        DamagedError: if a file of the run is not what was written.
    """
    if outcome.kind == "number":
        return {}
    folder = run.folder.checked(run.summary.files)
    counts: dict[str, PredictionCounts] = {}
    columns = ["target", LABEL, *(f"attribution:{name}" for name in features)]
    for table in read_tables(folder, run.summary.attribution_files, columns):
        table = table.filter(pc.and_(pc.equal(table.column("target"), run.target), pc.is_valid(table.column(LABEL))))
        label = table.column(LABEL).to_numpy().astype(np.float64)
        own = (label == outcome.column).astype(np.float64) if outcome.kind == "class" else label
        for name in features:
            part = PredictionCounts.of(table.column(f"attribution:{name}").to_numpy(), own)
            counts[name] = part if name not in counts else counts[name].merge(part)
    areas = {name: counted.auc()[0] for name, counted in counts.items()}
    return {name: 1.0 - area if falling else area for name, area in areas.items() if np.isfinite(area)}
