"""Paths that are nearly over where they have begun: a saturating transform, then units that flip."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.attribution.batches import Batches
from ig_tasks.attribution.integrators.flips import kinks_and_moves
from ig_tasks.attribution.integrators.grading import GRADED, PLACES, Grading
from ig_tasks.attribution.integrators.secant import AdaptiveCells
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.structure import Structure

AMOUNTS = np.exp(np.random.default_rng(0).normal(6.0, 2.0, size=(20, 6)))
_RNG = np.random.default_rng(1)
WEIGHTS = [_RNG.normal(size=shape) / np.sqrt(shape[0]) for shape in ((6, 32), (32, 32), (32, 1))]
TRANSFORMS = {
    "log1p": (np.log1p, lambda x: 1.0 / (1.0 + x)),
    "tanh": (lambda x: np.tanh(x / 50.0), lambda x: (1.0 - np.tanh(x / 50.0) ** 2) / 50.0),
}


def model_of(framework: str, transform: str) -> Any:
    """The transform, then a ReLU network without biases: all of its units have their kink at the start."""
    if framework == "torch":
        import torch

        class Net(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.weights = torch.nn.ParameterList([torch.tensor(weight) for weight in WEIGHTS])

            def forward(self, x: Any) -> Any:
                hidden = torch.log1p(x) if transform == "log1p" else torch.tanh(x / 50.0)
                for weight in self.weights[:-1]:
                    hidden = torch.relu(hidden @ weight)
                return hidden @ self.weights[-1]

        return Net()
    import keras

    inputs = keras.Input((6,), dtype="float64")
    hidden = keras.ops.log1p(inputs) if transform == "log1p" else keras.ops.tanh(inputs / 50.0)
    for place, weight in enumerate(WEIGHTS):
        relu = "relu" if place + 1 < len(WEIGHTS) else None
        hidden = keras.layers.Dense(weight.shape[1], relu, use_bias=False, dtype="float64")(hidden)
    model = keras.Model(inputs, hidden)
    model.set_weights(WEIGHTS)
    return model


@cache
def reference(transform: str, nodes: int = 8000) -> np.ndarray:
    """Integrated gradients by the midpoint rule in u, the place being u^6: half of the nodes lie before 0.016."""
    inputs = AMOUNTS
    function, slope = TRANSFORMS[transform]
    total = np.zeros_like(inputs)
    for first in range(0, nodes, 1000):
        u = (np.arange(first, first + 1000) + 0.5) / nodes
        points = (u[:, None, None] ** 6 * inputs).reshape(-1, inputs.shape[1])
        before = [function(points) @ WEIGHTS[0]]
        before.append(np.maximum(before[0], 0.0) @ WEIGHTS[1])
        gradient = WEIGHTS[2].T * (before[1] > 0)
        gradient = (gradient @ WEIGHTS[1].T) * (before[0] > 0) @ WEIGHTS[0].T * slope(points)
        total += np.einsum("n,nrf->rf", 6.0 * u**5 / nodes, gradient.reshape(u.size, *inputs.shape))
    return inputs * total


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_what_is_certified_behind_a_saturating_transform_is_right(framework: str, transform: str) -> None:
    right = reference(transform)
    found = attribute(model_of(framework, transform), AMOUNTS, 0.0)
    error = np.abs(found.attributions - right).sum(axis=1) / np.abs(right).sum(axis=1)
    done = found.status == "converged"
    assert done.sum() >= 18
    assert error[done].max() <= 0.01


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_what_is_looked_at_counts_as_evaluations_and_keeps_to_the_most(framework: str) -> None:
    model = model_of(framework, "log1p")
    spent = attribute(model, AMOUNTS[:3], 0.0).evaluations
    assert (spent >= GRADED[::2].size + 4 + 10 + 24 + 58).all()  # an uneven path is never proven before
    for most in (40, 100):
        few = attribute(model, AMOUNTS[:3], 0.0, max_evaluations=most)
        assert (few.evaluations <= most).all()
        assert (few.status == "max_evaluations").all()


# -- small nets, whose units are off or cancel at first --------------------------------------------------------

SMALL = [_RNG.normal(size=shape).round(3) for shape in ((4, 8), (8, 1))]
SIGNED = {
    "asinh": (np.arcsinh, "asinh(x)"),
    "signed log": (lambda x: np.sign(x) * np.log1p(np.abs(x)), "sign(x) * log1p(abs(x))"),
}


def exact(function: Any, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Exact for one row: between flips, found by bisection, feature i gives (f(x1) - f(x0)) times its weights."""
    delta = end - start

    def hidden(places: np.ndarray) -> np.ndarray:
        return np.asarray(function(start + places[:, None] * delta) @ SMALL[0])

    around = [0.0, 1.0, *(-start / delta)]  # every feature changes fastest where it is 0
    steps = 0.75 * 1.25 ** -np.arange(120.0)
    fine = np.unique(np.concatenate([[0.0, 1.0], *([at, *(at + steps), *(at - steps)] for at in around)]))
    places = fine[(fine >= 0.0) & (fine <= 1.0)]
    cell, unit = np.nonzero(np.diff(hidden(places) > 0.0, axis=0))
    low, high = places[cell], places[cell + 1]
    below = hidden(low)[np.arange(unit.size), unit] > 0.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        same = (hidden(middle)[np.arange(unit.size), unit] > 0.0) == below
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    cuts = np.concatenate([[0.0], np.sort(low), [1.0]])
    on = hidden(0.5 * (cuts[1:] + cuts[:-1])) > 0.0
    return np.asarray(
        (np.diff(function(start + cuts[:, None] * delta), axis=0) * ((on * SMALL[1].T) @ SMALL[0].T)).sum(0)
    )


def small_net(framework: str, expression: str) -> Any:
    """relu(transform(x) W) v."""
    if framework == "torch":
        import torch

        class Net(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.first, self.last = (torch.nn.Parameter(torch.tensor(weight)) for weight in SMALL)

            def forward(self, x: Any) -> Any:
                at = {"asinh": torch.asinh, "sign": torch.sign, "log1p": torch.log1p, "abs": torch.abs, "x": x}
                return torch.relu(eval(expression, at) @ self.first) @ self.last  # noqa: S307

        return Net()
    import keras

    x = keras.Input((4,), dtype="float64")
    ops = keras.ops
    at = {"asinh": ops.arcsinh, "sign": ops.sign, "log1p": ops.log1p, "abs": ops.absolute, "x": x}
    hidden = keras.layers.Dense(8, "relu", use_bias=False, dtype="float64")(eval(expression, at))  # noqa: S307
    model = keras.Model(x, keras.layers.Dense(1, use_bias=False, dtype="float64")(hidden))
    model.set_weights(SMALL)
    return model


@pytest.mark.parametrize(
    ("framework", "transform", "from_zero"),
    [
        ("torch", "asinh", True),
        ("torch", "asinh", False),
        ("torch", "signed log", True),
        ("torch", "signed log", False),
        ("keras", "asinh", True),
        ("keras", "asinh", False),
        ("keras", "signed log", True),
    ],
)
def test_units_that_are_off_or_cancel_before_the_first_edge_are_seen(
    framework: str, transform: str, from_zero: bool
) -> None:
    """All units start at their kink, or features pass 0 in the middle of the path; eight units, each matters."""
    rng = np.random.default_rng(5)
    amounts = np.exp(rng.normal(6.0, 2.0, size=(2, 60, 4))) * np.sign(rng.normal(size=(2, 60, 4)))
    endpoints, starts = amounts[0], amounts[1] * (not from_zero)
    function, expression = SIGNED[transform]
    right = np.stack([exact(function, *row) for row in zip(starts, endpoints, strict=True)])
    found = attribute(small_net(framework, expression), endpoints, starts)
    done = found.status == "converged"
    error = np.abs(found.attributions - right).sum(axis=1)[done] / np.abs(right).sum(axis=1)[done]
    assert done.mean() >= 0.9
    assert error.max() <= 0.01


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_even_paths_take_no_level_more(framework: str) -> None:
    """tanh of small numbers is all but linear."""
    found = attribute(model_of(framework, "tanh"), np.random.default_rng(2).normal(size=(20, 6)), 0.0)
    assert np.median(found.evaluations) == GRADED[::2].size + 4 + 10 + 24


# -- the look itself -------------------------------------------------------------------------------------------


class Reciprocal:
    """A backend of one input whose contribution at a place is x / (1 + place x), and its output log1p(place x).

    It has one unit behind the first layer, log1p(place x) - 2.
    """

    folded = 0

    def evaluate(self, batch: Problem, nodes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = batch.endpoints["inputs"][:, 0]
        at = nodes[:, None] * x
        return np.log1p(at)[:, None, :], np.einsum("ln,nr->lr", weights, x / (1.0 + at))[:, None, :, None]

    def knots(self, batch: Problem, places: np.ndarray, layers: range) -> Any:
        z = np.log1p(places * batch.endpoints["inputs"][:, 0])[:, :, None] - 2.0
        yield slice(0, batch.rows), z if 1 in layers else z[:, :, :0]


def looked_at(inputs: np.ndarray) -> tuple[Any, ...]:
    problem = Problem({"inputs": inputs}, {"inputs": np.zeros((1, 1))}, {}, 4, np.zeros((1, 4), dtype=np.intp))
    return Reciprocal(), problem, Batches(8, lambda error: False)


INPUTS = np.array([[1.0], [100.0], [10_000.0], [0.0]])


def test_edges_are_close_where_much_changes() -> None:
    grading = Grading.of(*looked_at(INPUTS), bends=True)
    places = grading.places(np.repeat(np.linspace(0.0, 1.0, 33)[:, None], 4, axis=1))
    assert (places[0] == 0.0).all()
    assert (places[-1] == 1.0).all()
    assert (np.diff(places, axis=0) >= 0.0).all()
    change = np.diff(np.log1p(places * INPUTS[:, 0]), axis=0)[:, :3] / np.log1p(INPUTS[:3, 0])
    assert change.max() <= 2.0 / 32
    np.testing.assert_allclose(places[:, 3], np.linspace(0.0, 1.0, 33), atol=1e-12)  # nothing changes
    np.testing.assert_array_equal(grading.uneven, [False, True, True, False])
    np.testing.assert_allclose(grading.places(grading.shares(places)), places, atol=1e-12)
    part = grading.take(np.array([2, 0]))
    np.testing.assert_array_equal(part.places(np.full((1, 2), 0.3)), grading.places(np.full((1, 4), 0.3))[:, [2, 0]])


def test_what_lies_off_the_path_stays_there() -> None:
    grading = Grading.of(*looked_at(INPUTS), bends=True)
    off = np.array([[-0.5, 0.0, 1.0, np.inf], [np.nan, 2.0, -np.inf, 0.0]])
    np.testing.assert_array_equal(grading.shares(off), off)


def test_kinks_and_moves_of_units_behind_the_first_layer() -> None:
    kinks, moves = kinks_and_moves(*looked_at(INPUTS), PLACES)
    found = np.where(np.isfinite(kinks), kinks, 0.0).max(axis=1)
    flips = np.expm1(2.0) / INPUTS[1:3, 0]
    for place, flip in zip(found[1:3], flips, strict=True):  # between the two places that are next to it
        after = np.searchsorted(PLACES, flip)
        assert PLACES[after - 1] <= place <= PLACES[after]
    assert found[0] == found[3] == 0.0
    at = np.log1p(PLACES[:, None] * INPUTS[:3, 0])
    np.testing.assert_allclose(moves[:, :3], np.diff(at, axis=0) / at[-1], rtol=1e-3)
    assert (moves[:, 3] == 0.0).all()


FEW = Structure(bends=True, units=32)


@pytest.mark.parametrize(
    ("structure", "least"),
    [
        (Structure(bends=True, units=1000), 24),
        (FEW, 24),
        (Structure(), 24),
        (Structure(pieces=2, bends=True, units=32), 24),
        (Structure(pieces=2, bends=True, units=1000), 10),
    ],
)
def test_no_level_before_the_least_proves_a_row(structure: Structure, least: int) -> None:
    control = AdaptiveCells(structure)
    levels = [np.ones((1, 2, 3))] * 3
    for cells in (10, 24, 58):
        estimate = control.estimate(levels[: 2 if cells == 10 else 3], cells)
        assert (estimate == (0.0 if cells >= least else np.inf)).all()


def test_an_uneven_row_takes_one_level_more() -> None:
    levels, uneven = [np.ones((1, 2, 3))] * 3, np.array([False, True])
    control = AdaptiveCells(FEW)
    assert np.isinf(control.estimate(levels[:2], 10, uneven)).all()
    assert control.estimate(levels, 24, uneven).tolist() == [[0.0, 2.0]]
    assert control.estimate(levels, 58, uneven).tolist() == [[0.0, 0.0]]
