"""Compositions of piecewise-linear functions of one number."""

from __future__ import annotations

import numpy as np

from ig_tasks.attribution.backends.keras.pieces import Bent
from ig_tasks.attribution.secant_slopes import Pieces

PLACES = np.linspace(-9.0, 9.0, 181)


def values(pieces: Pieces, at_zero: float) -> np.ndarray:
    """The function that has this value at 0."""
    total = pieces.slope * PLACES + sum(
        step * (np.maximum(PLACES - knot, 0.0) - max(-knot, 0.0)) for step, knot in pieces.steps
    )
    return np.asarray(total + at_zero)


def test_a_clipped_ramp() -> None:
    clipped = Bent().scaled(0.5).shifted(1.0).chosen(Bent.constant(2.0), min).chosen(Bent.constant(-1.0), max)
    assert clipped.pieces.knots == (-4.0, 2.0)
    np.testing.assert_allclose(values(clipped.pieces, 1.0), np.clip(PLACES / 2 + 1, -1, 2), atol=1e-14)


def test_sums_of_two() -> None:
    relu = Bent().chosen(Bent.constant(0.0), max)
    other = Bent().scaled(-1.0).chosen(Bent.constant(0.0), max).scaled(-0.2)
    np.testing.assert_allclose(
        values(relu.plus(other).pieces, 0.0), np.where(PLACES > 0, PLACES, 0.2 * PLACES), atol=1e-14
    )


def test_knots_that_cancel_are_gone() -> None:
    relu = Bent().chosen(Bent.constant(0.0), max)
    assert relu.plus(relu.scaled(-1.0)).pieces.knots == ()
    assert Bent().chosen(Bent(), max).pieces == Pieces(1.0, ())
