"""Path Integrated Gradients: along any family of paths from the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ig_tasks.attribution.method_options import MethodOptions
from ig_tasks.attribution.methods.base import MethodResult
from ig_tasks.attribution.methods.integrated_gradients import by_structure
from ig_tasks.attribution.open_model import OpenModel
from ig_tasks.attribution.paths import AlongPath, Path
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.tolerances import Tolerances

__all__ = ["PathIntegratedGradients"]


@dataclass(frozen=True)
class PathIntegratedGradients:
    """PathIG_i(x) = integral over a in [0, 1] of dF/dx_i(p(a)) dp_i/da, for a path p from the baseline to x.

    Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks", section 4: complete along every path. The
    integral is taken by quadrature, with an error estimate for every row.

    Args:
        path: the family of paths.
    """

    path: Path
    name: ClassVar[str] = "path_integrated_gradients"

    def run(self, model: OpenModel, problem: Problem, options: MethodOptions, tolerances: Tolerances) -> MethodResult:
        """Explain `problem.targets` of all rows of `problem`. See `Method`."""
        structure = model.follow_nothing(problem, f"the path is chosen ({self.path.name})")
        along = AlongPath(model.backend, self.path)
        return by_structure(along, model.batches, problem, options, tolerances, structure)
