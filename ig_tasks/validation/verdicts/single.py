"""Verdicts on one feature, from a run's sums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ig_tasks.presentation.percentages import percent
from ig_tasks.spec import FeatureSpec
from ig_tasks.spec.verdicts_section import VerdictsSpec
from ig_tasks.statistics.cell_sums import CellSums
from ig_tasks.store.report import Quality, Verdict
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.verdicts.feature_labels import label_of

__all__ = ["single_verdicts", "value_association"]

_MANY_VALUES = 20


def single_verdicts(
    run: Period,
    settings: VerdictsSpec,
    presented: Mapping[str, FeatureSpec],
    quality: Quality | None = None,
    *,
    signed: bool = True,
) -> Iterator[Verdict]:
    """Verdicts on each feature by itself, in the order of the features.

    Args:
        presented: what the spec says of features: their labels, and `expected_sign`, which is judged.
        quality: of the model, where outcomes are known: what a dominant feature says of them alone.
        signed: whether a sign can be expected; what raises a loss has none.
    """
    importance = run.totals.importance
    total = float(np.nansum(importance))
    if not total:
        return
    for name, size in zip(run.features, importance, strict=True):
        share = float(size) / total
        cells = run.sums.cells.get(name)
        label = label_of(presented, name)
        if share < settings.ignored.below:
            yield _ignored(run.target, name, label, share, settings)
        if share >= settings.dominant.at_least and len(run.features) > 1:
            yield _dominant(run.target, name, label, share, settings, quality)
        if cells is not None and share >= settings.ignored.below:
            yield from _value_driven(run.target, name, label, cells, settings)
            own = presented.get(name)
            if signed and own is not None and own.expected_sign is not None:
                yield from _against_sign(run.target, name, label, own.expected_sign, cells, settings)


def _ignored(target: str, name: str, label: str, share: float, settings: VerdictsSpec) -> Verdict:
    limit = settings.ignored.below
    return Verdict(
        target=target,
        feature=name,
        verdict="ignored",
        why=f"The model hardly uses {label}: {percent(share, 2)} of all importance, less than {percent(limit, 2)}.",
        figure=share,
        threshold=limit,
        severity=settings.ignored.severity,
        remedy="Train a model without it. If it should matter, look at how it reaches the model.",
    )


def _dominant(
    target: str, name: str, label: str, share: float, settings: VerdictsSpec, quality: Quality | None
) -> Verdict:
    limit = settings.dominant.at_least
    area = None if quality is None else next((gain.auc for gain in quality.gains if gain.feature == name), None)
    model = None if quality is None else quality.auc
    known = ""
    if area is not None and model is not None:
        known = f" Its attribution alone orders outcomes with an AUC of {area:.3f}; the whole model has {model:.3f}."
    return Verdict(
        target=target,
        feature=name,
        verdict="dominant",
        why=f"{label} has {percent(share)} of all importance.{known} Is it known when the prediction is made, or does "
        "it tell the outcome?",
        figure=share,
        threshold=limit,
        severity=settings.dominant.severity,
        remedy="Ask how and when the column is filled. A leak of the outcome looks the same as an honest driver here.",
        auc=area,
        model_auc=model if area is not None else None,
    )


def _value_driven(target: str, name: str, label: str, cells: CellSums, settings: VerdictsSpec) -> Iterator[Verdict]:
    rows, sizes = cells.rows / max(cells.rows.sum(), 1), cells.absolute / max(cells.absolute.sum(), 1e-300)
    limits = settings.value_driven
    place = int(np.argmax(sizes))
    # One of few values or categories carries much by its nature; a missing value is still reported.
    absent = cells.grid.is_missing(place)
    if len(cells.grid) < 2 or not (absent or (cells.grid.kind == "number" and len(cells.grid) >= _MANY_VALUES)):
        return
    if rows[place] < limits.rows or sizes[place] < limits.importance:
        return
    value = cells.grid.describe(place)
    yield Verdict(
        target=target,
        feature=name,
        verdict="value_driven",
        why=f"{percent(sizes[place])} of the importance of {label} comes from rows with {value} "
        f"({percent(rows[place])} of the rows).",
        figure=float(sizes[place]),
        threshold=limits.importance,
        severity=limits.severity,
        remedy="If that value stands for something missing, the model uses the absence, and not the quantity.",
    )


def _against_sign(
    target: str, name: str, label: str, sign: str, cells: CellSums, settings: VerdictsSpec
) -> Iterator[Verdict]:
    association = value_association(cells)
    limit = settings.against_sign.correlation
    against = association < -limit if sign == "+" else association > limit
    if not against:
        return
    direction = "lower" if sign == "+" else "raise"
    yield Verdict(
        target=target,
        feature=name,
        verdict="against_sign",
        why=f"Higher values of {label} {direction} the output (correlation {association:+.2f}); the spec expects the "
        f"opposite ({sign}).",
        figure=association,
        threshold=limit,
        severity=settings.against_sign.severity,
        remedy="Look at the feature's dependence before the model is used; constrain its sign, or correct the spec.",
    )


def value_association(cells: CellSums) -> float:
    """Correlation between the ranks of a feature's numbers and their attributions, over all rows; NaN without a spread.

    Ranks are those of cells, missing numbers left out.
    """
    middles = cells.grid.middles()
    present = ~np.isnan(middles)
    order = np.argsort(middles[present], kind="stable")
    rows = cells.rows[present][order].astype(np.float64)
    signed, squares = cells.signed[present][order], cells.squares[present][order]
    count = rows.sum()
    if count < 2:
        return float("nan")
    ranks = np.cumsum(rows) - rows / 2
    mean_rank, mean = float((ranks * rows).sum() / count), float(signed.sum() / count)
    covariance = float((ranks * signed).sum() / count - mean_rank * mean)
    spread_ranks = float((ranks**2 * rows).sum() / count - mean_rank**2)
    spread = float(squares.sum() / count - mean**2)
    if spread_ranks <= 0 or spread <= 0:
        return float("nan")
    return covariance / float(np.sqrt(spread_ranks * spread))
