"""Integrated Gradients along the straight line from the baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches
from ig_tasks.attribution.integrators.base import Integrator
from ig_tasks.attribution.integrators.choice import exact_may_pay, reasoned_integrator
from ig_tasks.attribution.integrators.exact import typical_regions
from ig_tasks.attribution.method_options import MethodOptions
from ig_tasks.attribution.methods.adaptive import integrated
from ig_tasks.attribution.methods.base import MethodResult
from ig_tasks.attribution.methods.lanes import LEAST_ROWS, run_chunks
from ig_tasks.attribution.methods.pointwise import Found, PointMethod
from ig_tasks.attribution.methods.space import Space
from ig_tasks.attribution.methods.target_groups import TargetGroups
from ig_tasks.attribution.methods.unpadded import WithoutPadding, without_padding
from ig_tasks.attribution.open_model import OpenModel
from ig_tasks.attribution.problem import Places, Problem
from ig_tasks.attribution.rows import Rows
from ig_tasks.attribution.structure import NotFollowed, Structure
from ig_tasks.attribution.tolerances import Tolerances

__all__ = ["IntegratedGradients", "by_structure"]

Array = npt.NDArray[np.float64]

# Contributions of the rows that are under way together. With more, every array would be mapped anew by the system.
_CHUNK_BYTES = 24 << 20
_CHUNK_ROWS = 16384
_CHUNKS_A_LANE = 2
_KEPT = 12  # arrays of a row's size that are under way: its first nodes, and what is compared


@dataclass(frozen=True)
class IntegratedGradients(PointMethod):
    """IG_i(x) = (x_i - b_i) * integral over a in [0, 1] of dF/dx_i(b + a (x - b)).

    Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks", eq. 1. An integrator chooses where
    gradients are taken; rows that are done leave the batch.

    Args:
        multiply_by_inputs: False for the mean gradient along the path alone, which says how sensitive the output is
            there (Ancona et al. 2018, "Towards better understanding of gradient-based attribution methods", section
            3.1). The delta is that of the product all the same. An embedded input has the sum over its vector.
    """

    name: ClassVar[str] = "integrated_gradients"

    multiply_by_inputs: bool = True

    def run(self, model: OpenModel, problem: Problem, options: MethodOptions, tolerances: Tolerances) -> MethodResult:
        """Explain `problem.targets` of all rows of `problem`. See `Method`."""
        if not self.multiply_by_inputs:
            return super().run(model, problem, options, tolerances)
        structure = model.inspect(problem)
        try:
            return by_structure(model.backend, model.batches, problem, options, tolerances, structure)
        except NotFollowed as lost:
            structure = model.backend.plain(str(lost))
            return by_structure(model.backend, model.batches, problem, options, tolerances, structure)

    def find(self, space: Space) -> Found:
        """The same between the points of a space, for methods that are made of it."""
        deltas = space.ends - space.starts
        if self.multiply_by_inputs:
            return integrated(space, lambda gradients, rows: space.by_feature(gradients * deltas[rows]))

        def with_product(gradients: Array, rows: Places) -> Array:
            product = (gradients * deltas[rows]).sum(axis=1, keepdims=True)
            return np.concatenate([space.by_feature(gradients), product], axis=1)

        found = integrated(space, with_product, space.features + 1)
        return replace(found, attributions=found.attributions[:, :-1], sums=found.attributions[:, -1])


def by_structure(
    backend: Backend,
    batches: Batches,
    problem: Problem,
    options: MethodOptions,
    tolerances: Tolerances,
    structure: Structure,
) -> MethodResult:
    """Explain the rows with the integrator that fits the model. Raises NotFollowed."""
    regions = None
    if exact_may_pay(options.integrator, structure):
        regions = typical_regions(backend, problem, batches)
    integrator, reason = reasoned_integrator(
        options.integrator, options.steps, options.max_evaluations, structure, options.tolerance, regions
    )
    shortened = without_padding(backend, problem)
    rows = _integrated(shortened, problem, integrator, tolerances, batches)
    details = {
        "integrator": integrator.name,
        "reason": reason,
        "affine_prefix": list(structure.prefix) if structure.followed else structure.reason,
        "steps": "adaptive" if integrator.steps is None else integrator.steps,
        "padding": shortened.words,
    }
    return MethodResult(rows, details)


def _integrated(
    shortened: WithoutPadding, problem: Problem, integrator: Integrator, tolerances: Tolerances, batches: Batches
) -> Rows:
    rows, backend = Rows.empty(problem), shortened.backend
    if len(problem.targets) > backend.targets_at_once:
        backend = TargetGroups(backend)
    common = integrator.common_start(backend, problem)
    row_bytes = 8 * _KEPT * max(1, problem.features) * len(problem.targets)
    chunk = int(np.clip(_CHUNK_BYTES // row_bytes, 1, _CHUNK_ROWS))
    if backend.lanes > 1:  # a few chunks a lane, so that none waits long for another at the end
        chunk = min(chunk, max(LEAST_ROWS, -(-problem.rows // (_CHUNKS_A_LANE * backend.lanes))))
    chunks = [shortened.order[start : start + chunk] for start in range(0, problem.rows, chunk)]
    run_chunks(backend, problem, chunks, integrator, tolerances, batches, common, rows)
    return rows
