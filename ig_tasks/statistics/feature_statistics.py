"""Moments, extremes and quantiles of every feature over any number of rows, mergeable by count.

Mean and sum of squared deviations are merged by the pairwise update of Chan, Golub & LeVeque (1983,
"Algorithms for computing the sample variance", The American Statistician 37, eq. 2.1): shards of unequal
length weigh by their rows, and nothing is lost to cancellation as it is with plain sums of squares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from ig_tasks.errors import InputError, RunError
from ig_tasks.statistics.cluster_spread import ClusterSpread
from ig_tasks.statistics.packing import TEXT, Packing, unpack_bytes
from ig_tasks.statistics.sketches import QuantileSketch

Floats = NDArray[np.float64]

QUANTILE_CELLS = 2048
"""Cells of the quantiles of one feature: mostly 2 % of their values wide, in 3 kB."""
_LARGEST = 1e150  # the square of anything greater is not a float64
_MOMENTS = ("mean", "squared_deviations", "abs_mean", "abs_squared_deviations", "minimum", "maximum")


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureStatistics:
    """What is known of `features` after `count` rows. All arrays are float64 of shape (features,).

    With no rows the moments are zero inside, and NaN in every property that is read.

    clusters: sums by cluster of rows; None where each row stands for itself, or none were kept.
    """

    features: tuple[str, ...]
    count: int
    moments: dict[str, Floats]
    quantile_sketches: tuple[QuantileSketch, ...]
    clusters: ClusterSpread | None = None

    @classmethod
    def of(
        cls,
        values: ArrayLike,
        features: Sequence[str],
        *,
        cells: int = QUANTILE_CELLS,
        clusters: ClusterSpread | None = None,
    ) -> Self:
        """Statistics of `values`, (rows, features), all finite; `cells` is the size of the quantile sketches.

        Raises:
            InputError: when the shape does not fit the names or a value is not finite.
        """
        table = np.asarray(values, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != len(features):
            raise InputError(f"values: shape {table.shape} does not fit (rows, {len(features)} features)")
        return cls.of_columns(np.ascontiguousarray(table.T), features, cells=cells, clusters=clusters)

    @classmethod
    def of_columns(
        cls,
        columns: Floats,
        features: Sequence[str],
        *,
        cells: int = QUANTILE_CELLS,
        clusters: ClusterSpread | None = None,
    ) -> Self:
        """As `of`, from (features, rows): sums along the contiguous axis are pairwise, hence accurate."""
        rows = columns.shape[1]
        if not rows:
            return cls.empty(features, cells=cells)
        magnitudes = np.abs(columns)
        extremes = columns.min(axis=1), columns.max(axis=1)
        largest = np.maximum(-extremes[0], extremes[1])
        if not bool(np.all(largest <= _LARGEST)):
            name = features[int(np.argmin(largest <= _LARGEST))]
            raise InputError(f"values of {name!r}: not finite (or above {_LARGEST:g}); quarantine such rows first")
        mean, squared_deviations = _moments(columns)
        abs_mean, abs_squared_deviations = _moments(magnitudes)
        moments = (mean, squared_deviations, abs_mean, abs_squared_deviations, *extremes)
        return cls(
            features=tuple(features),
            count=rows,
            moments=dict(zip(_MOMENTS, moments, strict=True)),
            quantile_sketches=tuple(QuantileSketch.of(column, cells) for column in columns),
            clusters=clusters,
        )

    @classmethod
    def empty(cls, features: Sequence[str], *, cells: int = QUANTILE_CELLS) -> Self:
        """Statistics of no rows: merging with them changes nothing."""
        zeros = {name: np.zeros(len(features)) for name in _MOMENTS}
        nothing = QuantileSketch.of(np.empty(0), cells)
        return cls(features=tuple(features), count=0, moments=zeros, quantile_sketches=(nothing,) * len(features))

    def merge(self, other: Self) -> Self:
        """Statistics of the rows of both. Moments agree to rounding in any grouping, bits in one order.

        Raises:
            InputError: when the features differ.
        """
        if self.features != other.features:
            raise InputError("statistics of different features cannot be merged; compute them with one spec")
        if not other.count:
            return self
        if not self.count:
            return other
        count = self.count + other.count
        merged: dict[str, Floats] = {}
        for mean, squares in (("mean", "squared_deviations"), ("abs_mean", "abs_squared_deviations")):
            delta = other.moments[mean] - self.moments[mean]
            merged[mean] = self.moments[mean] + delta * (other.count / count)
            between = delta * delta * (self.count * (other.count / count))
            merged[squares] = self.moments[squares] + other.moments[squares] + between
        merged["minimum"] = np.minimum(self.moments["minimum"], other.moments["minimum"])
        merged["maximum"] = np.maximum(self.moments["maximum"], other.moments["maximum"])
        merged_sketches = tuple(
            a.merge(b) for a, b in zip(self.quantile_sketches, other.quantile_sketches, strict=True)
        )
        # Sums that one side lacks would be those of a part of the rows.
        mine, theirs = self.clusters, other.clusters
        clusters = None if mine is None or theirs is None else mine.merge(theirs)
        return type(self)(
            features=self.features, count=count, moments=merged, quantile_sketches=merged_sketches, clusters=clusters
        )

    @property
    def mean(self) -> Floats:
        """Signed mean."""
        return self._read("mean")

    @property
    def abs_mean(self) -> Floats:
        """Mean of the absolute values: the headline importance."""
        return self._read("abs_mean")

    @property
    def minimum(self) -> Floats:
        """(features,) the least values."""
        return self._read("minimum")

    @property
    def maximum(self) -> Floats:
        """(features,) the greatest values."""
        return self._read("maximum")

    @property
    def std_dev(self) -> Floats:
        """Standard deviation of the rows themselves (divided by rows, not rows - 1)."""
        return np.sqrt(self._read("squared_deviations") / max(self.count, 1))

    @property
    def mean_square(self) -> Floats:
        """Mean of the squares: variance plus squared mean, both of which are at least zero."""
        return self._read("squared_deviations") / max(self.count, 1) + self.mean**2

    @property
    def median(self) -> Floats:
        """Median, from the sketch: exact of up to 2048 different values, else within a cell; its sign is right."""
        return self.quantile(0.5)

    def quantile(self, q: float) -> Floats:
        """The value below which a share `q` of the rows lies; 0 and 1 are the exact extremes."""
        if not 0.0 <= q <= 1.0:
            raise InputError(f"q: {q} is not a quantile; give a number from 0 to 1")
        at = np.array([q])
        return np.array([sketch.quantiles(at)[0] for sketch in self.quantile_sketches], dtype=np.float64)

    def tail_share(self, share: float = 0.01) -> Floats:
        """(features,): what part of the sum of absolute values the `share` of the rows with the greatest ones has.

        From the sketch; NaN where the rows are too few for one to be in it, or every value is zero.
        """
        totals = self.abs_mean * self.count
        if not self.count * share >= 1.0:
            return np.full(len(self.features), np.nan)
        tails = np.array([sketch.tail_sum(share) for sketch in self.quantile_sketches])
        shares: Floats = np.divide(tails, totals, out=np.full(len(tails), np.nan), where=totals > 0)
        return np.minimum(shares, 1.0)

    def abs_mean_interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Confidence interval (low, high) of `abs_mean` over rows like these.

        By the central limit theorem with Student's t: of the sums of clusters where they were kept, else on
        rows - 1 degrees of freedom with the sample variance of the absolute values. `low` is never below
        zero. Fewer than two clusters (or rows) say nothing of their own spread: both ends are NaN, and a
        ranking takes such a feature to be anywhere.
        """
        if not 0.0 < level < 1.0:
            raise InputError(f"level: {level} is not a confidence level; give a number between 0 and 1")
        if self.clusters is not None:
            return self.clusters.interval(level)
        if self.count < 2:
            return np.full(len(self.features), np.nan), np.full(len(self.features), np.nan)
        freedom = self.count - 1
        error = np.sqrt(self.moments["abs_squared_deviations"] / freedom / self.count)
        half = float(stdtrit(freedom, 0.5 + level / 2)) * error
        return np.maximum(self.abs_mean - half, 0.0), self.abs_mean + half

    def to_json(self, packing: Packing = TEXT) -> dict[str, Any]:
        """A JSON object that `from_json` turns back into the same bits."""
        moments = {name: packing.numbers(self.moments[name]) for name in _MOMENTS}
        digests = [
            packing.record(sketch.to_bytes(compressed=not packing.compresses)) for sketch in self.quantile_sketches
        ]
        clusters = {} if self.clusters is None else {"clusters": self.clusters.to_json(packing)}
        return {"features": list(self.features), "count": self.count, **moments, "digests": digests, **clusters}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The statistics that `to_json` wrote. Raises RunError when something is missing."""
        try:
            return cls(
                features=tuple(data["features"]),
                count=int(data["count"]),
                moments={name: np.array(data[name], dtype=np.float64) for name in _MOMENTS},
                quantile_sketches=tuple(QuantileSketch.from_bytes(unpack_bytes(state)) for state in data["digests"]),
                clusters=ClusterSpread.from_json(data["clusters"]) if "clusters" in data else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"statistics cannot be read ({error}); remove that file and run again") from error

    def _read(self, name: str) -> Floats:
        return self.moments[name] if self.count else np.full(len(self.features), np.nan)


def _moments(columns: Floats) -> tuple[Floats, Floats]:
    """Mean and sum of squared deviations by two passes, the second corrected for the first's rounding."""
    rows = columns.shape[1]
    mean = columns.sum(axis=1) / rows
    deviations = columns - mean[:, None]
    residue = deviations.sum(axis=1)
    squares = np.square(deviations, out=deviations).sum(axis=1) - residue * residue / rows
    return mean + residue / rows, np.maximum(squares, 0.0)
