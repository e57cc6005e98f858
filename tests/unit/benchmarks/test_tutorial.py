"""The algorithm of TensorFlow's tutorial as the benchmarks run it."""

import numpy as np
import pytest


class Quadratic:
    """f(x) = x1 x2 + x3^2: its gradient is linear along the path, where the trapezoid rule is exact."""

    def __call__(self, points):
        return (points[:, :1] * points[:, 1:2]) + points[:, 2:] ** 2


@pytest.mark.parametrize("how", ["published", "compiled"])
def test_exact_where_the_trapezoid_rule_is(how) -> None:
    from benchmarks import tutorial

    baseline = np.array([0.0, 1.0, -1.0], np.float32)
    rows = np.array([[2.0, 3.0, 1.0], [1.0, 1.0, 2.0]], np.float32)
    found = getattr(tutorial, how)(Quadratic(), baseline)(rows)
    change = rows - baseline
    slope = np.stack([(rows[:, 1] + 1) / 2, (rows[:, 0] + 0) / 2, rows[:, 2] - 1], axis=1)
    np.testing.assert_allclose(found, change * slope, rtol=1e-5, atol=1e-6)


class Kink:
    """max(x - 0.505, 0): which of 51 points lie beyond the kink tells the rule that was used."""

    def __call__(self, points):
        import tensorflow as tf

        return tf.nn.relu(points - 0.505)


@pytest.mark.parametrize("how", ["published", "compiled"])
def test_takes_51_points_and_halves_the_ends(how) -> None:
    from benchmarks import tutorial

    found = getattr(tutorial, how)(Kink(), np.zeros(1, np.float32))(np.ones((1, 1), np.float32))
    assert found[0, 0] == pytest.approx((24 + 0.5) / 50, abs=1e-6)
