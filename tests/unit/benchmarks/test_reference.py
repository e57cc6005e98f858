"""The benchmarks' own reference, which no part of the engine helped to write: exact cases, one rule by the other."""

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reference import ACTIVATIONS, DenseNet, exact, gauss

CASES = json.loads((Path(__file__).parents[1] / "attribution" / "ig_cases.json").read_text())["dense_networks"]


def number(value) -> float:
    return float(Fraction(value)) if isinstance(value, str) else float(value)


def net_of(described) -> DenseNet:
    layers = [(layer["weight"], layer["bias"]) for layer in described["layers"]]
    target = described.get("target") or 0
    layers[-1] = ([layers[-1][0][target]], [layers[-1][1][target]])
    return DenseNet.of(layers, described["layers"][0]["activation"])


def usable(described) -> bool:
    """One activation everywhere, none behind the last layer: what DenseNet can say."""
    kinds = [layer.get("activation") for layer in described["layers"]]
    return kinds[-1] is None and len(set(kinds[:-1])) == 1 and kinds[0] in ACTIVATIONS


KNOWN = [
    (described["name"], net_of(described), case)
    for described in CASES
    if usable(described)
    for case in described["cases"]
]


def random_net(widths, activation: str, seed: int) -> DenseNet:
    random = np.random.default_rng(seed)
    layers = [
        (random.normal(size=(after, before)) / np.sqrt(before), random.normal(size=after))
        for before, after in pairwise(widths)
    ]
    return DenseNet.of(layers, activation)


def midpoint(net: DenseNet, row, baseline, nodes: int):
    places = (np.arange(nodes) + 0.5) / nodes
    first = (baseline + places[:, None] * (row - baseline)) @ net.weights[0].T + net.biases[0]
    return (row - baseline) * (net.gradient_at_first(first).mean(axis=0) @ net.weights[0])


def test_there_are_exact_cases_of_piecewise_linear_networks() -> None:
    assert sum(net.piecewise_linear for _, net, _ in KNOWN) >= 5


@pytest.mark.parametrize(("net", "case"), [(net, case) for _, net, case in KNOWN], ids=[name for name, _, _ in KNOWN])
def test_cases_that_are_known_exactly(net: DenseNet, case) -> None:
    inputs = np.array([[number(value) for value in case["input"]]])
    baseline = np.array([number(value) for value in case["baseline"]])
    found = exact(net, inputs, baseline) if net.piecewise_linear else gauss(net, inputs, baseline)
    np.testing.assert_allclose(found[0], [number(value) for value in case["attributions"]], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
@pytest.mark.parametrize("widths", [(5, 7, 1), (6, 32, 16, 1), (4, 16, 16, 16, 16, 1)])
def test_exact_is_complete_and_what_many_nodes_tend_to(widths, activation) -> None:
    net = random_net(widths, activation, seed=len(widths))
    inputs = np.random.default_rng(1).normal(size=(8, widths[0]))
    baseline = np.full(widths[0], 0.3)
    found = exact(net, inputs, baseline)
    np.testing.assert_allclose(
        found.sum(axis=1), net.output(inputs) - net.output(np.broadcast_to(baseline, inputs.shape)), atol=1e-12
    )
    fine = np.stack([midpoint(net, row, baseline, nodes=2000) for row in inputs])
    assert np.abs(found - fine).max() < 1e-3 * np.abs(found).max()


def test_exact_where_completeness_alone_is_blind() -> None:
    """relu(x1 - .99) - relu(x2 - .99) at (1, 1): the parts cancel in the sum."""
    net = DenseNet.of([([[1, 0], [0, 1]], [-0.99, -0.99]), ([[1, -1]], [0])], "relu")
    np.testing.assert_allclose(exact(net, [[1, 1]], [0, 0]), [[0.01, -0.01]], atol=1e-15)


@pytest.mark.parametrize("activation", ["silu", "gelu", "tanh"])
def test_256_gauss_nodes_are_exact_for_smooth_networks(activation) -> None:
    net = random_net((6, 32, 16, 1), activation, seed=3)
    inputs = np.random.default_rng(2).normal(size=(8, 6)) * 3
    found = gauss(net, inputs, np.zeros(6))
    np.testing.assert_allclose(found, gauss(net, inputs, np.zeros(6), nodes=200), atol=1e-11)
    np.testing.assert_allclose(found.sum(axis=1), net.output(inputs) - net.output(np.zeros((8, 6))), atol=1e-11)


def test_exact_refuses_what_bends() -> None:
    with pytest.raises(ValueError, match="not piecewise linear"):
        exact(random_net((2, 3, 1), "silu", 0), np.ones((1, 2)), np.zeros(2))
