"""Effects that the output's dtype cannot tell: few evaluations, and said; effects that only cancel are not small."""

from __future__ import annotations

from typing import Any

import numpy as np

from ig_tasks.attribution import attribute
from ig_tasks.attribution.averaging import average
from ig_tasks.attribution.tolerances import Tolerances

EPSILON = float(np.finfo(np.float32).eps)


def saturated(kit: Any, offset: float) -> Any:
    """A class that is all but certain: a bias of `offset` before a sigmoid, out of a small ReLU network."""
    rng = np.random.default_rng(0)
    first, last = rng.normal(size=(16, 6)), rng.normal(size=(1, 16)) * 0.2
    return kit.dense([(first, rng.normal(size=16), "relu"), (last, [offset], "sigmoid")], "float32")


def truth(offset: float, inputs: np.ndarray, nodes: int = 2000) -> np.ndarray:
    """The midpoint rule in float64, by hand."""
    rng = np.random.default_rng(0)
    first, last = rng.normal(size=(16, 6)), rng.normal(size=(1, 16)) * 0.2
    bias = rng.normal(size=16)
    total = np.zeros_like(inputs, dtype=np.float64)
    for node in (np.arange(nodes) + 0.5) / nodes:
        hidden = node * inputs @ first.T + bias
        logit = np.maximum(hidden, 0.0) @ last.T + offset
        slope = np.exp(-logit) / (1.0 + np.exp(-logit)) ** 2
        total += slope * (((hidden > 0.0) * last) @ first)
    return inputs * total / nodes


def test_a_saturated_output_is_done_after_a_few_evaluations(kit: Any) -> None:
    inputs = np.random.default_rng(1).normal(size=(8, 6)).astype(np.float32)
    found = attribute(saturated(kit, 24.0), inputs, np.zeros(6))
    right = truth(24.0, inputs)
    assert np.abs(right).sum(axis=1).max() < EPSILON  # of an output of 1
    assert (found.status == "converged").all()
    assert found.evaluations.max() <= 100
    assert (np.abs(found.attributions - right).sum(axis=1) <= EPSILON).all()
    assert found.details["below_rounding"] == 8
    assert "8 of the converged: all effects together are below the rounding of the output" in repr(found)
    assert (found.relative_delta == 0.0).all()


def test_effects_that_rounding_blurs_are_judged_by_their_estimate(kit: Any) -> None:
    """A few hundred roundings wide: the delta cannot tell 1 %, the attributions are right to that all the same."""
    inputs = np.random.default_rng(1).normal(size=(8, 6)).astype(np.float32)
    found = attribute(saturated(kit, 10.5), inputs, np.zeros(6))
    right = truth(10.5, inputs)
    assert (found.status == "converged").all()
    assert found.details["below_rounding"] == 0
    assert (np.abs(found.attributions - right).sum(axis=1) <= 0.02 * np.abs(right).sum(axis=1)).all()
    assert (found.relative_delta <= 0.01).all()


def test_effects_that_cancel_are_not_below_rounding(kit: Any) -> None:
    """relu(x0 - 0.3) - relu(x1 - 0.3) + 1 on the diagonal: the output stays 1, the attributions are +0.7 and -0.7."""
    layers = [
        (np.eye(2), [-0.3, -0.3], "relu"),
        (np.array([[1.0, -1.0]]), [5.0], "relu"),
        (np.ones((1, 1)), [0.0], None),
    ]
    found = attribute(kit.dense(layers, "float32"), np.ones((1, 2), np.float32), np.zeros(2))
    np.testing.assert_allclose(found.attributions, [[0.7, -0.7]], atol=1e-5)
    assert found.details["below_rounding"] == 0


def test_baselines_that_cancel_are_not_below_rounding(kit: Any) -> None:
    """x^3 from -1 and from 1 to 0, explained as +1 and -1: their mean is 0, its error is not."""
    model = kit.function("x0 * x0 * x0 * 1e9 + 1", 1)
    each = [
        attribute(model, np.zeros((1, 1)), np.array([start]), integrator="clenshaw_curtis") for start in (-1.0, 1.0)
    ]
    found = average(each, Tolerances(0.01))
    assert found.details["below_rounding"] == 0
