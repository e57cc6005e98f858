"""A path and an integrator of one's own, each a class: nothing else is changed, in either framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ig_tasks.attribution import attribute
from ig_tasks.attribution.integrators import Chunk, CommonStart, Integrator
from ig_tasks.attribution.methods.path_gradients import PathIntegratedGradients
from ig_tasks.attribution.paths import Path, PathPoints, StraightLine
from ig_tasks.attribution.tolerances import relative_change

ROWS = {"num": np.linspace(-1, 1, 15).reshape(5, 3), "cat": np.array([0, 5, 2, 2, 1])}
START = {"num": np.full(3, 0.1), "cat": np.array(3)}


@dataclass(frozen=True)
class Power:
    """start + place^exponent x (end - start): the straight line at another pace, or feature by feature a bent path."""

    exponents: tuple[float, ...] = (1.0,)  # of the features of every input in turn
    name: ClassVar[str] = "power"

    def points(self, starts: Any, ends: Any, places: np.ndarray) -> PathPoints:
        points, derivatives = {}, {}
        for name, end in ends.items():
            exponent = np.resize(self.exponents, end.shape[1:])
            at = places.reshape(-1, *[1] * end.ndim)
            points[name] = starts[name] + at**exponent * (end - starts[name])
            derivatives[name] = exponent * at ** (exponent - 1.0) * (end - starts[name])
        return PathPoints(points, derivatives)


class Simpson:
    """Simpson's rule on 16 intervals; its change from 8 is the error estimate."""

    name, steps = "simpson", 17

    def common_start(self, backend: Any, problem: Any) -> CommonStart:
        return CommonStart()

    def integrate(self, chunk: Chunk, rows: Any) -> None:
        nodes = np.linspace(0.0, 1.0, self.steps)
        fine = np.array([1.0, *[4.0, 2.0] * 7, 4.0, 1.0]) / 48.0
        coarse = np.zeros(17)
        coarse[::2] = np.array([1.0, *[4.0, 2.0] * 3, 4.0, 1.0]) / 24.0
        sums = chunk.unfolded(list(chunk.sums(nodes, np.stack([coarse, fine]))))
        chunk.add_levels(sums)
        chunk.judge(rows, relative_change(sums[1], sums[0]), self.steps, self.steps, final=True)


def test_a_path_is_one_class(kit: Any) -> None:
    path: Path = Power((2.0,))
    method = PathIntegratedGradients(path)
    settings: dict[str, Any] = {"layers": {"cat": "emb"}, "target": "all", "tolerance": 1e-6}
    found = attribute(kit.tabular(), ROWS, START, method=method, **settings)
    straight = attribute(kit.tabular(), ROWS, START, **settings)
    assert (found.status == "converged").all()
    for name in ROWS:  # the integral does not depend on the pace
        np.testing.assert_allclose(found.attributions[name], straight.attributions[name], rtol=0, atol=2e-6)
    assert found.details["affine_prefix"] == "the path is chosen (power)"


def test_a_bent_path_gives_its_own_attributions(kit: Any) -> None:
    model, inputs = kit.function("x0 * x0 * x1", 2), np.array([[1.0, 1.0], [2.0, -1.0]])
    found = attribute(model, inputs, np.zeros(2), method=PathIntegratedGradients(Power((1.0, 3.0))), tolerance=1e-9)
    # Along (t, t^3): the integral of 2 t t^3 is 2/5, that of t^2 3 t^2 is 3/5; the straight line has 2/3 and 1/3.
    product = inputs[:, 0] ** 2 * inputs[:, 1]
    np.testing.assert_allclose(found.attributions, product[:, None] * [[0.4, 0.6]], atol=1e-9)
    straight = attribute(model, inputs, np.zeros(2), tolerance=1e-9)
    np.testing.assert_allclose(straight.attributions, product[:, None] * [[2 / 3, 1 / 3]], atol=1e-9)


def test_the_straight_line_has_the_points_that_the_fast_sums_take(rng: np.random.Generator) -> None:
    starts, ends = {"x": rng.normal(size=(1, 3))}, {"x": rng.normal(size=(4, 3))}
    points, derivatives = StraightLine().points(starts, ends, np.array([0.0, 0.25, 1.0]))
    np.testing.assert_allclose(points["x"][1], 0.75 * starts["x"] + 0.25 * ends["x"], atol=1e-15)
    np.testing.assert_array_equal(derivatives["x"][2], ends["x"] - starts["x"])


def test_an_integrator_is_one_class(kit: Any, layers_of: Any, rng: np.random.Generator) -> None:
    rule: Integrator = Simpson()
    inputs = rng.normal(size=(6, 3))
    model = kit.dense(layers_of(3, 5, 4, 1))
    right = attribute(model, inputs, np.zeros(3), tolerance=1e-9)
    found = attribute(model, inputs, np.zeros(3), integrator=rule, tolerance=0.02)
    error = np.abs(found.attributions - right.attributions).sum(1) / np.abs(right.attributions).sum(1)
    assert (error <= found.error_estimate + 1e-9).all()
    assert (found.details["integrator"], found.details["steps"]) == ("simpson", 17)
    assert (found.evaluations == 17).all()
    assert (found.status == "converged").sum() == (found.error_estimate <= 0.02).sum() > 0
