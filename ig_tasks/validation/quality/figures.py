"""The quality of a run's model, in two passes over the rows whose outcome is known.

The first pass counts outcomes by prediction and sums losses; the second adds up, by cluster of rows, by how much each
row moves a figure. Errors are those of clustered rows, s^2 = G / (G - 1) sum e_g^2. A row moves the area under the ROC
curve by its placement, the share of the rows of the other outcome that it is ordered rightly against, less the area,
over the rows of its own outcome (DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more
correlated receiver operating characteristic curves", Biometrics 44; by cluster, Obuchowski 1997, "Nonparametric
analysis of clustered ROC curve data", Biometrics 53).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.models.outcomes import Outcome
from ig_tasks.statistics import MISSING
from ig_tasks.statistics.losses import LOSS_NAMES
from ig_tasks.statistics.prediction_counts import PredictionCounts
from ig_tasks.store.report_quality import CalibrationPart, Quality
from ig_tasks.validation.drift.decomposition import variance_of_sums
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.quality.labelled_rows import LabelledRows, labelled_rows
from ig_tasks.validation.quality.quality_sentence import quality_words

__all__ = ["ClusterResiduals", "judge_quality"]

Floats = NDArray[np.float64]

_HALF = 0.5


def judge_quality(run: Period, outcome: Outcome, threshold: float | None = None) -> Quality:
    """Figures of the model's quality over all rows whose outcome is known.

    Args:
        threshold: the probability from which people take 1; None: one half.

    Raises:
        DamagedError: if a file of the run is not what was written.
    """
    cut = _HALF if threshold is None else threshold
    sums = _Sums()
    for rows in labelled_rows(run, outcome, cut):
        sums.add(rows)
    label = str(run.spec.data.label)
    quality = Quality(
        target=run.target,
        label=label,
        kind=outcome.kind,
        space=outcome.space,
        rows=sums.rows,
        rows_unknown=sums.unknown,
        loss_name=LOSS_NAMES[outcome.kind],
    )
    if not sums.rows or sums.counts is None:
        return quality.model_copy(update={"sentence": quality_words(quality)})
    auc, bound = sums.counts.auc() if outcome.kind != "number" else (None, None)
    residuals = ClusterResiduals()
    squared = absolute = spread = 0.0
    for rows in labelled_rows(run, outcome, cut):
        residuals.add(_residuals(rows, sums, auc), rows.clusters)
        squared += float(((rows.predicted - rows.outcome) ** 2).sum())
        absolute += float(np.abs(rows.predicted - rows.outcome).sum())
        # Rounding leaves a remainder even where all outcomes are equal.
        spread += float(((rows.outcome - sums.mean_outcome) ** 2).sum()) if sums.highest > sums.lowest else 0.0
    errors = residuals.errors()
    parts = _calibration(sums.counts)
    figures = {
        "clusters": residuals.clusters,
        "mean_outcome": sums.mean_outcome,
        "mean_prediction": sums.predicted / sums.rows,
        "loss": sums.mean_loss,
        "loss_se": errors[0],
        "base_loss": sums.base_loss(outcome),
        "calibration": tuple(parts),
        "calibration_error": sum(part.rows * abs((part.predicted or 0.0) - (part.observed or 0.0)) for part in parts)
        / sums.rows,
    }
    if outcome.kind == "number":
        figures |= {
            "base_loss": spread / sums.rows,
            "rmse": float(np.sqrt(squared / sums.rows)),
            "mae": absolute / sums.rows,
            "r2": 1.0 - squared / spread if spread else None,
        }
    else:
        figures |= {
            "auc": auc,
            "auc_se": None if auc is None or np.isnan(auc) else errors[2],
            "auc_bound": bound,
            "accuracy": sums.mean_correct,
            "accuracy_se": errors[1],
            "threshold": cut if outcome.kind == "binary" else None,
            "brier": squared / sums.rows,
        }
    quality = Quality.model_validate({**quality.model_dump(), **figures})
    return quality.model_copy(update={"sentence": quality_words(quality)})


@dataclass
class _Sums:
    """The first pass."""

    rows: int = 0
    unknown: int = 0
    outcome: float = 0.0
    predicted: float = 0.0
    loss: float = 0.0
    correct: float = 0.0
    labels: Counter[float] = field(default_factory=Counter)
    lowest: float = np.inf
    highest: float = -np.inf
    counts: PredictionCounts | None = None

    def add(self, rows: LabelledRows) -> None:
        self.unknown += rows.unknown
        if not len(rows):
            return
        self.rows += len(rows)
        self.outcome += float(rows.outcome.sum())
        self.lowest = min(self.lowest, float(rows.outcome.min()))
        self.highest = max(self.highest, float(rows.outcome.max()))
        self.predicted += float(rows.predicted.sum())
        self.loss += float(rows.loss.sum())
        if rows.correct is not None:
            self.correct += float(rows.correct.sum())
            values, times = np.unique(rows.label, return_counts=True)
            self.labels.update(dict(zip(values.tolist(), times.tolist(), strict=True)))
        part = PredictionCounts.of(rows.predicted, rows.outcome)
        self.counts = part if self.counts is None else self.counts.merge(part)

    @property
    def mean_outcome(self) -> float:
        return self.outcome / self.rows

    @property
    def mean_loss(self) -> float:
        return self.loss / self.rows

    @property
    def mean_correct(self) -> float:
        return self.correct / self.rows

    def base_loss(self, outcome: Outcome) -> float | None:
        """The entropy of the classes; of numbers it needs a second pass."""
        if outcome.kind == "number":
            return None
        shares = np.array(list(self.labels.values()), np.float64) / self.rows
        return float((shares * -np.log(shares)).sum())


def _residuals(rows: LabelledRows, sums: _Sums, auc: float | None) -> Floats:
    """By how much each row moves loss, accuracy and AUC (rows, 3)."""
    residuals = np.zeros((len(rows), 3))
    if not len(rows) or sums.counts is None:
        return residuals
    residuals[:, 0] = (rows.loss - sums.mean_loss) / sums.rows
    if rows.correct is not None:
        residuals[:, 1] = (rows.correct - sums.mean_correct) / sums.rows
    if auc is not None and not np.isnan(auc):
        below, ones_below = sums.counts.ranked()
        places = sums.counts.places_of(rows.predicted)
        positives = sums.outcome
        residuals[:, 2] = np.where(
            rows.outcome == 1.0,
            (below[places] - auc) / positives,
            (1.0 - ones_below[places] - auc) / (sums.rows - positives),
        )
    return residuals


class ClusterResiduals:
    """What each cluster of rows contributes to figures, added up; without clusters each row is one."""

    def __init__(self) -> None:
        self._by_cluster: pd.DataFrame | None = None
        self._squares: Floats | None = None
        self._rows = self._unlabelled = 0

    def add(self, residuals: Floats, clusters: NDArray[np.object_] | None) -> None:
        """Residuals (rows, figures), each of which sums to 0 over all rows, and the rows' clusters."""
        self._rows += len(residuals)
        if clusters is None:
            squares = (residuals**2).sum(axis=0)
            self._squares = squares if self._squares is None else self._squares + squares
            return
        # Rows without a label may be of any cluster: the error is that of the rows that have one.
        labelled = np.asarray(clusters) != MISSING
        self._unlabelled += int((~labelled).sum())
        part = pd.DataFrame(residuals[labelled]).groupby(clusters[labelled], sort=True).sum()
        both = part if self._by_cluster is None else pd.concat([self._by_cluster, part])
        self._by_cluster = both.groupby(level=0, sort=True).sum()

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the errors: clusters, or rows that stand for themselves, minus one."""
        return (self.clusters or self._rows) - 1

    @property
    def clusters(self) -> int:
        """How many clusters there are; 0 where each row stands for itself."""
        return 0 if self._by_cluster is None else len(self._by_cluster)

    def errors(self) -> list[float | None]:
        """The standard error of each figure; None where one cluster or one row is not enough."""
        if self._by_cluster is not None:
            of_all = self._rows / max(self._rows - self._unlabelled, 1)
            errors = of_all * np.sqrt(variance_of_sums(self._by_cluster.to_numpy(np.float64)))
        elif self._squares is not None and self._rows > 1:
            errors = np.sqrt(self._rows / (self._rows - 1) * self._squares)
        else:
            errors = np.full(0 if self._squares is None else len(self._squares), np.nan)
        return [float(error) if np.isfinite(error) else None for error in errors]


def _calibration(counts: PredictionCounts) -> list[CalibrationPart]:
    """Tenths of the rows, by prediction."""
    part, predictions = counts.tenths(), counts.predictions
    parts = []
    for number in np.unique(part).tolist():
        in_part = part == number
        rows = int(counts.rows[in_part].sum())
        parts.append(
            CalibrationPart(
                rows=rows,
                predicted=float((counts.rows[in_part] * predictions[in_part]).sum() / rows),
                observed=float(counts.outcomes[in_part].sum() / rows),
                lowest=float(predictions[in_part][0]),
                highest=float(predictions[in_part][-1]),
            )
        )
    return parts
