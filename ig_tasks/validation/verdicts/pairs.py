"""Verdicts on two features, from a sample of a run's rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.presentation.percentages import percent
from ig_tasks.spec.verdicts_section import VerdictsSpec
from ig_tasks.store.report import Verdict
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.verdicts.feature_labels import UNNAMED, Presented, label_of

__all__ = ["opposing_verdicts", "redundant_verdicts", "shared_information"]

Floats = NDArray[np.float64]

_MOST_FEATURES = 100
"""Wide tables: only the most important features are compared in pairs."""
_OPPOSITE = -0.3
_LEAST_ROOM = 0.05
"""Where chance shares more than all but this, nothing can be said."""
_LEAST_SHARE = 0.01
"""Features that cancel each other are spoken of from this share of all importance on."""


def opposing_verdicts(
    run: Period, settings: VerdictsSpec, values: Floats, presented: Presented = UNNAMED
) -> Iterator[Verdict]:
    """Pairs that cancel each other within rows: E|a + b| / (E|a| + E|b|) is small, and they point opposite ways.

    Two independent features of one size leave 71 %: the cosine of their attributions tells those apart.

    Args:
        values: attributions (rows, features) of the sample.
    """
    importance = run.totals.importance
    total = float(np.nansum(importance))
    heavy = [place for place in _leading(importance) if importance[place] >= _LEAST_SHARE * total]
    sizes = np.abs(values).mean(axis=0) if len(values) else np.zeros(values.shape[1])
    limit = settings.opposing.below
    for first_place, second_place in itertools.combinations(heavy, 2):
        both = float(sizes[first_place] + sizes[second_place])
        left = float(np.abs(values[:, first_place] + values[:, second_place]).mean()) / both if both else 1.0
        if left < limit and _cosine(values[:, first_place], values[:, second_place]) <= _OPPOSITE:
            first, second = run.features[first_place], run.features[second_place]
            yield Verdict(
                target=run.target,
                feature=first,
                verdict="opposing",
                why=f"{label_of(presented, first)} and {label_of(presented, second)} work against each other: added "
                f"row by row, {percent(left)} of them is left.",
                figure=left,
                threshold=limit,
                severity=settings.opposing.severity,
                other=second,
                remedy="Read them as one: put both into a group, whose importance counts what is left.",
            )


def _cosine(first: Floats, second: Floats) -> float:
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length else 0.0


def redundant_verdicts(
    run: Period,
    settings: VerdictsSpec,
    numbers: pd.DataFrame,
    labels: pd.DataFrame,
    presented: Presented = UNNAMED,
) -> Iterator[Verdict]:
    """Pairs of columns that hold the same: rank correlation of numbers, shared information of categories.

    Args:
        numbers, labels: what the sample's rows held, a column for each feature.
    """
    limit = settings.redundant.at_least
    order = [run.features[place] for place in _leading(run.totals.importance)]
    names = [name for name in order if name in numbers.columns]
    ranked = _ranks(numbers[names]) if names else np.empty((len(numbers), 0))
    for (first_at, first), (second_at, second) in itertools.combinations(enumerate(names), 2):
        figure = _correlation(ranked[:, first_at], ranked[:, second_at])
        if abs(figure) >= limit:
            yield _redundant(run, settings, (first, second), abs(figure), "rank correlation", presented)
    coded = {name: pd.factorize(labels[name], use_na_sentinel=False)[0] for name in order if name in labels.columns}
    for first, second in itertools.combinations(coded, 2):
        figure = shared_information(coded[first], coded[second])
        if figure >= limit:
            yield _redundant(run, settings, (first, second), figure, "shared information", presented)


def shared_information(first: Sequence[int] | NDArray[np.int64], second: Sequence[int] | NDArray[np.int64]) -> float:
    """Mutual information of two lists of codes over the larger entropy: 1 if each determines the other."""
    first_codes, second_codes = np.asarray(first), np.asarray(second)
    if not len(first_codes):
        return 0.0
    width = int(second_codes.max()) + 1
    first_entropy, second_entropy = _entropy(first_codes), _entropy(second_codes)
    larger = max(first_entropy, second_entropy)
    shared = first_entropy + second_entropy - _entropy(first_codes.astype(np.int64) * width + second_codes)
    # Two columns of nearly unique values seem to share everything: what a shuffled column shares is chance.
    shuffled = np.random.default_rng(0).permutation(second_codes)
    chance = first_entropy + second_entropy - _entropy(first_codes.astype(np.int64) * width + shuffled)
    room = larger - chance
    return float(np.clip((shared - chance) / room, 0.0, 1.0)) if room > _LEAST_ROOM * larger > 0 else 0.0


def _redundant(
    run: Period, settings: VerdictsSpec, pair: tuple[str, str], figure: float, measure: str, presented: Presented
) -> Verdict:
    first, second = pair
    return Verdict(
        target=run.target,
        feature=first,
        verdict="redundant",
        why=f"{label_of(presented, first)} and {label_of(presented, second)} hold nearly the same ({measure} "
        f"{figure:.3f}): the model may use either, and the importance of both is divided arbitrarily.",
        figure=figure,
        threshold=settings.redundant.at_least,
        severity=settings.redundant.severity,
        other=second,
        remedy="Put both into a group, or train a model with one of them.",
    )


def _leading(importance: Floats) -> list[int]:
    order = np.argsort(-np.nan_to_num(importance), kind="stable")
    return [int(place) for place in order[:_MOST_FEATURES]]


def _ranks(numbers: pd.DataFrame) -> Floats:
    """Ranks (rows, columns), ties averaged; missing numbers stay missing."""
    from scipy.stats import rankdata  # takes a second to import

    return np.asarray(rankdata(numbers.to_numpy(np.float64), axis=0, nan_policy="omit"), dtype=np.float64)


def _correlation(first: Floats, second: Floats) -> float:
    """Correlation over the rows that have both; 0 without a spread."""
    present = ~(np.isnan(first) | np.isnan(second))
    first_present, second_present = first[present], second[present]
    if len(first_present) < 3 or not first_present.std() or not second_present.std():
        return 0.0
    return float(np.corrcoef(first_present, second_present)[0, 1])


def _entropy(codes: NDArray[np.int64]) -> float:
    shares = np.unique(codes, return_counts=True)[1] / len(codes)
    return float(-(shares * np.log2(shares)).sum())
