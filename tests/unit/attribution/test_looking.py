"""A row looked at again: outputs and gradients on its path, and errors of fixed rules, against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ig_tasks import Samples, explain
from ig_tasks.explanations.source import Source

X, BASE = np.array([[0.8, -0.4, 0.3], [0.1, 0.9, -0.7]]), np.array([0.2, 0.1, 0.0])
WEIGHT = np.array([[1.5, -2.0, 0.5]])
PLACES = (0.0, 0.25, 1.0)


@pytest.fixture
def model(kit: Any) -> Any:
    """sigmoid(w x): its path is known in closed form."""
    return kit.dense([(WEIGHT, np.zeros(1), "sigmoid"), (np.ones((1, 1)), np.zeros(1), None)])


def closed_form(row: np.ndarray, base: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    at = np.array([base + alpha * (row - base) for alpha in PLACES]) @ WEIGHT[0]
    value = 1 / (1 + np.exp(-at))
    return value, (value * (1 - value))[:, None] * WEIGHT[0] * (row - base)


def test_a_path_is_the_closed_form(model: Any) -> None:
    explanation = explain(model, X, baseline=BASE)
    for row in (0, 1):
        outputs, contributions = closed_form(X[row], BASE)
        seen = Source(explanation.asked).path(row, PLACES)
        assert_allclose(seen.outputs, outputs, rtol=1e-6)
        assert_allclose(seen.contributions, contributions, rtol=1e-5)


def test_paths_of_several_baselines_are_averaged(model: Any) -> None:
    several = np.stack([BASE, np.zeros(3)])
    seen = Source(explain(model, X, baseline=Samples(several)).asked).path(1, PLACES)
    outputs, contributions = (
        np.mean(pair, axis=0) for pair in zip(*(closed_form(X[1], b) for b in several), strict=True)
    )
    assert_allclose(seen.outputs, outputs, rtol=1e-6)
    assert_allclose(seen.contributions, contributions, rtol=1e-5)


def test_errors_of_fixed_rules_are_those_of_the_rules(model: Any) -> None:
    found = Source(explain(model, X, baseline=BASE).asked).errors(0, ["trapezoid", "gauss_legendre"], [2, 4, 64])
    assert [(error.rule, error.evaluations) for error in found] == [
        (rule, steps) for rule in ("trapezoid", "gauss_legendre") for steps in (2, 4, 64)
    ]
    change = X[0] - BASE
    value = 1 / (1 + np.exp(-(WEIGHT[0] @ X[0]))) - 1 / (1 + np.exp(-(WEIGHT[0] @ BASE)))
    exact = WEIGHT[0] * change / (WEIGHT[0] @ change) * value
    _, ends = closed_form(X[0], BASE)
    by_hand = np.abs((ends[0] + ends[-1]) / 2 - exact).sum() / np.abs(exact).sum()
    assert found[0].error == pytest.approx(by_hand, rel=1e-4)
    assert found[0].delta == pytest.approx(abs(((ends[0] + ends[-1]) / 2).sum() - value) / abs(value), rel=1e-4)
    assert found[-1].error < 1e-6


def test_an_embedded_input_has_its_path_in_the_layer(kit: Any) -> None:
    ids, mask = np.array([[1, 2, 3], [4, 5, 1]]), np.ones((2, 3))
    given = {"baseline": {"ids": np.zeros(3, int)}, "layers": {"ids": "tok"}, "fixed": {"mask": mask}, "target": 1}
    explanation = explain(kit.tokens(), {"ids": ids}, **given)
    seen = Source(explanation.asked).path(1, [0.0, 1.0])
    assert_allclose(seen.outputs, [explanation.baseline_output[1], explanation.output[1]], rtol=1e-6)
    assert seen.contributions.shape == (2, 3)
