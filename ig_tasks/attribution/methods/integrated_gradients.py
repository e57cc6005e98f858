"""Integrated Gradients along the straight line from the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches
from ig_tasks.attribution.control import Control, Tolerances
from ig_tasks.attribution.methods.lanes import LEAST_ROWS, run_chunks
from ig_tasks.attribution.methods.rows import CommonStart, Rows
from ig_tasks.attribution.methods.target_groups import TargetGroups
from ig_tasks.attribution.methods.unpadded import Unpadded
from ig_tasks.attribution.problem import Problem

__all__ = ["IntegratedGradients"]

# Contributions of the rows that are under way together. With more, every array would be mapped anew by the system.
_CHUNK_BYTES = 24 << 20
_CHUNK_ROWS = 16384
_CHUNKS_A_LANE = 2
_KEPT = 12  # arrays of a row's size that are under way: its first nodes, and what is compared


@dataclass(frozen=True)
class IntegratedGradients:
    """IG_i(x) = (x_i - b_i) * integral over a in [0, 1] of dF/dx_i(b + a (x - b)).

    Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks", eq. 1. The integral is a
    quadrature whose nodes the control chooses; rows that are done leave the batch.
    """

    name: ClassVar[str] = "integrated_gradients"

    def run(
        self, backend: Backend, problem: Problem, control: Control, tolerances: Tolerances, batches: Batches
    ) -> Rows:
        """Explain `problem.targets` of all rows of `problem`. Numbers of a row do not depend on the others."""
        rows = Rows.empty(problem)
        if problem.rows == 0:
            return rows
        if len(problem.targets) > backend.targets_at_once:
            backend = TargetGroups(backend)
        common = CommonStart.of(backend, problem, control)
        row_bytes = 8 * _KEPT * max(1, problem.features) * len(problem.targets)
        chunk = int(np.clip(_CHUNK_BYTES // row_bytes, 1, _CHUNK_ROWS))
        if backend.lanes > 1:  # a few chunks a lane, so that none waits long for another at the end
            chunk = min(chunk, max(LEAST_ROWS, -(-problem.rows // (_CHUNKS_A_LANE * backend.lanes))))
        order = backend.order(problem) if isinstance(backend, Unpadded) else np.arange(problem.rows)
        chunks = [order[start : start + chunk] for start in range(0, problem.rows, chunk)]
        run_chunks(backend, problem, chunks, control, tolerances, batches, common, rows)
        return rows
