"""Rows called converged are as good as they say, against exact integration of our own in float64.

At most 0.5 % of the rows called converged may miss the tolerance in true relative L1 error, and at most 0.05 % (one row
of 2,000, none of 500) twice the tolerance; at both baselines, random and trained nets, both tolerances, whichever rule
runs.
"""

import functools
import itertools
from pathlib import Path

import numpy as np
import pytest
from support.exact_reference import Network, exact, gauss, l1_errors
from support.sweeps import sized

from ig_tasks.attribution import attribute, embed

ROOT = Path(__file__).parents[2]
FLIGHTS = ROOT / ".data" / "flights" / "month=2013-07"
MODELS = ROOT / "include" / "models"
DRAWN = 2000
ROWS = sized(500, DRAWN)  # the same rows in both, the first of those drawn
PACKAGES = ("flights_torch", "flights_torch_relu_64_64", "flights_torch_relu_256_128")
SHAPES = {"64-64": (64, 64), "3x64": (64, 64, 64), "4x64": (64, 64, 64, 64), "256-128": (256, 128)}
HOW = [("auto", 0.01), ("auto", 0.001), ("secant", 0.001)]  # at 0.01 auto takes secant cells for these, too
NODES = 96


def judge(found: np.ndarray, truth: np.ndarray, status: np.ndarray, tolerance: float) -> None:
    done = status == "converged"
    errors = l1_errors(found, truth)[done]
    assert done.mean() >= 0.99
    assert (errors > tolerance).mean() <= 0.005, f"{100 * (errors > tolerance).mean():.2f} % over, {errors.max():.2g}"
    assert (errors > 2 * tolerance).mean() <= 0.0005, f"{(errors > 2 * tolerance).sum()} rows, {errors.max():.2g}"


# -- random nets --------------------------------------------------------------------------------------------


@functools.cache
def random_net(shape: str, seed: int):
    """Weights as torch draws them (odd seeds), or He's with biases that spread the kinks (even seeds)."""
    import torch

    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    sizes = (20, *SHAPES[shape], 1)
    layers = []
    for place, (wide, narrow) in enumerate(itertools.pairwise(sizes)):
        linear = torch.nn.Linear(wide, narrow)
        if seed % 2 == 0:
            with torch.no_grad():
                linear.weight.normal_(0.0, (2.0 / wide) ** 0.5)
                linear.bias.normal_(0.0, 0.3)
        layers += [linear, torch.nn.ReLU()] if place < len(sizes) - 2 else [linear]
    scale, shift = np.exp(0.5 * rng.normal(size=20)), rng.normal(size=20)
    return torch.nn.Sequential(*layers).eval(), (rng.normal(size=(ROWS, 20)) * scale + shift).astype(np.float32)


@functools.cache
def random_truth(shape: str, seed: int, baseline: str):
    model, inputs = random_net(shape, seed)
    start = np.zeros(20, np.float32) if baseline == "zero" else np.median(inputs, axis=0)
    return start, exact(Network.of(parameters(model), "relu"), inputs, start)


def parameters(model):
    return [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in model if hasattr(layer, "weight")]


@pytest.mark.parametrize("baseline", ["zero", "median"])
@pytest.mark.parametrize(("shape", "seed"), [("64-64", 1), ("3x64", 4), ("4x64", 5), ("256-128", 6)])
def test_random_nets(shape: str, seed: int, baseline: str) -> None:
    model, inputs = random_net(shape, seed)
    start, truth = random_truth(shape, seed, baseline)
    for integrator, tolerance in HOW:
        found = attribute(model, inputs, start, integrator=integrator, tolerance=tolerance)
        judge(found.attributions, truth, found.status, tolerance)


# -- every operation with kinks ------------------------------------------------------------------------------

# Sixty rows per net show what these nets were drawn for: without edges where pools change hands one row of the 1,800 is
# beyond twice the tolerance, and eleven are beyond it, where two may be.
SMALL_ROWS = sized(60, 150)


@pytest.mark.parametrize("integrator", ["auto", "secant"])
def test_small_nets_of_every_operation_with_kinks(integrator: str) -> None:
    """benchmarks/kinks.py with fewer rows: none beyond twice the tolerance, hardly one beyond it, most certified."""
    from benchmarks.kinks import NETS, tally

    found = [tally(name, 0, SMALL_ROWS, integrator=integrator) for name in NETS]
    rows, done = sum(each.rows for each in found), sum(each.errors.size for each in found)
    assert rows > 0.9 * SMALL_ROWS * len(NETS)
    assert done >= 0.99 * rows
    assert {name: each.over(0.02) for name, each in zip(NETS, found, strict=True) if each.over(0.02)} == {}
    assert sum(each.over(0.01) for each in found) <= 0.001 * done + 1


KERAS_NETS = (
    "convolutions, overlapping pools", "global max-pooling", "ReLU, maximum over two axes", "maximum, minimum, abs",
    "clip", "GLU, ReLU", "product, max-pooling, ReLU", "pool, abs, clip, pool",
)  # fmt: skip


def test_small_keras_nets_with_kinks() -> None:
    """benchmarks/kinks_keras.py with fewer nets, rows and nodes: none beyond twice the tolerance, hardly one beyond."""
    from benchmarks.kinks_keras import tally

    found = [tally(name, 0, SMALL_ROWS // 2, counts=(4000, 2500)) for name in KERAS_NETS]
    rows, done = sum(each.rows for each in found), sum(each.errors.size for each in found)
    assert rows > 0.8 * SMALL_ROWS // 2 * len(KERAS_NETS)
    assert done >= 0.99 * rows
    assert {name: each.over(0.02) for name, each in zip(KERAS_NETS, found, strict=True) if each.over(0.02)} == {}
    assert sum(each.over(0.01) for each in found) <= 0.001 * done + 1


def test_small_nets_behind_a_saturating_transform() -> None:
    """benchmarks/saturating.py with fewer rows: most of a path may lie within a thousandth of it."""
    from benchmarks.saturating import cases, tally

    found = [tally(case, 10) for case in cases(1, units=(8, 32))]
    errors = np.concatenate([each.errors for each in found])
    assert errors.size >= 0.97 * sum(each.rows for each in found)
    assert (errors > 0.02).sum() == 0
    assert (errors > 0.01).sum() <= 0.001 * errors.size + 1


# -- trained nets, real flights -----------------------------------------------------------------------------


@functools.cache
def flights(package: str):
    """The model, its layers, real flights, and the same as one network on the vectors behind the embeddings."""
    import pandas as pd

    from ig_tasks.data.encoding import encode
    from ig_tasks.models import open_package

    opened = open_package(str(MODELS / package), trusted_root=str(MODELS))
    loaded = opened.load()
    net, model = loaded.model, loaded.for_target("late", "logit")[0]
    frame = pd.read_parquet(next(FLIGHTS.glob("*.parquet"))).sample(DRAWN + 200, random_state=0)
    inputs = {name: values[:ROWS] for name, values in encode(frame, opened.config.inputs).inputs.items()}
    hidden = [net.get_submodule(f"hidden_{place}") for place in range(net.depth)]
    layers = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in (*hidden, net.output)]
    activation = type(net.activation_0).__name__.lower()
    vectors = {
        name: embed(model, loaded.layers[name], values) if name in loaded.layers else values.astype(np.float64)
        for name, values in inputs.items()
    }
    return model, loaded.layers, inputs, vectors, Network.of(layers, activation), net


@functools.cache
def flights_truth(package: str, baseline: str):
    """Baselines by input, and attributions (rows, inputs as the engine has them)."""
    _, layers, inputs, vectors, network, net = flights(package)
    starts = {}
    for name, values in vectors.items():
        middle = values.mean(axis=0) if name in layers else np.median(values, axis=0)
        starts[name] = np.zeros_like(middle) if baseline == "zero" else middle
    order = ["numeric", *net.categories]
    mean, std = net.mean.double().numpy(), net.std.double().numpy()

    def joined(values):
        rows = len(values["numeric"])
        parts = [(values[n] - mean) / std if n == "numeric" else values[n] for n in order]
        return np.concatenate([part.reshape(rows, -1) for part in parts], axis=1)

    ends, start = joined(vectors), joined({name: value[None] for name, value in starts.items()})
    if network.activation == "relu":
        each = exact(network, ends, start)
    else:
        each = gauss(network, ends, start, NODES)
        assert l1_errors(each[:5], gauss(network, ends[:5], start, 5000)).max() < 1e-9
    columns, place = {}, 0
    for name in order:
        width = vectors[name].reshape(ROWS, -1).shape[1]
        part = each[:, place : place + width]
        columns[name] = part if name == "numeric" else part.sum(axis=1, keepdims=True)
        place += width
    return starts, np.concatenate([columns[name] for name in inputs], axis=1)


@pytest.mark.skipif(not FLIGHTS.exists(), reason="needs the flights: make data")
@pytest.mark.parametrize("baseline", ["zero", "median"])
@pytest.mark.parametrize("package", PACKAGES)
def test_trained_nets_on_real_flights(package: str, baseline: str) -> None:
    model, layers, inputs, _, network, _ = flights(package)
    starts, truth = flights_truth(package, baseline)
    for integrator, tolerance in HOW if network.activation == "relu" else HOW[:2]:
        found = attribute(model, inputs, starts, layers=layers, integrator=integrator, tolerance=tolerance)
        flat = np.concatenate([part.reshape(ROWS, -1) for part in found.attributions.values()], axis=1)
        judge(flat, truth, found.status, tolerance)


@pytest.mark.parametrize("activation", ["silu", "gelu", "tanh", "softplus"])
def test_the_reference_of_smooth_nets_has_nodes_enough(activation: str) -> None:
    network, ends, start = drawn(activation)
    found = gauss(network, ends, start, NODES)
    assert l1_errors(found[:3], gauss(network, ends[:3], start, 5000)).max() < 1e-8
    difference = network.outputs(ends) - network.outputs(start[None])
    np.testing.assert_allclose(found.sum(axis=1), difference, atol=1e-8)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "relu6", "hardtanh"])
def test_the_reference_of_kinked_nets_is_exact(activation: str) -> None:
    """Complete to rounding, and what very many midpoints come to."""
    network, ends, start = drawn(activation)
    found = exact(network, ends, start)
    difference = network.outputs(ends) - network.outputs(start[None])
    np.testing.assert_allclose(found.sum(axis=1), difference, atol=1e-13)
    middles = (np.arange(20_000) + 0.5) / 20_000
    for row in range(3):
        points = start + middles[:, None] * (ends[row] - start)
        many = network.gradients(points).mean(axis=0) * (ends[row] - start)
        assert np.abs(many - found[row]).sum() <= 5e-4 * np.abs(found[row]).sum()


def drawn(activation: str):
    """A network, rows and a baseline."""
    rng = np.random.default_rng(1)
    layers = [
        (rng.normal(size=(narrow, wide)) * (2.0 / wide) ** 0.5, 0.3 * rng.normal(size=narrow))
        for wide, narrow in itertools.pairwise((5, 12, 10, 8, 1))
    ]
    return Network.of(layers, activation), 2 * rng.normal(size=(20, 5)), rng.normal(size=5)
