"""Paths that are nearly over where they have begun: a saturating transform, then units that flip."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.attribution.batches import Batches
from ig_tasks.attribution.cells import AdaptiveCells
from ig_tasks.attribution.grading import GRADED, Grading
from ig_tasks.attribution.problem import Problem

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


def reference(transform: str, inputs: np.ndarray, nodes: int = 20_000) -> np.ndarray:
    """Integrated gradients by the midpoint rule in u, the place being u^6: half of the nodes lie before 0.016."""
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
    right = reference(transform, AMOUNTS)
    found = attribute(model_of(framework, transform), AMOUNTS, 0.0)
    error = np.abs(found.attributions - right).sum(axis=1) / np.abs(right).sum(axis=1)
    done = found.status == "converged"
    assert done.sum() >= 18
    assert error[done].max() <= 0.01


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_what_is_looked_at_counts_as_evaluations_and_keeps_to_the_most(framework: str) -> None:
    model = model_of(framework, "log1p")
    spent = attribute(model, AMOUNTS[:3], 0.0).evaluations
    assert (spent >= GRADED.size + 4 + 10 + 24).all()
    few = attribute(model, AMOUNTS[:3], 0.0, max_evaluations=100)
    assert (few.evaluations <= 100).all()
    assert (few.status == "max_evaluations").all()


class Reciprocal:
    """A backend of one input whose contribution at a place is x / (1 + place x), and its output log1p(place x)."""

    folded = 0

    def evaluate(self, batch: Problem, nodes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = batch.ends["inputs"][:, 0]
        at = nodes[:, None] * x
        return np.log1p(at)[:, None, :], np.einsum("ln,nr->lr", weights, x / (1.0 + at))[:, None, :, None]


def test_places_have_equal_shares_of_the_change_between_them() -> None:
    inputs = np.array([[1.0], [100.0], [10_000.0], [0.0]])
    problem = Problem({"inputs": inputs}, {"inputs": np.zeros((1, 1))}, {}, 4, np.zeros((1, 4), dtype=np.intp))
    batches = Batches(8, lambda error: False)
    grading = Grading.of(Reciprocal(), problem, batches)  # type: ignore[arg-type]
    places = grading.places(15)
    assert places.shape == (4, 15)
    shares = np.log1p(places[:3] * inputs[:3]) / np.log1p(inputs[:3])
    np.testing.assert_allclose(shares, np.broadcast_to((np.arange(15) + 0.5) / 15, (3, 15)), atol=0.05)
    assert np.isnan(places[3]).all()  # nothing changes
    np.testing.assert_array_equal(grading.take(np.array([2, 0])).places(15), places[[2, 0]])


@pytest.mark.parametrize(
    ("control", "least"),
    [
        (AdaptiveCells(bends=True, graded=True), 24),
        (AdaptiveCells(bends=True, few=True, graded=True), 24),
        (AdaptiveCells(graded=True), 24),
        (AdaptiveCells(layers=2, bends=True, few=True), 24),
        (AdaptiveCells(layers=2, bends=True), 10),
    ],
)
def test_no_level_before_the_least_proves_a_row(control: AdaptiveCells, least: int) -> None:
    levels = [np.ones((1, 2, 3))] * 3
    for cells in (10, 24, 58):
        estimate = control.estimate(levels[: 2 if cells == 10 else 3], cells)
        assert (estimate == (0.0 if cells >= least else np.inf)).all()
