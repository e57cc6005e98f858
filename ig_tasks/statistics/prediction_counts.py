"""Outcomes counted by prediction, mergeable: the area under the ROC curve and calibration tables are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ig_tasks.errors import InputError

__all__ = ["PredictionCounts"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

DISTINCT = 1 << 20
"""Most different predictions that are kept apart; beyond that, the nearest in relative size count as ties."""


@dataclass(frozen=True, eq=False)
class PredictionCounts:
    """Rows, and sums of outcomes, by prediction in ascending order; every array has shape (distinct,).

    Up to `DISTINCT` different predictions all is exact. Beyond, the low bits of predictions are dropped, as many as
    needed: that depends on the predictions alone, so that counts merged in any order are the same.

    keys: predictions as integers of the same order; dropped: how many of their low bits.
    """

    keys: Codes
    rows: Codes
    outcomes: Floats
    dropped: int = 0

    @classmethod
    def of(cls, predicted: ArrayLike, outcome: ArrayLike, *, distinct: int = DISTINCT) -> Self:
        """Counts of predictions and outcomes (rows,).

        Raises:
            InputError: if a number is not finite.
        """
        values, known = np.asarray(predicted, np.float64), np.asarray(outcome, np.float64)
        if not (np.isfinite(values).all() and np.isfinite(known).all()):
            raise InputError("predictions and outcomes have to be finite to be counted")
        return cls._summed(_keys(values), np.ones(len(values), np.int64), known, 0, distinct)

    def merge(self, other: Self, *, distinct: int = DISTINCT) -> Self:
        """Counts over the rows of both."""
        dropped = max(self.dropped, other.dropped)
        keys = [part.keys >> (dropped - part.dropped) for part in (self, other)]
        return self._summed(
            np.concatenate(keys),
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.outcomes, other.outcomes]),
            dropped,
            distinct,
        )

    @classmethod
    def _summed(cls, keys: Codes, rows: Codes, outcomes: Floats, dropped: int, distinct: int) -> Self:
        occupied, places = np.unique(keys, return_inverse=True)
        while len(occupied) > distinct:
            dropped, keys = dropped + 1, keys >> 1
            occupied, places = np.unique(keys, return_inverse=True)
        counts = np.bincount(places, weights=rows, minlength=len(occupied)).astype(np.int64)
        sums = np.bincount(places, weights=outcomes, minlength=len(occupied)).astype(np.float64)
        return cls(occupied, counts, sums, dropped)

    @property
    def predictions(self) -> Floats:
        """The prediction of each entry: where bits were dropped, the least that it may stand for."""
        return _values(self.keys << self.dropped)

    def places_of(self, predicted: ArrayLike) -> Codes:
        """The entries (rows,) of predictions that were counted."""
        return np.searchsorted(self.keys, _keys(np.asarray(predicted, np.float64)) >> self.dropped)

    def ranked(self) -> tuple[Floats, Floats]:
        """Per entry the share of the rows of outcome 0, and of outcome 1, that are predicted lower, ties by half."""
        ones = self.outcomes
        zeros = self.rows - ones
        with np.errstate(invalid="ignore", divide="ignore"):
            return (np.cumsum(zeros) - zeros / 2) / zeros.sum(), (np.cumsum(ones) - ones / 2) / ones.sum()

    def auc(self) -> tuple[float, float]:
        """Area under the ROC curve of outcomes 0 and 1, ties by half; and by how much dropped bits may change it.

        NaN without rows of both outcomes.
        """
        below, _ = self.ranked()
        positives = self.outcomes.sum()
        negatives = self.rows.sum() - positives
        if not positives or not negatives:
            return float("nan"), 0.0
        tied = float((self.outcomes * (self.rows - self.outcomes)).sum() / (2 * positives * negatives))
        return float((below * self.outcomes).sum() / positives), tied if self.dropped else 0.0

    def tenths(self, parts: int = 10) -> Codes:
        """The part (distinct,) of each entry: as equal in rows as can be where equal predictions stay together."""
        middle = np.cumsum(self.rows) - self.rows / 2
        return np.minimum((middle * parts / max(int(self.rows.sum()), 1)).astype(np.int64), parts - 1)


def _keys(values: Floats) -> Codes:
    """Integers in the order of the numbers; -0 is 0."""
    bits = (values + 0.0).view(np.int64)
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


def _values(keys: Codes) -> Floats:
    return np.where(keys < 0, np.int64(-(2**63)) - keys, keys).view(np.float64)
