"""In the middle of a run: memory that runs out, a model that raises, another thread with the same model."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute

HOW = [
    pytest.param({"integrator": "secant"}, id="secant"),
    pytest.param({"integrator": "exact"}, id="exact"),
    pytest.param({"integrator": "clenshaw_curtis", "tolerance": 0.05}, id="clenshaw_curtis"),
    pytest.param({"integrator": "midpoint", "steps": 9}, id="midpoint"),
]


def backend_of(framework: str) -> Any:
    if framework == "torch":
        from ig_tasks.attribution.backends.torch.backend import TorchBackend

        return TorchBackend
    from ig_tasks.attribution.backends.keras.backend import KerasBackend

    return KerasBackend


def memory_error(framework: str) -> Exception:
    if framework == "torch":
        import torch

        return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    import tensorflow as tf

    return tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


@pytest.fixture
def model(kit: Any, layers_of: Any) -> Any:
    return kit.dense(layers_of(4, 24, 16, 2, activation="relu"))


@pytest.mark.parametrize("options", HOW)
def test_memory_that_runs_out_changes_no_number(
    kit: Any, model: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """From the second batch on (a fixed rule has only one) there is room for 60 points: what was summed up stays."""
    inputs, baseline = rng.normal(size=(16, 4)), rng.normal(size=4)
    expected = attribute(model, inputs, baseline, target="all", **options)
    calls, plenty = {"": 0}, int("steps" not in options)

    def scarce(plain: Any, places: Any) -> Any:
        def method(self: Any, batch: Any, *args: Any, **kwargs: Any) -> Any:
            calls[""] += 1
            if calls[""] > plenty and batch.rows * places(args) > 60:
                raise memory_error(kit.name)
            return plain(self, batch, *args, **kwargs)

        return method

    backend = backend_of(kit.name)
    monkeypatch.setattr(backend, "evaluate", scarce(backend.evaluate, lambda args: args[0].size))
    monkeypatch.setattr(backend, "secant", scarce(backend.secant, lambda args: sum(s.last - s.first for s in args[1])))
    monkeypatch.setattr(backend, "knots", scarce(backend.knots, lambda args: 1))
    found = attribute(model, inputs, baseline, target="all", memory_limit=400_000, **options)
    assert found.details["batches"]["halvings"] > 0
    size = np.abs(expected.attributions).sum(axis=-1, keepdims=True)
    assert (np.abs(found.attributions - expected.attributions) <= 1e-6 * size).all()
    np.testing.assert_allclose(found.output, expected.output, rtol=1e-12)
    np.testing.assert_allclose(found.baseline_output, expected.baseline_output, rtol=1e-12)
    assert np.array_equal(found.evaluations, expected.evaluations)
    assert np.array_equal(found.status, expected.status)


def test_two_threads_explain_with_one_model_at_once(kit: Any, model: Any, rng: np.random.Generator) -> None:
    data = [rng.normal(size=(150, 4)) for _ in range(3)]
    tasks = [(inputs, option.values[0]) for option in HOW[:3] for inputs in data]
    alone = [attribute(model, inputs, np.zeros(4), target=1, **options) for inputs, options in tasks]
    found: dict[int, Any] = {}
    start = threading.Barrier(len(tasks))

    def work(place: int) -> None:
        inputs, options = tasks[place]
        start.wait()
        found[place] = attribute(model, inputs, np.zeros(4), target=1, **options)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, expected in enumerate(alone):
        np.testing.assert_allclose(found[place].attributions, expected.attributions, rtol=1e-12, atol=1e-13)
        assert np.array_equal(found[place].evaluations, expected.evaluations)


def torch_state(model: Any) -> Any:
    import torch

    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")
    modules = [
        (name, module.training, sorted(vars(module)), [len(getattr(module, hook)) for hook in hooks])
        for name, module in model.named_modules()
    ]
    tensors = [
        (name, id(p), id(p.grad), p.requires_grad, p.dtype, p.tolist()) for name, p in model.named_parameters()
    ] + [(name, id(b), b.tolist()) for name, b in model.named_buffers()]
    return modules, tensors, torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_default_dtype()


@pytest.mark.parametrize("options", HOW)
def test_a_torch_model_that_raises_comes_back_untouched(options: dict[str, Any], rng: np.random.Generator) -> None:
    """Raising at the first, second, ... pass through its second layer, until a whole run goes through."""
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 12), torch.nn.BatchNorm1d(12), torch.nn.ReLU(), torch.nn.Dropout(0.4),
        torch.nn.Linear(12, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2),
    ).double()  # fmt: skip
    model[0].weight.requires_grad_(False)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.ones_like(parameter)
    model.train()
    model[1].eval()
    passes = {"left": 0}

    def raising(module: Any, args: Any) -> None:
        passes["left"] -= 1
        if passes["left"] == 0:
            raise ZeroDivisionError

    model[4].register_forward_pre_hook(raising)
    before, inputs = torch_state(model), rng.normal(size=(10, 4))
    for at in range(1, 200):
        passes["left"] = at
        try:
            attribute(model, inputs, np.zeros(4), target=0, memory_limit=40_000, **options)
        except ZeroDivisionError:
            assert torch_state(model) == before
        else:
            break
    assert torch_state(model) == before
    assert at > 3


def test_a_keras_model_that_raises_comes_back_untouched(kits: Any, rng: np.random.Generator) -> None:
    """While it is traced, and, for values that it refuses, while it runs."""
    import keras
    import tensorflow as tf

    class Raising(keras.layers.Layer):
        passes, limit = 0, np.inf

        def compute_output_spec(self, x: Any) -> Any:
            return keras.KerasTensor(x.shape, x.dtype)

        def call(self, x: Any) -> Any:
            Raising.passes -= 1
            if Raising.passes == 0:
                raise ZeroDivisionError
            check = tf.debugging.assert_less(tf.reduce_max(tf.abs(x)), tf.constant(4.0, x.dtype))
            with tf.control_dependencies([check]):
                return tf.identity(x)

    inner = kits[1].apart().tabular()
    inner.get_layer("emb").trainable = False
    num, cat = keras.Input((3,), name="num", dtype="float64"), keras.Input((), name="cat", dtype="int32")
    model = keras.Model({"num": num, "cat": cat}, inner({"num": Raising(dtype="float64")(num), "cat": cat}))
    rows = {"num": rng.normal(size=(6, 3)), "cat": rng.integers(0, 6, 6)}
    start = {"num": np.zeros(3), "cat": np.zeros(4)}

    def state() -> Any:
        layers = list(model._flatten_layers())
        return [(id(layer), "call" in vars(layer), layer.trainable) for layer in layers], [
            weight.tolist() for weight in model.get_weights()
        ]

    before = state()
    for at in range(1, 50):
        Raising.passes = at
        try:
            attribute(model, rows, start, layers={"cat": "emb"})
        except ZeroDivisionError:
            assert state() == before
        except tf.errors.InvalidArgumentError:
            break
        else:
            break
    assert at > 2
    assert state() == before
    Raising.passes = 0  # never again
    with pytest.raises(tf.errors.InvalidArgumentError):
        attribute(model, {**rows, "num": rows["num"] * 1e6}, start, layers={"cat": "emb"})
    assert state() == before
