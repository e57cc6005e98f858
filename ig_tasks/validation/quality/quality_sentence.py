"""The quality of a model in a sentence."""

from __future__ import annotations

from scipy.special import stdtrit

from ig_tasks.store.report_quality import Quality

__all__ = ["quality_words"]


def quality_words(quality: Quality) -> str:
    """How well the model did, for people who know the outcome and not the measures."""
    rows = f"{quality.rows:,} of {quality.rows + quality.rows_unknown:,} rows"
    if not quality.rows:
        return f"Labels not known yet: no row has an outcome in {quality.label}."
    known = "" if not quality.rows_unknown else f" ({rows} have an outcome)"
    if quality.kind == "number":
        if quality.r2 is None:
            return f"The error is {quality.rmse:.4g} on average (RMSE){known}; the outcome is the same in every row."
        return (
            f"The model explains {_percent(quality.r2)} of the variance of {quality.label}; its error is "
            f"{quality.rmse:.4g} (RMSE), {quality.mae:.4g} in the mean{known}."
        )
    if quality.auc is None and quality.kind == "class":
        which = "Every" if quality.mean_outcome else "No"
        return f"{which} row with an outcome in {quality.label} is of the class explained: ranking cannot be judged."
    if quality.auc is None:
        return f"All {quality.rows:,} rows with an outcome in {quality.label} have the same: ranking cannot be judged."
    subject = "A row of the class" if quality.kind == "class" else "A row with the outcome"
    notes = [] if quality.auc_se is None else [f"AUC {quality.auc:.3f} ± {_auc_half_interval(quality):.3f}"]
    notes += [f"{rows} have an outcome"] if quality.rows_unknown else []
    figures = f" ({'; '.join(notes)})" if notes else ""
    gain = ""
    if quality.base_loss and quality.loss is not None:
        part = 1.0 - quality.loss / quality.base_loss
        compared = f"{_percent(abs(part))} {'less' if part >= 0 else 'more'} than"
        gain = f" Its log loss is {quality.loss:.4f}, {compared} by predicting the base rate for every row."
    return f"{subject} is predicted higher than one without in {_percent(quality.auc)} of pairs{figures}.{gain}"


def _auc_half_interval(quality: Quality) -> float:
    """Half of the 95 % interval of AUC, by Student's t."""
    freedom = max((quality.clusters or quality.rows) - 1, 1)
    return float(stdtrit(freedom, 0.975)) * (quality.auc_se or 0.0)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"
