"""Verdicts that need outcomes: what the model's quality owes to a feature."""

from __future__ import annotations

from collections.abc import Iterator

from ig_tasks.presentation.percentages import percent
from ig_tasks.spec.verdicts_section import VerdictsSpec
from ig_tasks.store.report import FeatureGain, Quality, Verdict
from ig_tasks.validation.verdicts.feature_labels import UNNAMED, Presented, label_of

__all__ = ["labelled_verdicts"]


def labelled_verdicts(quality: Quality, settings: VerdictsSpec, presented: Presented = UNNAMED) -> Iterator[Verdict]:
    """Features without which the model does better, or as well; the most harmful first.

    No verdict where the model itself gains nothing over the base rate.
    """
    for gain in reversed(quality.gains):
        if gain.share is None or gain.share_high is None:
            continue
        if gain.share_high < 0:
            yield _harmful_verdict(quality, gain, settings, label_of(presented, gain.feature))
        elif gain.share_high < settings.unused.below:
            yield _unused_verdict(quality, gain, settings, label_of(presented, gain.feature))


def _harmful_verdict(quality: Quality, gain: FeatureGain, settings: VerdictsSpec, label: str) -> Verdict:
    share, high = gain.share or 0.0, gain.share_high or 0.0
    return Verdict(
        target=quality.target,
        feature=gain.feature,
        verdict="harmful",
        why=f"The model predicts {quality.label} better with {label} at the baseline: the {quality.loss_name} "
        f"falls by {percent(-share, 2)} of what the model gains over the base rate (with 95 % "
        f"confidence {percent(-high, 2)} or more).",
        figure=high,
        threshold=0.0,
        severity=settings.harmful.severity,
        remedy="Compare the column with what the model was trained on; then train a model without it.",
    )


def _unused_verdict(quality: Quality, gain: FeatureGain, settings: VerdictsSpec, label: str) -> Verdict:
    high = gain.share_high or 0.0
    limit = settings.unused.below
    return Verdict(
        target=quality.target,
        feature=gain.feature,
        verdict="unused",
        why=f"The model predicts {quality.label} as well with {label} at the baseline: it adds at most "
        f"{percent(high, 2)} of what the model gains over the base rate (95 % confidence), less than "
        f"{percent(limit, 2)}.",
        figure=high,
        threshold=limit,
        severity=settings.unused.severity,
        remedy="Train a model without it, unless it matters in rows that are rare here.",
    )
