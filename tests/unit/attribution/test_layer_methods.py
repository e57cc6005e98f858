"""Attributions of a model's inside: units, layers and what flows through them, on both frameworks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import EngineOptions, attribute, attribute_by_method
from ig_tasks.attribution.methods import choose_method
from ig_tasks.attribution.methods.conductance import Conductance
from ig_tasks.attribution.methods.integrated_gradients import IntegratedGradients
from ig_tasks.attribution.methods.layer import Layer
from ig_tasks.attribution.methods.neuron import Neuron
from ig_tasks.attribution.methods.through_units import ThroughUnits
from ig_tasks.errors import InputError, LayerError

pytestmark = pytest.mark.graphs

NETWORKS = json.loads((Path(__file__).parent / "ig_cases.json").read_text(encoding="utf-8"))["dense_networks"]


def network(kit: Any, name: str) -> Any:
    layers = next(each["layers"] for each in NETWORKS if each["name"] == name)
    return kit.dense([(layer["weight"], layer["bias"], layer.get("activation")) for layer in layers])


def hidden(model: Any) -> str:
    """The layer whose output is behind the first nonlinearity."""
    if hasattr(model, "layers"):
        return next(layer.name for layer in model.layers if "dense" in layer.name)
    return "1"


def last(model: Any) -> str:
    return str(model.layers[-1].name) if hasattr(model, "layers") else str(len(model) - 1)


def run(
    model: Any, rows: Any, method: Any, *starts: Any, target: Any = None, layers: Any = None, **options: Any
) -> Any:
    names = rows if isinstance(rows, dict) else {"inputs": rows}
    given = [start if isinstance(start, dict) else dict.fromkeys(names, start) for start in starts or (0.0,)]
    settings = EngineOptions(method=method, **options)
    return attribute_by_method(model, rows, given, settings, target=target, layers=layers)


def test_conductance_of_the_reference_network(kit: Any) -> None:
    model, row = network(kit, "ml"), np.array([[0.0, 100.0, 0.0]])
    for layer, expected in ((hidden(model), [90.0, 100.0, 100.0, 100.0]), (last(model), [390.0, 0.0])):
        found = run(model, row, Conductance(layer), target=0, tolerance=1e-9)
        np.testing.assert_allclose(found.attributions[layer], [expected], atol=1e-9)
        assert found.status[0] == "converged"
        assert found.convergence_delta[0] == pytest.approx(0.0, abs=1e-9)


def test_a_neuron_of_the_reference_network_is_integrated_by_the_engine(kit: Any) -> None:
    model, row = network(kit, "ml"), np.array([[0.0, 6.0, 14.0]])
    found = run(model, row, Neuron(hidden(model), 0), tolerance=1e-9)
    np.testing.assert_allclose(found.attributions, [[0.0, 3.0, 7.0]], atol=1e-9)
    assert (found.output[0], found.baseline_output[0]) == (10.0, 0.0)
    assert found.status[0] == "converged"
    group = run(model, row, Neuron(hidden(model), [0, 1]), tolerance=1e-9)
    np.testing.assert_allclose(group.attributions, [[0.0, 9.0, 21.0]], atol=1e-9)
    before = run(model, row, Neuron({"name": last(model), "side": "input"}, 0), tolerance=1e-9)
    np.testing.assert_allclose(before.attributions, found.attributions, atol=1e-9)


def test_the_slope_of_a_neuron_is_its_attribution_without_the_inputs(kit: Any) -> None:
    model, row = network(kit, "ml"), np.array([[0.0, 6.0, 14.0]])
    found = run(model, row, Neuron(hidden(model), 0, multiply_by_inputs=False), tolerance=1e-3)
    np.testing.assert_allclose(found.attributions, [[0.5, 0.5, 0.5]], atol=1e-3)


def test_mean_gradients_times_the_way_are_integrated_gradients(kit: Any, layers_of: Any, rng: Any) -> None:
    model, rows = kit.dense(layers_of(3, 4, 1)), rng.normal(size=(4, 3))
    mean = run(model, rows, IntegratedGradients(multiply_by_inputs=False), tolerance=1e-8)
    whole = attribute(model, rows, np.zeros(3), tolerance=1e-8)
    np.testing.assert_allclose(mean.attributions * rows, whole.attributions, atol=1e-6)
    assert set(mean.status) == {"converged"}


def test_a_layer_as_the_input_is_integrated_gradients_of_what_is_behind(kit: Any, layers_of: Any, rng: Any) -> None:
    """Behind the first layer of this network lies another network, whose attributions are known."""
    first, second = layers_of(3, 4, 1, seed=5)[0], layers_of(4, 5, 1, seed=6)
    model, behind = kit.dense([first, *second]), kit.dense(second)
    rows = rng.normal(size=(3, 3))
    weight, bias, _ = first
    units, start = np.tanh(rows @ weight.T + bias), np.tanh(bias)
    expected = attribute(behind, units, start, tolerance=1e-8)
    layer = hidden(model)
    found = run(model, rows, Layer(layer), tolerance=1e-8)
    np.testing.assert_allclose(found.attributions[layer], expected.attributions, atol=1e-7)
    np.testing.assert_allclose(found.baseline_output, expected.baseline_output, atol=1e-12)
    assert set(found.status) == {"converged"}


@pytest.mark.parametrize("method", [Conductance, Layer])
def test_every_layer_of_a_chain_is_complete(kit: Any, layers_of: Any, rng: Any, method: Any) -> None:
    model, rows = kit.dense(layers_of(3, 4, 4, 1)), rng.normal(size=(3, 3))
    whole = attribute(model, rows, np.zeros(3))
    names = [layer.name for layer in model.layers[1:]] if hasattr(model, "layers") else ["0", "1", "2", "3", "4"]
    for layer in names:
        found = run(model, rows, method(layer), tolerance=1e-4)
        total = found.attributions[layer].sum(axis=1)
        np.testing.assert_allclose(total, whole.output - whole.baseline_output, atol=2e-3)
        assert set(found.status) == {"converged"}


def test_both_frameworks_agree_behind_a_layer_that_embeds(kits: Any, rng: Any) -> None:
    rows, start = (
        {"num": rng.normal(size=(3, 3)), "cat": rng.integers(0, 6, 3)},
        {"num": np.zeros(3), "cat": np.int64(2)},
    )
    for method in (Conductance("emb"), Layer("emb"), Layer("emb", summed=True)):
        found = [run(kit.tabular(), rows, method, start, layers={"cat": "emb"}) for kit in kits]
        np.testing.assert_allclose(found[0].attributions["emb"], found[1].attributions["emb"], atol=1e-6)
    assert found[0].attributions["emb"].shape == (3,)
    whole = attribute(kits[0].tabular(), rows, {"num": rows["num"], "cat": np.int64(2)}, layers={"cat": "emb"})
    np.testing.assert_allclose(found[0].attributions["emb"], whole.attributions["cat"], atol=2e-2)


def test_tuples_and_several_layers_in_torch(kits: Any) -> None:
    import torch

    class Halves(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x[:, :2] * 2.0, x[:, 2:] ** 2

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.halves, self.one, self.two = Halves(), torch.nn.Identity(), torch.nn.Identity()

        def forward(self, x: Any) -> Any:
            first, second = self.halves(x)
            return (self.one(first) * self.two(second)).sum(1, keepdim=True)

    model, row = Model().double(), np.array([[1.0, 2.0, 3.0, 4.0]])
    second = run(model, row, Layer({"name": "halves", "tensor": 1}))
    np.testing.assert_allclose(second.attributions["halves[1]"], [[18.0, 64.0]])
    both = run(model, row, Layer(["one", "two"]))
    np.testing.assert_allclose(both.attributions["one"], [[9.0, 32.0]])
    np.testing.assert_allclose(both.attributions["two"], [[9.0, 32.0]])
    with pytest.raises(LayerError, match=r"^layer: 'halves' gives 2 tensors; name one"):
        run(model, row, Layer("halves"))


def test_the_model_is_left_as_it_was(kits: Any) -> None:
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Dropout(0.5), torch.nn.Linear(3, 1)).train()
    run(model, np.ones((2, 2), np.float32), Conductance("0"))
    assert model.training
    assert all(module.training for module in model)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_wrong_layer_or_unit_is_named_with_the_remedy(kit: Any) -> None:
    model, row = network(kit, "ml"), np.array([[0.0, 1.0, 0.0]])
    with pytest.raises(LayerError, match=r"^layer: the model has no layer 'dens'"):
        run(model, row, Conductance("dens"), target=0)
    with pytest.raises(InputError, match=r"^units: 9 is not a unit of layer"):
        run(model, row, Neuron(hidden(model), 9))
    with pytest.raises(InputError, match=r"^method 'conductance': it needs a layer"):
        choose_method("conductance")
    with pytest.raises(InputError, match=r"^method 'layer': layers names none"):
        choose_method("layer")


def test_what_inputs_contribute_through_units(kit: Any, layers_of: Any, rng: Any) -> None:
    """Through one tanh: w_j (x_i - b_i) v_ji times the mean slope; over all units Integrated Gradients."""
    (weight, bias, _), (out, _, _) = layers = layers_of(3, 4, 1, seed=8)
    model, rows = kit.dense(layers), rng.normal(size=(3, 3))
    start, end = np.broadcast_to(bias, (3, 4)), rows @ weight.T + bias
    slope = (np.tanh(end) - np.tanh(start)) / (end - start)
    expected = out[0, 2] * slope[:, [2]] * weight[2] * rows
    found = run(model, rows, ThroughUnits(hidden(model), 2), tolerance=1e-5)
    np.testing.assert_allclose(found.attributions, expected, atol=1e-4)
    assert set(found.status) == {"converged"}
    whole = run(model, rows, ThroughUnits(hidden(model), [0, 1, 2, 3]), tolerance=1e-5)
    np.testing.assert_allclose(whole.attributions, attribute(model, rows, np.zeros(3)).attributions, atol=2e-2)


def test_layers_of_several_axes_are_complete(kits: Any, rng: Any) -> None:
    """A convolution's channels lie first in torch and last in Keras: conductances agree where that is allowed for."""
    import keras
    import torch

    kernel, bias, out = rng.normal(size=(3, 3, 1, 2)), rng.normal(size=2), rng.normal(size=(18, 1))
    inputs = keras.Input((5, 5, 1), dtype="float64")
    layers = [
        keras.layers.Conv2D(2, 3, activation="tanh", name="conv", dtype="float64"),
        keras.layers.Flatten(dtype="float64"),
        keras.layers.Dense(1, dtype="float64"),
    ]
    tensor = inputs
    for layer in layers:
        tensor = layer(tensor)
    layers[0].set_weights([kernel, bias])
    layers[2].set_weights([out, np.zeros(1)])
    conv = torch.nn.Conv2d(1, 2, 3).double()
    last_layer = torch.nn.Linear(18, 1).double()
    with torch.no_grad():
        conv.weight.copy_(torch.tensor(kernel.transpose(3, 2, 0, 1)))
        conv.bias.copy_(torch.tensor(bias))
        last_layer.weight.copy_(torch.tensor(out.reshape(3, 3, 2).transpose(2, 0, 1).reshape(1, 18)))
        last_layer.bias.zero_()
    twin = torch.nn.Sequential(conv, torch.nn.Tanh(), torch.nn.Flatten(), last_layer)
    rows = rng.normal(size=(2, 5, 5, 1))
    for method, own in ((Conductance, "conv"), (Layer, "conv")):
        found = run(keras.Model(inputs, tensor), rows, method(own), tolerance=1e-6)
        other = run(twin, rows.transpose(0, 3, 1, 2), method("1"), tolerance=1e-6)
        assert found.attributions["conv"].shape == (2, 3, 3, 2)
        np.testing.assert_allclose(found.attributions["conv"], other.attributions["1"].transpose(0, 2, 3, 1), atol=1e-6)
        total = found.attributions["conv"].sum(axis=(1, 2, 3))
        np.testing.assert_allclose(total, found.output - found.baseline_output, atol=1e-6)
        assert set(found.status) == {"converged"}
    unit = run(twin, rows.transpose(0, 3, 1, 2), Neuron("1", (1, 2, 2)), tolerance=1e-6)
    same = run(keras.Model(inputs, tensor), rows, Neuron("conv", (2, 2, 1)), tolerance=1e-6)
    np.testing.assert_allclose(same.attributions, unit.attributions.transpose(0, 2, 3, 1), atol=1e-6)
