"""The parts of a report that say how good the model was where the outcome is known."""

from __future__ import annotations

from typing import Literal

from ig_tasks.store.report_values import Count, Figure, Part

__all__ = ["CalibrationPart", "FeatureGain", "Quality"]


class CalibrationPart(Part):
    """About a tenth of the rows, by prediction: what was predicted of them, and what came."""

    rows: Count
    predicted: Figure
    """Mean prediction."""
    observed: Figure
    """Mean outcome: the share of ones where outcomes are 0 and 1."""
    lowest: Figure = None
    highest: Figure = None


class FeatureGain(Part):
    """What the model loses without one feature: its loss with the feature at the baseline, less its own."""

    feature: str
    gain: Figure
    """Greater than zero: the feature helps. In the units of the loss."""
    se: Figure
    """Standard error, of clusters of rows where the spec names them."""
    share: Figure = None
    """The gain as a share of what the model gains over the base rate."""
    share_high: Figure = None
    """The one-sided 95 % upper bound of `share`."""
    auc: Figure = None
    """How well the feature's attribution alone orders outcomes: the area under its ROC curve; null for numbers."""


class Quality(Part):
    """How well the model predicted the outcome of one target, over the explained rows whose outcome is known."""

    target: str
    label: str
    """The outcome's column."""
    kind: Literal["binary", "class", "number"]
    """binary: outcomes are 0 and 1; class: one of several classes; number: any number."""
    space: str
    """What is compared with the outcome: probability, calibrated, or the target's own units."""
    rows: Count
    rows_unknown: Count
    """Rows whose outcome is not known yet."""
    clusters: Count = 0
    """Independent clusters of rows; 0 where each row stands for itself."""
    mean_outcome: Figure = None
    """The base rate where outcomes are 0 and 1, or of the class that is explained."""
    mean_prediction: Figure = None
    loss_name: str = ""
    """log loss (nats per row), or squared error."""
    loss: Figure = None
    loss_se: Figure = None
    base_loss: Figure = None
    """The loss of who predicts the mean outcome of these rows for every row; of classes their shares."""
    auc: Figure = None
    """Area under the ROC curve, ties by half; of a class against all others."""
    auc_se: Figure = None
    auc_bound: Figure = None
    """By how much `auc` may be off since predictions were counted together; 0 where it is exact."""
    accuracy: Figure = None
    """Share of rows whose most probable class is theirs; of 0 and 1 at the target's threshold, or one half."""
    accuracy_se: Figure = None
    threshold: Figure = None
    """The probability from which 1 is predicted, for `accuracy`."""
    brier: Figure = None
    """Mean squared difference between probability and outcome."""
    rmse: Figure = None
    mae: Figure = None
    r2: Figure = None
    """Share of the outcome's variance that the model explains."""
    calibration: tuple[CalibrationPart, ...] = ()
    """Tenths of the rows by prediction, the lowest first."""
    calibration_error: Figure = None
    """Mean of |predicted - observed| over the tenths, weighted by rows."""
    ablation_rows: Count = 0
    """Rows on which single features were held at the baseline."""
    ablation_why_not: str = ""
    """Why they were not."""
    gains: tuple[FeatureGain, ...] = ()
    """By gain, the greatest first."""
    sentence: str = ""
    """The quality, for people."""

    @property
    def known(self) -> bool:
        """Whether any outcome is known."""
        return self.rows > 0
