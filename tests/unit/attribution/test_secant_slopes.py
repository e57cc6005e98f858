"""Slopes over a cell: each makes its cell complete, and none is spoilt by ends that are equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution.secant_slopes import (
    Pieces,
    close_ends,
    flip_share,
    middle,
    piecewise_slope,
    pool_share,
    smooth_slope,
    tiny,
)

STARTS = np.array([-2.0, -0.5, 0.0, 1.0, 7.0, -4.0, 0.3])
ENDS = np.array([3.0, -0.4, 0.0, -1.0, 2.0, 8.0, 0.3])
FUNCTIONS: dict[str, tuple[Pieces, Callable[[Any], Any]]] = {
    "relu": (Pieces.relu(), lambda z: np.maximum(z, 0.0)),
    "leaky relu": (Pieces.relu(0.2), lambda z: np.where(z > 0.0, z, 0.2 * z)),
    "relu6": (Pieces.relu(most=6.0), lambda z: np.clip(z, 0.0, 6.0)),
    "hard tanh": (Pieces.clamp(-1.0, 1.0), lambda z: np.clip(z, -1.0, 1.0)),
    "clip from above": (Pieces.clamp(None, 1.0), lambda z: np.minimum(z, 1.0)),
    "hard sigmoid": (Pieces.hard_sigmoid(), lambda z: np.clip(z / 6.0 + 0.5, 0.0, 1.0)),
    "abs": (Pieces.absolute(), np.abs),
}


def test_an_absolute_value_that_stays_at_zero_has_no_slope() -> None:
    """|p - q| of two that are the same all along the path: neither has a part in it."""
    endpoints = np.zeros(3)
    assert (piecewise_slope(np, Pieces.absolute(), endpoints, endpoints, tiny("float64")) == 0.0).all()
    half = Pieces(0.5, ((-1.0, 2.0),))
    assert (piecewise_slope(np, half, endpoints + 2.0, endpoints + 2.0, tiny("float64")) == 0.0).all()
    np.testing.assert_allclose(
        piecewise_slope(np, half, endpoints + 1.0, endpoints + 5.0, tiny("float64")), 0.5 * (1 - 3) / 4
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_piecewise_slope_makes_the_cell_complete(name: str) -> None:
    pieces, function = FUNCTIONS[name]
    slope = piecewise_slope(np, pieces, STARTS, ENDS, tiny("float64"))
    np.testing.assert_allclose(slope * (ENDS - STARTS), function(ENDS) - function(STARTS), atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_ends_have_the_functions_own_slope(dtype: str) -> None:
    z = np.array([-3.0, 2.0, 40.0, 1e-30], dtype=dtype)
    with np.errstate(over="ignore"):  # the quotient may be infinite before it is clamped
        np.testing.assert_array_equal(flip_share(np, z, z, tiny(dtype)), [0.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize(("dtype", "width"), [("float32", 1e-4), ("float64", 1e-6)])
def test_a_smooth_slope_of_close_ends_is_the_derivative(dtype: str, width: float) -> None:
    z0 = np.array([0.7, 0.7, 0.7], dtype=dtype)
    z1 = z0 + np.array([0.0, width, 1.5], dtype=dtype)
    between = middle(z0, z1)
    close = close_ends(np, z0, z1, dtype)
    slope = smooth_slope(np, z0, z1, np.tanh(z0), np.tanh(z1), close, 1.0 - np.tanh(between) ** 2)
    np.testing.assert_array_equal(close, [True, True, False])
    np.testing.assert_allclose(slope[:2], 1.0 - np.tanh(0.7) ** 2, rtol=1e-4)
    np.testing.assert_allclose(slope[2] * 1.5, np.tanh(2.2) - np.tanh(0.7), rtol=1e-6)


def test_the_middle_makes_a_product_complete() -> None:
    x0, x1, y0, y1 = 2.0, 5.0, -1.0, 4.0
    assert middle(y0, y1) * (x1 - x0) + middle(x0, x1) * (y1 - y0) == x1 * y1 - x0 * y0


def test_a_pools_shares_make_the_cell_complete() -> None:
    # p leads at the start, q at the end; the last window keeps its maximum.
    p0, q0, p1, q1 = np.array([[3.0, 1.0], [1.0, 1.0], [2.0, 4.0], [6.0, 4.0]])
    share = pool_share(np, p0, q0, p1, q1)
    np.testing.assert_allclose(share * (p1 - p0) + (1.0 - share) * (q1 - q0), q1 - p0)
    assert share[1] == 0.5
