"""Verdicts on a run as a whole, and on values that became more frequent."""

from __future__ import annotations

from collections.abc import Iterator

from ig_tasks.presentation.percentages import percent
from ig_tasks.spec.verdicts_section import VerdictsSpec
from ig_tasks.store.drift_parts import Drift
from ig_tasks.store.report import Verdict
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.verdicts.feature_labels import UNNAMED, Presented, label_of

__all__ = ["gained_verdicts", "low_data_verdicts"]


def low_data_verdicts(run: Period, settings: VerdictsSpec) -> Iterator[Verdict]:
    """One verdict on all features where the run has few rows, or few clusters of rows."""
    limits, rows, clusters = settings.low_data, run.summary.merged.rows_explained, run.totals.clusters
    few_rows, few_clusters = rows < limits.rows, 0 < clusters < limits.clusters
    if not few_rows and not few_clusters:
        return
    unit, figure, limit = ("rows", rows, limits.rows) if few_rows else ("clusters of rows", clusters, limits.clusters)
    yield Verdict(
        target=run.target,
        feature="",
        verdict="low_data",
        why=f"The run has {figure:,} {unit}, fewer than {limit:,}: ranks and changes of features are hardly known.",
        figure=float(figure),
        threshold=float(limit),
        severity=limits.severity,
        remedy="Explain a longer period, or read the intervals before the ranks.",
    )


def gained_verdicts(drift: Drift, settings: VerdictsSpec, presented: Presented = UNNAMED) -> Iterator[Verdict]:
    """Values that gained rows since the report compared with: one imputed for missing ones shows in no importance."""
    limits = settings.value_driven
    for drifted in drift.features:
        moved = drifted.input_drift
        if drifted.segment is not None or drifted.follows_partition or moved is None or moved.gained_share is None:
            continue
        if moved.gained_share < limits.gained:
            continue
        value = "no value" if moved.gained is None else moved.gained
        yield Verdict(
            target=drifted.target,
            feature=drifted.feature,
            verdict="value_gained",
            why=f"{percent(moved.gained_share)} more of the rows hold {value} in "
            f"{label_of(presented, drifted.feature)} than before.",
            figure=moved.gained_share,
            threshold=limits.gained,
            severity=limits.severity,
            remedy="If the value stands for something missing, the column is filled less often: look at its source.",
        )
