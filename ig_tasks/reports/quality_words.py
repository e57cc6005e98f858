"""The model's quality and the interpretability score, in lines and its figures with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ig_tasks.reports.numerals import number
from ig_tasks.store.report import Report
from ig_tasks.store.report_quality import Quality

__all__ = ["QualityFigure", "quality_figures", "quality_lines", "score_words"]

_NORMAL = 1.959963984540054
"""Standard errors on either side of a figure that make its 95 % interval."""


class QualityFigure(NamedTuple):
    """One figure of a model's quality; its 95 % interval, where its standard error is known."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


def quality_lines(report: Report) -> Iterator[str]:
    """How good the model was, a line for each target; none where the spec names no `data.label`."""
    for quality in report.quality:
        if quality.sentence:
            whose = f" ({quality.target})" if len(report.quality) > 1 else ""
            yield f"Model quality{whose}: {quality.sentence}"


def score_words(report: Report) -> str:
    """The interpretability score with its factors; empty in reports of earlier versions."""
    score = report.interpretability
    if score is None:
        return ""
    if score.score is None:
        known = {"coverage": score.coverage, "convergence": score.convergence}
        known |= {"baseline stability": score.baseline_stability}
        missing = " and ".join(name for name, known_factor in known.items() if known_factor is None)
        return f"Interpretability score: not known, for want of {missing}."
    factors = (score.coverage, score.convergence, score.baseline_stability)
    coverage, convergence, stability = (number(factor, 3) for factor in factors)
    formula = f"coverage {coverage} × convergence {convergence} × baseline stability {stability}"
    return f"Interpretability score: {number(score.score, 3)} = {formula}."


def quality_figures(quality: Quality) -> tuple[QualityFigure, ...]:
    """What is known of a model's quality; empty where no outcome is known."""
    loss = "log loss" if quality.loss_name == "log loss" else "mean squared error"
    figures = (
        _figure("AUC", quality.auc, quality.auc_se, within=(0.0, 1.0), aside=quality.auc_bound or 0.0),
        _figure(loss, quality.loss, quality.loss_se, within=(0.0, float("inf"))),
        _figure("accuracy", quality.accuracy, quality.accuracy_se, within=(0.0, 1.0)),
        _figure("Brier score", quality.brier),
        _figure("RMSE", quality.rmse),
        _figure("mean absolute error", quality.mae),
        _figure("R²", quality.r2),
        _figure("calibration error", quality.calibration_error),
    )
    return tuple(figure for figure in figures if figure is not None)


def _figure(
    name: str,
    value: float | None,
    error: float | None = None,
    *,
    within: tuple[float, float] = (0.0, 0.0),
    aside: float = 0.0,
) -> QualityFigure | None:
    """A figure; `within`: what it can be at all, `aside`: what it may be off by beside its standard error."""
    if value is None:
        return None
    if error is None:
        return QualityFigure(name, value)
    half = _NORMAL * error + aside
    return QualityFigure(name, value, max(within[0], value - half), min(within[1], value + half))
