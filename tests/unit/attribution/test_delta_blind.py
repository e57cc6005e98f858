"""Kinks that completeness does not see: two attributions that cancel are right, or their row is not called converged.

relu(x0 - t) - relu(x1 - t) on the diagonal: the truth is +(x - t) and -(x - t), and a rule that steps over the kinks
finds zeros, with a delta of exactly zero. So do layers behind it that switch on and off again between two places.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.sweeps import sized
from support.tokens import pair_of_tokens

from ig_tasks.attribution import attribute

BY_STRUCTURE = ["auto", "adaptive", "secant", "exact"]
FIXED = [
    ("gauss_legendre", 10),
    ("clenshaw_curtis", 9),
    ("midpoint", 10),
    ("trapezoid", 10),
    ("left", 10),
    ("secant", 4),
]

# (weight, kink) of pairs: far out, close together, in the middle, small beside large.
PAIRS = {
    "one": [(1.0, 0.99)],
    "near the end": [(1.0, 0.9995)],
    "three": [(1.0, 0.99), (-2.0, 0.7), (0.5, 0.701)],
    "small and large": [(0.01, 0.31), (1.0, 0.6)],
}


def pairs_net(kit: Any, pairs: list[tuple[float, float]], *, behind: bool) -> Any:
    """The sum of pairs, through one more layer (of a unit that is always on) where `behind` is set."""
    first = np.array([[1.0, 0.0], [0.0, 1.0]] * len(pairs))
    bias = np.array([-kink for _, kink in pairs for _ in range(2)])
    second = np.array([[weight * sign for weight, _ in pairs for sign in (1.0, -1.0)]])
    layers: list[Any] = [(first, bias, "relu"), (second, [5.0], "relu" if behind else None)]
    return kit.dense([*layers, (np.ones((1, 1)), [0.0], None)] if behind else layers)


def truth(pairs: list[tuple[float, float]], endpoints: np.ndarray) -> np.ndarray:
    total = sum(weight * np.maximum(endpoints - kink, 0.0) for weight, kink in pairs)
    return np.stack([total, -total], axis=1)


def right(found: Any, expected: np.ndarray, tolerance: float) -> np.ndarray:
    error = np.abs(found.attributions - expected).sum(axis=1)
    return np.asarray(error <= tolerance * np.abs(expected).sum(axis=1) + 1e-12)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_right_or_not_called_converged(kit: Any, name: str, behind: bool) -> None:
    pairs = PAIRS[name]
    endpoints = np.concatenate([np.linspace(0.0, 3.0, 61)[1:], [pairs[0][1] * (1 + 1e-4)]])
    inputs, expected = np.stack([endpoints, endpoints], axis=1), truth(pairs, endpoints)
    model = pairs_net(kit, pairs, behind=behind)
    for integrator in BY_STRUCTURE:
        found = attribute(model, inputs, np.zeros(2), integrator=integrator)
        assert (found.status == "converged").all()
        assert right(found, expected, 0.01).all(), integrator
        assert behind or (found.evaluations == 1).all()  # one layer: exact at once
        np.testing.assert_allclose(found.convergence_delta, 0.0, atol=1e-10)


@pytest.mark.parametrize("name", ["one", "near the end", "small and large"])
def test_nodes_that_have_an_estimate_do_not_end_a_row_on_its_delta(kit: Any, name: str) -> None:
    """One kink at a time, that is: where several lie between nodes no rule on nodes sees them (secant cells do)."""
    endpoints = np.concatenate([np.linspace(0.0, 3.0, 61)[1:], [PAIRS[name][0][1] * (1 + 1e-4)]])
    inputs, expected = np.stack([endpoints, endpoints], axis=1), truth(PAIRS[name], endpoints)
    model = pairs_net(kit, PAIRS[name], behind=True)
    found = attribute(model, inputs, np.zeros(2), integrator="clenshaw_curtis")
    done = found.status == "converged"
    assert right(found, expected, 0.01)[done].all()
    assert done.mean() > 0.9


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize(("integrator", "steps"), FIXED)
def test_a_fixed_rule_calls_no_row_converged(kit: Any, integrator: str, steps: int, behind: bool) -> None:
    """Of 31 rows every rule misses some, with a delta of 0; of no row it knows whether it does."""
    pairs, endpoints = PAIRS["one"], np.linspace(0.0, 1.5, 31)
    model, expected = pairs_net(kit, pairs, behind=behind), truth(pairs, endpoints)
    inputs = np.stack([endpoints, endpoints], axis=1)
    found = attribute(model, inputs, np.zeros(2), integrator=integrator, steps=steps)
    if integrator == "secant" and not behind:  # one layer: cells are exact, which is proven by the structure
        assert (found.status == "converged").all()
        assert right(found, expected, 1e-9).all()
        return
    np.testing.assert_allclose(found.convergence_delta, 0.0, atol=1e-12)
    assert (found.status == "unverified").all()
    assert np.isnan(found.error_estimate).all()
    if integrator == "gauss_legendre":
        at_one = int(np.flatnonzero(endpoints == 1.0)[0])
        assert not found.attributions[at_one].any()  # the last node, 0.987, lies before the kink


def test_a_fixed_rule_that_does_not_add_up_did_not_reach_the_tolerance(kit: Any) -> None:
    model = kit.dense([(np.array([[1.0]]), [-0.99], "relu"), (np.ones((1, 1)), [0.0], None)])
    found = attribute(model, np.ones((1, 1)), np.zeros(1), integrator="gauss_legendre", steps=10)
    assert found.status.tolist() == ["max_evaluations"]
    assert found.relative_delta[0] == pytest.approx(1.0)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_layer_behind_that_switches_on_and_off_again(kit: Any, scale: float) -> None:
    """relu(d - relu(x1 - t) - relu(t - x0)), a tent of width 2 d over t, beside a plain slope: complete without it."""
    for kink, width in sized(((0.3713, 0.02),), ((0.5, 0.05), (0.3713, 0.02), (0.81, 0.1))):  # the narrowest
        first = np.array([[0.0, 1.0], [-1.0, 0.0], [1.0, 1.0]]) / scale
        hidden = np.array([[-1.0, -1.0, 0.0], [0.0, 0.0, 0.1]])
        model = kit.dense(
            [
                (first, [-kink, kink, 0.0], "relu"),
                (hidden, [width, 0.0], "relu"),
                (np.array([[1.0, 1.0]]), [0.0], None),
            ]
        )
        expected = np.array([[0.1 + width, 0.1 - width]])
        for integrator in BY_STRUCTURE:
            found = attribute(model, np.full((1, 2), scale), np.zeros(2), integrator=integrator)
            assert found.status[0] == "converged"
            assert right(found, expected, 0.01)[0], (integrator, kink)


def test_pairs_behind_an_embedding(kit: Any) -> None:
    """The same through the vectors of two embeddings."""
    model, vectors = pair_of_tokens(kit.name, kink=0.99)
    ids = {"left": np.array([1, 2, 3]), "right": np.array([1, 2, 3])}
    start = {"left": np.zeros(1), "right": np.zeros(1)}
    endpoints = vectors[[1, 2, 3], 0]
    found = attribute(model, ids, start, layers={"left": "first", "right": "second"})
    assert (found.status == "converged").all()
    gain = np.maximum(endpoints - 0.99, 0.0)
    np.testing.assert_allclose(found.attributions["left"], gain, rtol=0.01, atol=1e-12)
    np.testing.assert_allclose(found.attributions["right"], -gain, rtol=0.01, atol=1e-12)
