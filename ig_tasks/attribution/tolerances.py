"""When a row is done: its completeness delta and its estimated error, against what was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.result import CONVERGED, MAX_EVALUATIONS, NOT_FINITE, UNVERIFIED
from ig_tasks.errors import InputError

__all__ = ["Convergence", "Tolerances", "relative_change", "relative_delta", "scale"]

Array = npt.NDArray[np.float64]
_FINE = 1e-6  # with a coarser epsilon, the delta is what tells of rounding inside the model


@dataclass(frozen=True)
class Tolerances:
    """When a row is done: its completeness delta and its estimated error both hold.

    `epsilon` is that of the outputs' dtype, by which F(x) and F(b) are rounded; 0: not known.
    """

    relative: float = 0.01
    absolute: float = 0.0
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        for field, value in (("tolerance", self.relative), ("absolute_tolerance", self.absolute)):
            number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
            if not (number and np.isfinite(value) and value >= 0.0):
                raise InputError(f"{field}: {value!r} is not a number from 0 up")
        if self.relative > 1.0:
            raise InputError(
                f"tolerance: {self.relative:g} is a share of a row's attributions, from above 0 to 1; 0.05 is 5 %"
            )
        if self.relative == 0.0 == self.absolute:
            raise InputError(
                "tolerance: 0 is unreachable in floating point; give a number above 0, or an absolute_tolerance"
            )

    def judge(self, delta: Array, outputs: tuple[Array, Array], size: Array, estimate: Array) -> Convergence:
        """How rows (rows,) stand. `outputs` are F(x) and F(b), `size` the L1 norm of the attributions.

        A NaN estimate is a rule's that has none. Completeness alone proves nothing: errors of two features may cancel.
        """
        output, baseline_output = outputs
        with np.errstate(invalid="ignore"):  # a row that is not finite may be inf - inf, or 0 * inf
            difference = output - baseline_output
            finite = np.isfinite(size) & np.isfinite(difference)
            rounding = self.epsilon * np.maximum(np.abs(output), np.abs(baseline_output))
            # Not the difference, but every effect: those that cancel are not small.
            below = (size + estimate * size <= rounding) & (np.abs(delta) <= 2.0 * rounding)
            # What two roundings may amount to is not a fault of the attributions.
            own = np.abs(delta) - (2.0 * rounding if self.epsilon <= _FINE else 0.0)
            relative = np.where(below, 0.0, relative_delta(np.maximum(own, 0.0), difference, size))
            complete = own <= self.relative * scale(difference, size) + self.absolute
            exact = estimate * size <= self.relative * size + self.absolute
        proven = np.where(np.isnan(estimate), UNVERIFIED, np.where(exact, CONVERGED, MAX_EVALUATIONS))
        status = np.where(below, CONVERGED, np.where(complete, proven, MAX_EVALUATIONS))
        return Convergence(np.where(finite, status, NOT_FINITE), relative, below & finite)


class Convergence(NamedTuple):
    """How far rows (rows,) have converged."""

    status: npt.NDArray[np.str_]
    relative_delta: Array
    """0 where the rounding of the outputs explains the delta."""
    below_rounding: npt.NDArray[np.bool_]
    """All effects together are less than the outputs' dtype can tell: there is nothing to be had from more nodes."""


def scale(difference: Array, size: Array) -> Array:
    """What a row's delta is measured by: row-local, and never zero where there is something to explain."""
    return np.maximum(np.abs(difference), 0.1 * size)


def relative_delta(delta: Array, difference: Array, size: Array) -> Array:
    """|delta| / max(|F(x) - F(b)|, 0.1 L1) (rows,); 0 where all three are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(delta == 0.0, 0.0, np.abs(delta) / scale(difference, size))


def relative_change(now: Array, before: Array) -> Array:
    """|now - before|_1 / |now|_1 over the last axis; 0 where both are 0."""
    change = np.abs(now - before).sum(axis=-1, dtype=np.float64)
    size = np.abs(now).sum(axis=-1, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(change == 0.0, 0.0, change / size)
