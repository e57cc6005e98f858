"""A model is left as it was found: mode, requires_grad, hooks, gradients, calls; also after an exception."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.attribution.backends.keras import program as keras_program

ROWS = {"num": np.ones((3, 3)), "cat": np.array([0, 5, 2])}
START = {"num": np.zeros(3), "cat": np.zeros(4)}
LAYERS = {"cat": "emb"}


def torch_state(model: Any) -> list[Any]:
    modules = [(name, module.training, len(module._forward_hooks)) for name, module in model.named_modules()]
    parameters = [(name, p.requires_grad, p.grad is None, p.dtype) for name, p in model.named_parameters()]
    return [modules, parameters, [p.detach().clone().numpy().tolist() for p in model.parameters()]]


@pytest.fixture
def torch_model(kits: Any) -> Any:
    model = kits[0].tabular()
    model.body.train()
    model.emb.weight.requires_grad_(False)
    return model


@pytest.mark.parametrize("precision", ["model", "float64", "bfloat16"])
def test_torch(torch_model: Any, precision: str) -> None:
    model = torch_model.float()
    before = torch_state(model)
    attribute(model, ROWS, START, layers=LAYERS, precision=precision)
    assert torch_state(model) == before


def test_torch_after_an_exception(torch_model: Any) -> None:
    def broken(module: Any, args: Any) -> None:
        if args[0].shape[0] > 3:
            raise ZeroDivisionError

    torch_model.body[2].register_forward_pre_hook(broken)
    before = torch_state(torch_model)
    with pytest.raises(ZeroDivisionError):
        attribute(torch_model, ROWS, START, layers=LAYERS)
    assert torch_state(torch_model) == before


def test_torch_runs_in_inference_mode(kits: Any, layers_of: Any) -> None:
    import torch

    model = torch.nn.Sequential(
        kits[0].dense(layers_of(4, 8, 8)), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1).double()
    )
    model.train()
    one, two = (attribute(model, np.ones((5, 4)), np.zeros(4)) for _ in range(2))
    np.testing.assert_array_equal(one.attributions, two.attributions)
    assert model.training
    assert model[1].training


def test_torch_under_no_grad_and_inference_mode(torch_model: Any) -> None:
    import torch

    plain = attribute(torch_model, ROWS, START, layers=LAYERS).attributions["num"]
    for context in (torch.no_grad, torch.inference_mode):
        with context():
            found = attribute(torch_model, ROWS, START, layers=LAYERS)
        np.testing.assert_array_equal(found.attributions["num"], plain)


def test_keras(kits: Any) -> None:
    model = kits[1].apart().tabular()
    layer = model.get_layer("emb")
    weights, trainable = model.get_weights(), layer.trainable
    before = kits[1].predict(model, **ROWS)
    attribute(model, ROWS, START, layers=LAYERS)
    assert "call" not in vars(layer)
    assert layer.trainable == trainable
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(kits[1].predict(model, **ROWS), before)


def test_keras_after_an_exception(kits: Any) -> None:
    import keras

    class Broken(keras.layers.Layer):
        def compute_output_spec(self, x: Any) -> Any:
            return x

        def call(self, x: Any) -> Any:
            raise ZeroDivisionError

    inner = kits[1].apart().tabular()
    model = keras.Model(inner.input, Broken()(inner.output))
    with pytest.raises(ZeroDivisionError):
        attribute(model, ROWS, START, layers=LAYERS)
    assert "call" not in vars(model.get_layer("emb"))


def test_keras_models_are_not_kept_alive(kits: Any) -> None:
    import keras

    model = kits[1].apart().tabular()
    attribute(model, ROWS, START, layers=LAYERS)
    assert model in keras_program._PROGRAMS
    reference = weakref.ref(model)
    del model
    keras.utils.clear_session(free_memory=True)
    gc.collect()
    assert reference() is None


def test_keras_sees_new_weights_without_tracing_again(kits: Any) -> None:
    model = kits[1].apart().tabular()
    attribute(model, ROWS, START, layers=LAYERS)
    programs = dict(keras_program._PROGRAMS[model])
    model.set_weights([weight * 2 for weight in model.get_weights()])
    found = attribute(model, ROWS, START, layers=LAYERS)
    np.testing.assert_allclose(found.output, kits[1].predict(model, **ROWS)[:, 0], atol=1e-13)
    assert keras_program._PROGRAMS[model] == programs
