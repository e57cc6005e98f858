"""The baseline doctor with `target="all"`: each output by itself, importances over rows and outputs."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ig_tasks.baselines.doctor import judge_baselines

Array = NDArray[np.float64]

DRAW = np.random.default_rng(5)
HIDDEN, OUT = DRAW.normal(size=(3, 16)), DRAW.normal(size=(16, 4))
BIAS = 0.3 * DRAW.normal(size=16)
ROWS = DRAW.normal(size=(30, 3)) * np.array([1.0, 3.0, 0.3])
MEAN = ROWS.mean(axis=0)


def network(framework: str, layers: list[tuple[Array, Array]], *, softmax: bool = False) -> Any:
    """ReLU layers in float64, and a softmax behind them where that is wanted."""
    if framework == "torch":
        import torch

        steps: list[Any] = []
        for place, (weight, bias) in enumerate(layers):
            linear = torch.nn.Linear(*weight.shape).double()
            with torch.no_grad():
                linear.weight[:], linear.bias[:] = torch.from_numpy(weight.T.copy()), torch.from_numpy(bias)
            steps += [torch.nn.ReLU()] * (place > 0) + [linear]
        return torch.nn.Sequential(*steps, *([torch.nn.Softmax(dim=1)] if softmax else []))
    import keras

    model = keras.Sequential([keras.Input((layers[0][0].shape[0],), dtype="float64")])
    for place, (weight, _) in enumerate(layers):
        last = place + 1 == len(layers)
        activation = ("softmax" if softmax else None) if last else "relu"
        model.add(keras.layers.Dense(weight.shape[1], activation=activation, dtype="float64"))
    model.set_weights([array for layer in layers for array in layer])
    return model


@functools.cache
def classifier(framework: str) -> Any:
    """One model for several tests: a Keras model is traced once."""
    return network(framework, [(HIDDEN, BIAS), (OUT, np.zeros(4))], softmax=True)


def probabilities(x: Array) -> Array:
    logits = np.maximum(x @ HIDDEN + BIAS, 0.0) @ OUT
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True))


def by_midpoints(row: Array, start: Array, nodes: int = 20_000) -> Array:
    """Integrated Gradients of all four probabilities, (4, 3), by the gradient written down by hand."""
    points = start + ((np.arange(nodes) + 0.5) / nodes)[:, None] * (row - start)
    before = points @ HIDDEN + BIAS
    p = probabilities(points)
    through = p[:, :, None] * (np.eye(4) - p[:, None, :])  # d p_k / d logit_j
    slopes = np.einsum("nkj,hj,nh,ih->ki", through, OUT, (before > 0).astype(float), HIDDEN, optimize=True) / nodes
    return np.asarray(slopes * (row - start))


@pytest.fixture(params=["torch", "keras"])
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_importances_are_means_over_rows_and_outputs(framework: str) -> None:
    model = classifier(framework)
    judged = judge_baselines(
        model, ROWS, target="all", baselines=["zero", "mean"], tolerance=1e-3, max_evaluations=4097
    )
    for found, start in zip(judged.findings, (np.zeros(3), MEAN), strict=True):
        right = np.array([by_midpoints(row, start) for row in ROWS])
        assert found.converged == 1.0
        np.testing.assert_allclose(found.abs_mean, np.abs(right).mean(axis=(0, 1)), rtol=2e-3)
    assert len(judged.features) == len(judged["zero"].abs_mean) == 3
    assert judged.ranks


def test_they_agree_with_one_output_at_a_time(framework: str) -> None:
    model = classifier(framework)
    together = judge_baselines(model, ROWS[:8], target="all", baselines=["mean"], tolerance=1e-4, max_evaluations=4097)
    alone = [
        judge_baselines(model, ROWS[:8], target=k, baselines=["mean"], tolerance=1e-4, max_evaluations=4097)["mean"]
        for k in range(4)
    ]
    np.testing.assert_allclose(together["mean"].abs_mean, np.mean([one.abs_mean for one in alone], axis=0), rtol=2e-4)
    np.testing.assert_allclose(together["mean"].small_share, np.mean([one.small_share for one in alone]))


def test_each_output_is_held_against_its_own_rows(framework: str) -> None:
    """Outputs x0, 1000 + x1 and -x1: of one spread over all three, every difference would be small."""
    weight = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -1.0], [0.0, 0.0, 0.0]])
    model = network(framework, [(weight, np.array([0.0, 1000.0, 0.0]))])
    judged = judge_baselines(model, ROWS, target="all", baselines={"low": np.array([0.0, -50.0, 0.0]), "mean": "mean"})
    outputs = ROWS @ weight
    spread = outputs.std(axis=0)
    assert judged.output_spread == pytest.approx(spread.mean())
    small = np.abs(outputs - MEAN @ weight) <= 0.05 * spread
    assert judged["mean"].small_share == pytest.approx(small.mean())
    np.testing.assert_allclose(judged["mean"].abs_mean, np.abs((ROWS - MEAN) @ np.diag([1, 2, 0])).mean(axis=0) / 3)
    # -50 is below all rows in the second output and above all in the third: 0 and 100, neither of them 50.
    assert judged["low"].percentile in (0.0, 100.0)
    assert judged["low"].output in (pytest.approx(950.0), pytest.approx(50.0))
    assert "far from neutral" in judged.problems("low")["sure"]
    assert not judged.problems("mean")


def test_two_probabilities_that_mirror_each_other_do_not_come_out_as_neutral(framework: str) -> None:
    weight = np.array([[1.0, -1.0], [0.0, 0.0], [0.0, 0.0]])
    model = network(framework, [(weight, np.zeros(2))], softmax=True)
    judged = judge_baselines(model, ROWS, target="all", baselines={"end": np.array([4.0, 0.0, 0.0])})
    assert judged["end"].percentile in (0.0, 100.0)


def test_several_inputs_keep_their_features_apart(framework: str) -> None:
    """Outputs a0 + 2 b and 3 a1: the importance of each is known."""
    if framework == "torch":
        import torch

        class Two(torch.nn.Module):
            def forward(self, a: Any, b: Any) -> Any:
                return torch.stack([a[:, 0] + 2 * b[:, 0], 3 * a[:, 1]], dim=1)

        model: Any = Two()
    else:
        import keras

        a, b = (keras.Input((size,), name=name, dtype="float64") for name, size in (("a", 2), ("b", 1)))
        first = a[:, 0:1] + 2 * b
        out = keras.layers.Concatenate(dtype="float64")([first, 3 * a[:, 1:2]])
        model = keras.Model({"a": a, "b": b}, out)
    inputs = {"a": ROWS[:, :2].copy(), "b": ROWS[:, 2:].copy()}
    judged = judge_baselines(model, inputs, target="all", baselines=["zero"])
    assert judged.features == ("a[0]", "a[1]", "b[0]")
    right = np.abs(ROWS).mean(axis=0) * np.array([1.0, 3.0, 2.0]) / 2
    np.testing.assert_allclose(judged["zero"].abs_mean, right, rtol=1e-6)
