"""Exact integration of networks of small whole numbers, where many units flip at one place of a path."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ig_tasks.attribution import attribute

torch = pytest.importorskip("torch")

Array = npt.NDArray[np.float64]

NODES = 40_001
AT_A_KINK = 1e-9


def net(rng: np.random.Generator) -> Any:
    """Two to four hidden layers of at most seven units; weights and biases are whole, halves or quarters."""
    depth = int(rng.integers(2, 5))
    sizes = [*(int(rng.integers(2, 8)) for _ in range(depth + 1)), 1]
    slope = float(rng.choice([0.0, 0.25]))
    layers: list[Any] = []
    for inputs, outputs in itertools.pairwise(sizes):
        linear = torch.nn.Linear(inputs, outputs).double()
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(rng.integers(-2, 3, size=(outputs, inputs)) / 2.0))
            linear.bias.copy_(
                torch.from_numpy(rng.choice([-2, -1, 1, 2], size=outputs) / float(rng.choice([1.0, 4.0])))
            )
        layers += [linear, torch.nn.LeakyReLU(slope)]
    return torch.nn.Sequential(*layers[:-1]).eval()


def rests(model: Any, points: Any) -> bool:
    """Whether a unit stays at its kink for a while, where its derivative is whatever rounding makes of it."""
    with torch.no_grad():
        for layer in model:
            if not isinstance(layer, torch.nn.Linear) and bool(
                ((points.abs() < AT_A_KINK).double().mean(dim=0) > 0.003).any()
            ):
                return True
            points = layer(points)
    return False


def by_many_nodes(model: Any, row: Array, baseline: Array) -> Array | None:
    """The midpoint rule's attributions, off by about a node's share of the path; None where a unit `rests`."""
    places = (torch.arange(NODES, dtype=torch.float64) + 0.41421356) / NODES  # no node lies at a fraction
    points = torch.from_numpy(baseline) + places[:, None] * torch.from_numpy(row - baseline)
    if rests(model, points[::20]):
        return None
    points.requires_grad_()
    (gradients,) = torch.autograd.grad(model(points).sum(), points)
    return np.asarray((row - baseline) * gradients.mean(dim=0).numpy())


@pytest.mark.parametrize("seed", range(60))
def test_places_where_many_units_flip_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = net(rng)
    inputs = rng.integers(-4, 5, size=(8, model[0].in_features)).astype(np.float64)
    baseline = rng.integers(-2, 3, size=inputs.shape[1]).astype(np.float64)
    truths = [by_many_nodes(model, row, baseline) for row in inputs]
    kept = [place for place, truth in enumerate(truths) if truth is not None]
    if not kept:
        pytest.skip("on every path a unit stays at its kink for a while")
    expected = np.array([truths[place] for place in kept])
    found = attribute(model, inputs[kept], baseline, integrator="exact")
    size = np.maximum(np.abs(expected).sum(axis=1), 0.1)
    assert (np.abs(found.attributions - expected).sum(axis=1) <= 2e-3 * size).all()
