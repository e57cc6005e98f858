"""Rows that are not finite come back as "not_finite", and the numbers of the others are what they are without them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute

HOW = [
    pytest.param({"integrator": "auto"}, id="auto"),
    pytest.param({"integrator": "secant"}, id="secant"),
    pytest.param({"integrator": "exact"}, id="exact"),
    pytest.param({"integrator": "clenshaw_curtis", "tolerance": 0.05}, id="clenshaw_curtis"),
    pytest.param({"integrator": "trapezoid", "steps": 7}, id="trapezoid"),
]
BAD = np.array([0, 3, 7])


@pytest.fixture
def model(kit: Any, layers_of: Any) -> Any:
    return kit.dense(layers_of(4, 24, 16, 2, activation="relu"))


def same(found: Any, clean: Any) -> None:
    bad = np.isin(np.arange(len(clean)), BAD)
    assert (found.status[bad] == "not_finite").all()
    assert (found.status[~bad] == clean.status[~bad]).all()
    assert np.isnan(found.attributions[bad]).all()
    assert np.isnan(found.error_estimate[bad]).all()
    assert np.isnan(found.convergence_delta[bad]).all()
    np.testing.assert_allclose(found.attributions[~bad], clean.attributions[~bad], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.output[~bad], clean.output[~bad], rtol=1e-12)
    assert np.array_equal(found.evaluations[~bad], clean.evaluations[~bad])


@pytest.mark.parametrize("options", HOW)
def test_in_the_inputs(model: Any, options: dict[str, Any], rng: np.random.Generator) -> None:
    inputs, baseline = rng.normal(size=(10, 4)), rng.normal(size=4)
    clean = attribute(model, inputs, baseline, target=1, **options)
    inputs[BAD, [0, 1, 3]] = np.nan, np.inf, -np.inf
    same(attribute(model, inputs, baseline, target=1, **options), clean)


@pytest.mark.parametrize("options", HOW[1:4])
def test_in_the_baselines(model: Any, options: dict[str, Any], rng: np.random.Generator) -> None:
    inputs, baselines = rng.normal(size=(10, 4)), rng.normal(size=(10, 4))
    clean = attribute(model, inputs, baselines, target=0, **options)
    baselines[BAD, [0, 1, 3]] = np.nan, np.inf, -np.inf
    same(attribute(model, inputs, baselines, target=0, **options), clean)


def test_all_targets_and_the_predicted_one(model: Any, rng: np.random.Generator) -> None:
    inputs = rng.normal(size=(10, 4))
    for target in ("all", "predicted"):
        clean = attribute(model, inputs, np.zeros(4), target=target)
        spoilt = inputs.copy()
        spoilt[BAD] = np.nan
        same(attribute(model, spoilt, np.zeros(4), target=target), clean)


def test_rows_of_nothing_but_nan(model: Any) -> None:
    found = attribute(model, np.full((3, 4), np.nan), np.zeros(4), target=0)
    assert (found.status == "not_finite").all()
    assert np.isnan(found.attributions).all()


def test_outputs_that_are_not_finite(kit: Any) -> None:
    """sqrt of what turns negative on the way, a logarithm of zero at the baseline: not finite, and not converged."""
    if kit.name == "torch":
        import torch

        class Root(torch.nn.Module):
            def forward(self, x: Any) -> Any:
                return torch.sqrt(1.0 + x[:, 0]) + x[:, 1]

        model: Any = Root()
    else:
        import keras

        start = keras.Input((2,), dtype="float64")
        model = keras.Model(start, keras.ops.sqrt(1.0 + start[:, 0]) + start[:, 1])
    inputs = np.array([[1.0, 2.0], [-3.0, 1.0], [0.5, -1.0]])
    found = attribute(model, inputs, np.zeros(2), tolerance=1e-6)
    assert found.status.tolist() == ["converged", "not_finite", "converged"]
    np.testing.assert_allclose(found.attributions[[0, 2], 0], np.sqrt(1 + inputs[[0, 2], 0]) - 1, rtol=1e-6)
    np.testing.assert_allclose(found.attributions[[0, 2], 1], inputs[[0, 2], 1], rtol=1e-12)


def test_vectors_of_an_embedding(kit: Any, rng: np.random.Generator) -> None:
    rows = {"num": rng.normal(size=(10, 3)), "cat": rng.integers(0, 6, 10)}
    starts = {"num": np.zeros(3), "cat": rng.normal(size=(10, 4))}
    clean = attribute(kit.tabular(), rows, starts, layers={"cat": "emb"})
    starts["cat"][BAD, 2] = np.nan
    found = attribute(kit.tabular(), rows, starts, layers={"cat": "emb"})
    good = ~np.isin(np.arange(10), BAD)
    assert (found.status[BAD] == "not_finite").all()
    for name in rows:
        assert np.isnan(found.attributions[name][BAD]).all()
        np.testing.assert_allclose(found.attributions[name][good], clean.attributions[name][good], atol=1e-13)
