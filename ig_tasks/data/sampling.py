"""Which rows of all are explained: a sample, spread evenly over all, or rows that were asked for.

A sample is one row from each of `count` equal strata.

Stratified, so that every stretch of time is in the sample by its share; by hashing, so that any part of it can
be found without the rest (Cochran 1977, Sampling Techniques, section 5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """`count` of `total` rows, chosen by `seed`."""

    total: int
    count: int
    seed: int

    def positions(self, start: int, stop: int) -> NDArray[np.int64]:
        """Positions (stop - start,) in 0..total-1, increasing, of the sample's rows start..stop-1."""
        stratum = np.arange(start, stop, dtype=np.int64)
        low = stratum * self.total // self.count
        high = (stratum + 1) * self.total // self.count
        width = (high - low).astype(np.uint64)
        return low + (mixed(stratum.astype(np.uint64), self.seed) % width).astype(np.int64)


@dataclass(frozen=True)
class ChosenRows:
    """The rows at these positions, increasing, of `total` rows."""

    total: int
    chosen: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many rows were chosen."""
        return len(self.chosen)

    def positions(self, start: int, stop: int) -> NDArray[np.int64]:
        """Positions (stop - start,) of the chosen rows start..stop-1."""
        return np.array(self.chosen[start:stop], dtype=np.int64)


def mixed(values: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea & Flood 2014): 64 well mixed bits for each value."""
    state = values * np.uint64(0x9E3779B97F4A7C15) + np.uint64((seed + 1) * 0xD1B54A32D192ED03 % 2**64)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
