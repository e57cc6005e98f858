"""What dense networks of both frameworks share: our own entry, and the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import ig_tasks
from benchmarks.contest import OURS, Attributed, Contestant, Refused
from benchmarks.reference import DenseNet, exact, gauss
from ig_tasks.errors import UserError

__all__ = ["dense_reference", "ours"]

REFERENCE_ROWS = 2000


def ours(
    model: Any, inputs: npt.NDArray[np.float32], tolerance: float, *, key: str = OURS, integrator: str = "auto"
) -> Contestant:
    """ig_tasks.explain of a model of one float array, from a baseline of zeros."""
    setting = f"tolerance={tolerance:g}" if integrator == "auto" else f'integrator="{integrator}"'
    zero = np.zeros(inputs.shape[1:], np.float32)

    def explain(rows: int) -> Attributed:
        try:
            found = ig_tasks.explain(model, inputs[:rows], baseline=zero, tolerance=tolerance, integrator=integrator)
        except UserError as error:
            raise Refused(f"{setting}: {error}") from error
        return Attributed.of(found)

    return Contestant(key, OURS, setting, len(inputs), explain)


def dense_reference(net: DenseNet, inputs: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], str]:
    """Attributions of the first rows from a baseline of zeros, and how they were found."""
    some, zero = inputs[:REFERENCE_ROWS], np.zeros(inputs.shape[1])
    if net.piecewise_linear:
        return exact(net, some, zero), f"exact, {len(some):,} rows"
    return gauss(net, some, zero), f"256 Gauss-Legendre nodes in float64, {len(some):,} rows"
