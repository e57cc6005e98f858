"""Another method's attributions, averaged over rows with noise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ig_tasks.attribution.methods.described import Described, require_count, require_one_of
from ig_tasks.attribution.methods.pointwise import Found, PointMethod
from ig_tasks.attribution.methods.saliency import Saliency
from ig_tasks.errors import InputError

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.space import Space

__all__ = ["KINDS", "NoiseAveraged"]

KINDS = ("smoothgrad", "smoothgrad_squared", "vargrad")


@dataclass(frozen=True)
class NoiseAveraged(PointMethod):
    """Mean, mean square or variance of a method's attributions over rows with Gaussian noise.

    SmoothGrad: Smilkov et al. 2017, "SmoothGrad: removing noise by adding noise". SmoothGrad-squared: Hooker et al.
    2019, "A Benchmark for Interpretability Methods in Deep Neural Networks". VarGrad: Adebayo et al. 2018, "Sanity
    Checks for Saliency Maps". Every row has the same draws, so that its numbers do not depend on other rows; an
    embedded input has its noise on the vectors. None of the three adds up to anything: rows are `unverified`.

    Args:
        method: the method that is averaged.
        kind: "smoothgrad", "smoothgrad_squared" or "vargrad".
        samples: draws of noise.
        noise: standard deviation of the noise, as a share of the range (maximum - minimum) of the row's numbers.
        seed: of the draws.
    """

    name: ClassVar[str] = "noise_averaged"

    method: PointMethod = field(default_factory=lambda: Saliency(absolute=False))
    kind: str = "smoothgrad"
    samples: int = 25
    noise: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        method: Any = self.method
        if not isinstance(method, PointMethod):
            known = method.name if isinstance(method, Described) else repr(method)
            raise InputError(
                f"method '{self.name}': {known} has no average over noise; give a method of one row and one baseline, "
                "such as Saliency() or IntegratedGradients()"
            )
        require_one_of(self.name, "kind", self.kind, KINDS)
        require_count(self.name, "samples", self.samples, 2 if self.kind == "vargrad" else 1)
        require_count(self.name, "seed", self.seed, 0)
        if isinstance(self.noise, bool) or not isinstance(self.noise, int | float) or not 0.0 < self.noise < np.inf:
            raise InputError(f"method '{self.name}': noise {self.noise!r} is not a number above 0")

    @property
    def needs_baseline(self) -> bool:
        """As the method that is averaged."""
        return self.method.needs_baseline

    def find(self, space: Space) -> Found:
        """`samples` times what the method takes."""
        generator = np.random.default_rng(self.seed)
        spread = self.noise * (space.ends.max(axis=1) - space.ends.min(axis=1))
        mean = np.zeros((space.rows, space.features))
        squares, evaluations = np.zeros_like(mean), np.zeros(space.rows, dtype=np.int64)
        for count in range(1, self.samples + 1):
            noise = generator.standard_normal(space.ends.shape[1])
            found = self.method.find(space.moved(space.ends + spread[:, None] * noise))
            evaluations += found.evaluations
            if self.kind == "smoothgrad_squared":
                squares += found.attributions**2
                continue
            change = found.attributions - mean  # Welford's sums: squares of large means would cancel
            mean += change / count
            squares += change * (found.attributions - mean)
        return Found(mean if self.kind == "smoothgrad" else squares / self.samples, evaluations)
