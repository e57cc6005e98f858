"""`register_operation`: an activation of one's own is one operation, exact or with a slope over a cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ig_tasks
from ig_tasks.attribution import attribute
from ig_tasks.errors import InputError, ModelError

RNG = np.random.default_rng(3)
FIRST, SECOND, LAST = (RNG.normal(size=shape) for shape in ((5, 8), (8, 8), (8, 1)))
BIAS = RNG.normal(size=8)
INPUTS = RNG.normal(size=(12, 5)) * 2.0
HINGE = {"knots": (0.0, 1.0), "slopes": (0.1, 1.0, 2.0)}


def hinge(z: Any, where: Callable[..., Any]) -> Any:
    return where(z < 0, 0.1 * z, where(z < 1, z, 2 * z - 1))


def bump(z: Any, exp: Callable[..., Any]) -> Any:
    return z * exp(-z * z)


def net(framework: str, kind: str, *, layers: int = 1, registered: dict[str, Any] | None = None) -> Any:
    """Dense, the activation, perhaps both again, dense; `registered` are what the activation is registered with."""
    if framework == "torch":
        import torch

        class Own(torch.nn.Module):
            def forward(self, z: Any) -> Any:
                return hinge(z, torch.where) if kind == "hinge" else bump(z, torch.exp)

        if registered is not None:
            assert ig_tasks.register_operation(Own, name=kind, **registered) is Own
        dense = [torch.nn.Linear(*weight.shape) for weight in (FIRST, SECOND, LAST)]
        for one, weight in zip(dense, (FIRST, SECOND, LAST), strict=True):
            one.weight.data, one.bias.data = torch.tensor(weight.T), torch.tensor(BIAS[: weight.shape[1]])
        hidden = [dense[0], Own()] if layers == 1 else [dense[0], Own(), dense[1], Own()]
        return torch.nn.Sequential(*hidden, dense[2]).double()
    import keras

    class OwnLayer(keras.layers.Layer):
        def call(self, z: Any) -> Any:
            return hinge(z, keras.ops.where) if kind == "hinge" else bump(z, keras.ops.exp)

    if registered is not None:
        assert ig_tasks.register_operation(OwnLayer, name=kind, **registered) is OwnLayer
    x = z = keras.Input((5,), dtype="float64")
    weights = (FIRST, LAST) if layers == 1 else (FIRST, SECOND, LAST)
    for place, weight in enumerate(weights):
        layer = keras.layers.Dense(weight.shape[1], dtype="float64")
        z = layer(z)
        layer.set_weights([weight, BIAS[: weight.shape[1]]])
        z = OwnLayer(dtype="float64")(z) if place < layers else z
    return keras.Model(x, z)


def reference(kind: str, layers: int, nodes: int = 20_000) -> np.ndarray:
    """Integrated Gradients from zero by the midpoint rule."""

    def value(z: np.ndarray) -> np.ndarray:
        return np.asarray(hinge(z, np.where) if kind == "hinge" else bump(z, np.exp))

    def slope(z: np.ndarray) -> np.ndarray:
        if kind == "hinge":
            return np.where(z < 0, 0.1, np.where(z < 1, 1.0, 2.0))
        return np.asarray((1.0 - 2.0 * z * z) * np.exp(-z * z))

    total = np.zeros_like(INPUTS)
    for row, x in enumerate(INPUTS):
        z = [((np.arange(nodes) + 0.5) / nodes)[:, None] * (x @ FIRST) + BIAS]
        if layers == 2:
            z.append(value(z[0]) @ SECOND + BIAS)
        gradient = slope(z[-1]) * LAST[:, 0]
        gradient = (gradient @ SECOND.T) * slope(z[0]) if layers == 2 else gradient
        total[row] = x * (gradient.mean(0) @ FIRST.T)
    return total


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_a_piecewise_linear_activation_becomes_exact(framework: str, layers: int) -> None:
    model = net(framework, "hinge", layers=layers, registered=HINGE)
    found = attribute(model, INPUTS, 0.0, integrator="exact")
    np.testing.assert_allclose(found.attributions, reference("hinge", layers), atol=2e-3)
    assert np.abs(found.convergence_delta).max() < 1e-12
    assert (found.error_estimate == 0.0).all()
    secant = attribute(model, INPUTS, 0.0, integrator="secant", tolerance=1e-3)
    np.testing.assert_allclose(secant.attributions, found.attributions, rtol=0, atol=1e-2 if layers == 2 else 1e-12)
    assert "hinge" in attribute(model, INPUTS, 0.0).details["reason"] or layers == 2


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_one_cell_of_a_single_layer_is_the_closed_form(framework: str) -> None:
    """sum over units of v (g(z1) - g(z0)) / (z1 - z0) w x."""
    for kind, registered in (("hinge", HINGE), ("bump", {})):
        found = attribute(net(framework, kind, registered=registered), INPUTS, 0.0)
        z0, z1 = BIAS, INPUTS @ FIRST + BIAS
        values = [np.asarray(hinge(z, np.where) if kind == "hinge" else bump(z, np.exp)) for z in (z0, z1)]
        expected = INPUTS * (((values[1] - values[0]) / (z1 - z0) * LAST[:, 0]) @ FIRST.T)
        np.testing.assert_allclose(found.attributions, expected, rtol=1e-9, atol=1e-12)
        assert (found.evaluations == 1).all()
        assert found.details["reason"] == f"one layer of nonlinear operations ({kind}): one cell is exact"


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_a_smooth_activation_keeps_its_affine_prefix(framework: str) -> None:
    found = attribute(net(framework, "bump", layers=2, registered={}), INPUTS, 0.0, tolerance=1e-6)
    np.testing.assert_allclose(found.attributions, reference("bump", 2), atol=1e-5)
    prefix = ["linear"] if framework == "torch" else ["matmul", "bias_add"]
    assert found.details["affine_prefix"] == prefix  # without "neg" and "mul" of what it is written in
    assert found.details["reason"] == "smooth operations (bump)"


@pytest.mark.parametrize("framework", ["torch", "keras"])
@pytest.mark.parametrize(
    ("registered", "message"),
    [
        ({"knots": (0.0, 1.5), "slopes": (0.1, 1.0, 2.0)}, r"not linear with the slopes \[0.1, 1.0, 2.0\] between"),
        ({"knots": (0.0,), "slopes": (0.1, 1.0)}, "not linear with the slopes"),
    ],
)
def test_wrong_slopes_are_refused_when_the_model_is_explained(
    framework: str, registered: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        attribute(net(framework, "hinge", registered=registered), INPUTS, 0.0)


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_what_mixes_elements_is_refused(framework: str) -> None:
    if framework == "torch":
        import torch

        class Mixing(torch.nn.Module):
            def forward(self, z: Any) -> Any:
                return torch.softmax(z, dim=-1)

        ig_tasks.register_operation(Mixing)
        model: Any = torch.nn.Sequential(torch.nn.Linear(5, 4), Mixing(), torch.nn.Linear(4, 1)).double()
    else:
        import keras

        class MixingLayer(keras.layers.Layer):
            def call(self, z: Any) -> Any:
                return keras.ops.softmax(z)

        ig_tasks.register_operation(MixingLayer)
        x = keras.Input((5,), dtype="float64")
        model = keras.Model(x, keras.layers.Dense(1, dtype="float64")(MixingLayer(dtype="float64")(x)))
    with pytest.raises(ModelError, match="mixes elements"):
        attribute(model, INPUTS, 0.0)


def test_functions_by_decorator_and_of_torch_itself() -> None:
    import torch

    @ig_tasks.register_operation
    def squash(z: Any, scale: float = 1.0) -> Any:
        return z / torch.sqrt(1.0 + scale * z * z)

    ig_tasks.register_operation(torch.special.ndtr)

    class Own(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Linear(5, 8)

        def forward(self, x: Any) -> Any:
            return (squash(self.first(x), scale=2.0) + torch.special.ndtr(self.first(x))).sum(1)

    torch.manual_seed(0)
    model = Own().double()
    found = attribute(model, INPUTS, 0.0)
    assert found.details["reason"] == "one layer of nonlinear operations (squash, special_ndtr): one cell is exact"
    right = attribute(model, INPUTS, 0.0, integrator="gauss_legendre", steps=200)
    np.testing.assert_allclose(found.attributions, right.attributions, atol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operation": 3}, "3 is no function"),
        ({"operation": dict}, "dict is neither a torch.nn.Module nor a keras.layers.Layer"),
        ({"operation": abs, "knots": (1.0, 0.0)}, "do not ascend"),
        ({"operation": abs, "knots": (0.0,), "slopes": (1.0,)}, "1 knots have 2 slopes around them, and 1 are given"),
        ({"operation": abs, "knots": 0.0}, "knots=0.0 is not a sequence of numbers"),
        ({"operation": abs, "knots": (float("nan"),)}, "not a sequence of numbers"),
    ],
)
def test_what_fits_no_function_is_refused_at_once(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ig_tasks.register_operation(**arguments)


def test_the_model_itself_computes_what_it_did() -> None:
    import torch

    class Own(torch.nn.Module):
        def forward(self, z: Any, *, shift: float = 0.0) -> Any:
            return torch.relu(z) + shift

    before = Own()(torch.ones(2), shift=1.0)
    ig_tasks.register_operation(Own, knots=(0.0,), slopes=(0.0, 1.0))
    ig_tasks.register_operation(Own, knots=(0.0,), slopes=(0.0, 1.0))
    assert torch.equal(Own()(torch.ones(2), shift=1.0), before)
    assert Own.forward.__wrapped__.__name__ == "forward"  # type: ignore[attr-defined]
    assert not hasattr(Own.forward.__wrapped__, "__wrapped__")  # type: ignore[attr-defined]
