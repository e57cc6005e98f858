"""Functions of tensors are models: lambdas, partials, bound methods, functions that call functions."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from ig_tasks import diagnose, explain, judge_baselines
from ig_tasks.errors import InputError, ModelError

KERNEL, OUT = np.random.default_rng(1).normal(size=(3, 5)), np.random.default_rng(2).normal(size=(5, 2))


class Holder:
    """An object that keeps its model."""

    def __init__(self, net: Any) -> None:
        self.net = net

    def score(self, x: Any) -> Any:
        return self.net(x)[:, 1]


def score(x: Any, net: Any, column: int = 0) -> Any:
    return net(x)[:, column]


@pytest.fixture(params=["torch", "keras"])
def net(request: pytest.FixtureRequest) -> Any:
    """A ReLU network of two outputs, with a dropout that is on."""
    if request.param == "torch":
        torch = pytest.importorskip("torch")
        layers = torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(5, 2, bias=False)
        model = torch.nn.Sequential(*layers).double()
        with torch.no_grad():
            layers[0].weight.copy_(torch.tensor(KERNEL.T))
            layers[0].bias.zero_()
            layers[3].weight.copy_(torch.tensor(OUT.T))
        return model.train()
    keras = pytest.importorskip("keras")
    layers = [
        keras.layers.Dense(5, activation="relu", use_bias=False, dtype="float64"),
        keras.layers.Dropout(0.5, dtype="float64"),
        keras.layers.Dense(2, use_bias=False, dtype="float64"),
    ]
    model = keras.Sequential([keras.Input((3,), dtype="float64"), *layers])
    model.set_weights([KERNEL, OUT])
    return model


def by_hand(x: np.ndarray, column: int = 1) -> np.ndarray:
    """A ReLU of something linear does not bend on the way from zero."""
    return x * (((x @ KERNEL > 0) * OUT[:, column]) @ KERNEL.T)


def test_functions_are_explained_as_what_they_call(net: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 3))
    functions = {
        "lambda": lambda at: net(at)[:, 1],
        "partial": functools.partial(score, net=net, column=1),
        "bound method of any object": Holder(net).score,
        "function that calls a function": lambda at: score(at, net, 1),
    }
    for name, function in functions.items():
        found = explain(function, x)
        np.testing.assert_allclose(found.attributions, by_hand(x), atol=1e-9, err_msg=name)
        assert (found.status == "converged").all()
    method = net.forward if hasattr(net, "forward") else net.call
    np.testing.assert_allclose(explain(method, x, target=1).attributions, by_hand(x), atol=1e-9)
    if hasattr(net, "training"):
        assert all(module.training for module in net.modules())


def test_a_function_of_several_inputs(net: Any, rng: np.random.Generator) -> None:
    pair = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))

    def both(left: Any, right: Any, share: float = 1.0) -> Any:
        return net(left)[:, 0] + share * net(right)[:, 1]

    for inputs in (pair, {"left": pair[0], "right": pair[1]}):
        found = explain(both, inputs, fixed={"share": 2.0}).attributions
        np.testing.assert_allclose(found["left"], by_hand(pair[0], 0), atol=1e-9)
        np.testing.assert_allclose(found["right"], 2 * by_hand(pair[1], 1), atol=1e-9)


def test_judged_and_diagnosed_alike(net: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 3))
    judged = judge_baselines(lambda at: net(at)[:, 1], x, baselines=["zero"])
    np.testing.assert_allclose(judged.findings[0].abs_mean, np.abs(by_hand(x)).mean(0), atol=1e-9)
    assert [each.differentiable for each in diagnose(lambda at: net(at)[:, 1], x).inputs] == [True]


def test_a_function_of_tensors_alone(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    weight = torch.tensor(KERNEL[:, 0], dtype=torch.float32)
    x = rng.normal(size=(4, 3))
    found = explain(lambda at: (at @ weight) ** 2, x)
    np.testing.assert_allclose(found.attributions, x * KERNEL[:, 0] * (x @ KERNEL[:, :1]), rtol=1e-4, atol=1e-5)
    scripted = torch.jit.script(_squares)
    np.testing.assert_allclose(explain(scripted, x).attributions, x**2, rtol=0.02)


def _squares(x):  # type: ignore[no-untyped-def]
    return (x**2).sum(1)


def test_a_function_of_tensorflow(rng: np.random.Generator) -> None:
    tf = pytest.importorskip("tensorflow")
    weight = tf.Variable(KERNEL[:, :1])
    x = rng.normal(size=(4, 3))
    right = x * KERNEL[:, 0] * (x @ KERNEL[:, :1])
    for function in (lambda at: tf.matmul(at, weight) ** 2, tf.function(lambda at: tf.matmul(at, weight) ** 2)):
        np.testing.assert_allclose(explain(function, x, tolerance=1e-4).attributions, right, rtol=1e-3, atol=1e-6)
    found = explain(lambda at: tf.reduce_sum(at**2, axis=1), tf.constant(x, tf.float32))
    np.testing.assert_allclose(found.attributions, x**2, rtol=1e-3, atol=1e-6)


def test_what_a_function_cannot_have() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("tensorflow")
    layer = torch.nn.Linear(3, 1)
    with pytest.raises(ModelError, match="a function keeps its modules where no copy reaches them"):
        explain(lambda at: layer(at), np.ones((2, 3)), precision="float64")
    with pytest.raises(InputError, match="neither it nor the inputs say whether it takes torch's tensors"):
        explain(lambda at: at.sum(1), np.ones((2, 3)))
    with pytest.raises(InputError, match=r"Holder is neither .*; a function of their tensors will do, too"):
        explain(Holder(layer), np.ones((2, 3)))
