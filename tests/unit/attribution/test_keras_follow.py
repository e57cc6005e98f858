"""A Keras model's graph followed along the path: what is found in it, and the numbers that come of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.attribution.structure import Structure

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
L, ops = keras.layers, keras.ops


@pytest.fixture(autouse=True)
def _double() -> Any:
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")  # kept apart from floatx, once any layer was built
    keras.utils.set_random_seed(1)
    yield
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(policy)


def functional(build: Any, *shape: int) -> Any:
    """A model of one input (rows, *shape), with biases that put kinks off the baseline."""
    x = keras.Input(shape)
    model = keras.Model(x, build(x))
    rng = np.random.default_rng(5)
    for weight in model.weights:
        if "variance" in weight.path:
            weight.assign(rng.uniform(0.5, 2.0, weight.shape))
        elif len(weight.shape) == 1 and "gamma" not in weight.path:
            weight.assign(rng.normal(size=weight.shape) * 0.5)
    return model


def structure_of(layer: Any, *shape: int) -> Structure:
    """What a look finds in a model with `layer` between two dense ones."""
    from ig_tasks.attribution.backends.keras.backend import KerasBackend
    from ig_tasks.attribution.named_inputs import NamedInputs
    from ig_tasks.attribution.problem_building import build_problem

    model = functional(lambda x: L.Dense(1)(L.Flatten()(layer(L.Dense(4)(x)))), *(shape or (5,)))
    backend = KerasBackend(model, {}, "model", None)
    rows = NamedInputs.of(model, np.random.default_rng(2).normal(size=(1, *(shape or (5,)))))
    problem, _ = build_problem(backend, rows, np.zeros(shape or 5), None)
    backend.probe(problem)
    return backend.inspect(problem)


def l1_errors(found: Any, truth: Any) -> np.ndarray:
    size = np.abs(truth.attributions).reshape(len(truth), -1).sum(1)
    return np.abs(found.attributions - truth.attributions).reshape(len(truth), -1).sum(1) / size


PIECEWISE = [
    "relu", "relu6", "leaky_relu", "hard_tanh", "hard_sigmoid", "ReLU(3.0, negative_slope=0.2)", "PReLU('uniform')",
    "LeakyReLU(0.3)",
]  # fmt: skip
SMOOTH = ["silu", "gelu", "tanh", "softplus", "mish", "sigmoid", "softsign", "tanh_shrink", "squareplus", "exponential"]
KINKED_SMOOTH = ["elu", "selu", "celu", "hard_silu"]


def activation(one: Any) -> Any:
    """A fresh layer, from the name of an activation or what makes it."""
    if callable(one):
        return L.Lambda(one)
    return eval(f"L.{one}", {"L": L}) if "(" in one else L.Activation(one)  # noqa: S307 - our own names


def test_one_layer_of_any_elementwise_functions_is_one_exact_cell(rng: np.random.Generator) -> None:
    def build(x: Any) -> Any:
        branches = [activation(each)(L.Dense(3)(x)) for each in (*PIECEWISE, *SMOOTH, *KINKED_SMOOTH)]
        return L.Dense(1)(L.Concatenate()(branches))

    model = functional(build, 5)
    inputs, baseline = rng.normal(size=(4, 5)) * 2, rng.normal(size=5)
    found = attribute(model, inputs, baseline)
    truth = attribute(model, inputs, baseline, integrator="midpoint", steps=1000)
    assert (found.evaluations == 1).all()
    assert "one cell is exact" in found.details["reason"]
    assert found.details["affine_prefix"][:2] == ["matmul", "bias_add"]
    assert found.relative_delta.max() < 1e-12
    assert l1_errors(found, truth).max() < 1e-3


@pytest.mark.parametrize("layer", PIECEWISE)
def test_piecewise_linear_layers(layer: Any) -> None:
    found = structure_of(activation(layer))
    assert (found.kinked, found.one_layer, found.pieces) == (True, True, 1)


def jumping(x: Any) -> Any:
    return tf.where(x > 0.3, x, 0.3 * x)


def bent_by_hand(x: Any) -> Any:
    return tf.where(x > 0.0, x, 0.3 * x)


@pytest.mark.parametrize(
    "layer",
    [
        "ReLU(threshold=0.5)",
        "hard_shrink",
        jumping,
        bent_by_hand,
        tf.sign,
        lambda x: x + tf.round(x),
        lambda x: x * tf.cast(x > 0.0, x.dtype),
        "elu",
    ],
)
def test_what_only_looks_piecewise_linear_is_never_taken_for_it(layer: Any) -> None:
    found = structure_of(activation(layer))
    assert found.pieces == 0
    assert found.kinked or not found.followed


def test_a_function_that_jumps_is_not_called_converged(rng: np.random.Generator) -> None:
    model = functional(lambda x: L.Dense(1)(L.Lambda(jumping)(L.Dense(6)(x))), 3)
    found = attribute(model, rng.normal(size=(20, 3)) * 3, np.zeros(3), max_evaluations=300)
    assert found.details["integrator"] == "secant"
    wrong = np.abs(found.relative_delta) > 0.01
    assert wrong.any()
    assert (found.status[wrong] == "max_evaluations").all()


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (lambda x: x - tf.reduce_mean(x, 0, keepdims=True), (5,), "mean moves the rows"),
        (lambda x: x + tf.reverse(x, [0]), (5,), "reverse moves the rows"),
        ("GRU(3)", (4, 3), "moves the rows"),
        (tf.math.bessel_i0e, (5,), "an operation without a rule depends on the path (BesselI0e)"),
    ],
)
def test_what_cannot_be_followed_is_said(layer: Any, shape: tuple[int, ...], words: str) -> None:
    found = structure_of(activation(layer), *shape)
    assert not found.followed
    assert words in found.reason


def attention(x: Any) -> Any:
    hidden = L.LayerNormalization()(x + L.MultiHeadAttention(2, 3)(x, x))
    return L.Dense(1)(L.GlobalAveragePooling1D()(L.Dense(6, activation="relu")(hidden)))


def image(x: Any) -> Any:
    hidden = L.ReLU()(L.BatchNormalization()(L.Conv2D(3, 3, use_bias=False)(L.Rescaling(0.5, 0.1)(x))))
    hidden = L.MaxPooling2D()(hidden)
    hidden = L.SeparableConv2D(3, 2, activation="relu", padding="same")(L.ZeroPadding2D()(hidden))
    return L.Dense(2)(L.Concatenate()([L.GlobalMaxPooling2D()(hidden), L.GlobalAveragePooling2D()(hidden)]))


def mixed(x: Any) -> Any:
    hidden, gate = L.Dense(6, activation="relu")(x), L.Dense(6, activation="sigmoid")(x)
    hidden = L.Multiply()([hidden, gate]) + L.Maximum()([L.Dense(6)(x), x[:, :1]])
    hidden = hidden / (1.5 + gate) - ops.minimum(hidden, 0.4)
    return ops.sum(L.Dot(1)([hidden, gate]), axis=-1) + ops.abs(L.Dense(1)(hidden)[:, 0])


@pytest.mark.parametrize(
    ("build", "shape", "exact"), [(image, (10, 10, 2), True), (mixed, (4,), True), (attention, (4, 3), False)]
)
def test_cells_are_complete_and_converge(build: Any, shape: Any, exact: bool, rng: np.random.Generator) -> None:
    model = functional(build, *shape)
    inputs, baseline = rng.normal(size=(5, *shape)), rng.normal(size=shape) * 0.1
    target = 1 if build is image else None
    found = attribute(model, inputs, baseline, target=target, integrator="secant", tolerance=5e-3)
    truth = attribute(model, inputs, baseline, target=target, integrator="midpoint", steps=1000)
    assert (found.status == "converged").all()
    assert l1_errors(found, truth).max() < 6e-3
    if exact:
        assert found.relative_delta.max() < 1e-11


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kinks_beside_the_nodes_of_the_look_do_not_count_against_a_model(dtype: str) -> None:
    """1,001 kinks, 1e-3 apart: a narrow cell about any place has one in it."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    x = keras.Input((1,), dtype=dtype)
    bent = L.Dense(1001, activation="relu")
    # Slopes of both signs, so that one kink is much beside the sum of all.
    model = keras.Model(x, L.Dense(1)(L.Dense(2, activation="tanh")(bent(x))))
    signs = np.where(np.arange(1001) % 2, 1.0, -1.0)[:, None]
    bent.set_weights([np.ones((1, 1001)), -np.linspace(0.0, 1.0, 1001)])
    model.layers[2].set_weights([signs * [1.0, 0.5], np.array([0.1, -0.3])])
    found = attribute(model, np.ones((1, 1)), np.zeros(1), integrator="secant", steps=8)
    assert found.details["integrator"] == "secant"
    np.testing.assert_allclose(found.attributions[0], found.output - found.baseline_output, rtol=1e-4)


def test_slopes_that_are_not_the_models_gradients_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs alone would not tell: the value is right, its slopes are half of what they should be."""
    from ig_tasks.attribution.backends.keras import walk

    def halved(nodes: Any, call: Any, pieces: Any, z: Any) -> Any:
        @tf.custom_gradient
        def run(z: Any) -> Any:
            return call(z), lambda upstream: 0.5 * upstream * tf.cast(z > 0.0, z.dtype)

        return run(z)

    monkeypatch.setattr(walk, "piecewise", halved)
    model = functional(lambda x: L.Dense(1)(L.ReLU()(L.Dense(4)(x))), 5)
    inputs = np.random.default_rng(2).normal(size=(6, 5))
    for _ in range(2):  # the second call, too
        found = attribute(model, inputs, np.zeros(5), integrator="auto", tolerance=1e-3)
        assert "not the model's own gradients" in found.details["affine_prefix"]
        assert found.details["integrator"] == "adaptive"
        assert (found.status == "converged").all()
        assert np.abs(found.relative_delta).max() < 1e-3


def test_sums_that_are_not_the_models_own_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide smooth model, whose sums are pulled back through its affine prefix."""
    from ig_tasks.attribution.backends.keras.path_sums import Paths

    pulled_back = Paths.pulled_back
    monkeypatch.setattr(Paths, "pulled_back", lambda self, *given: 0.5 * pulled_back(self, *given))
    model = functional(lambda x: L.Dense(1)(L.Dense(4, "silu")(L.Dense(4, "silu")(x))), 600)
    inputs = np.random.default_rng(2).normal(size=(6, 600))
    for _ in range(2):
        found = attribute(model, inputs, np.zeros(600), tolerance=1e-3)
        assert found.details["affine_prefix"] == "following it does not give the model's own numbers"
        assert (found.status == "converged").all()
        assert np.abs(found.relative_delta).max() < 1e-3


def test_a_wide_maximum_is_as_good_as_it_says(rng: np.random.Generator) -> None:
    model = functional(lambda x: L.Dense(1)(L.ReLU()(L.GlobalMaxPooling1D()(L.Conv1D(2, 2)(x)))), 60, 2)
    inputs, baseline = rng.normal(size=(60, 60, 2)), rng.normal(size=(60, 2)) * 0.3
    found = attribute(model, inputs, baseline, tolerance=0.01)
    truth = attribute(model, inputs, baseline, integrator="secant", steps=600)
    assert (l1_errors(found, truth)[found.status == "converged"] <= 0.01).all()


class Subclassed(keras.Model):  # type: ignore[misc]
    """A model that lists no layers in order, on the outputs of two others."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = keras.Sequential([L.Rescaling(0.5, 0.2), L.Dense(6)])
        self.out = L.Dense(2)

    def call(self, x: Any) -> Any:
        hidden = self.inner(x)
        joined = tf.concat([tf.reshape(hidden, (-1, 2, 3))[:, 0], x[:, 1:]], axis=-1)
        return {"late": self.out(tf.nn.silu(joined)), "early": tf.reduce_sum(hidden, -1)}


@pytest.mark.parametrize("target", [None, "predicted"])
def test_the_same_numbers_as_the_plain_path(
    target: Any, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ig_tasks.attribution.backends.keras.backend import KerasBackend

    model = functional(lambda x: Subclassed()(x)["late" if target else "early"], 5)
    inputs, baseline = rng.normal(size=(7, 5)), rng.normal(size=(7, 5))
    settings: dict[str, Any] = {"target": target, "integrator": "clenshaw_curtis", "tolerance": 1e-5}
    found = attribute(model, inputs, baseline, **settings)
    assert {"multiply", "add", "matmul"} <= set(found.details["affine_prefix"])
    inspect_model = KerasBackend.inspect

    def plain_path(self: Any, row: Any) -> Structure:
        # What is known of the operations decides which nodes are enough: it stays, for the same nodes on both paths.
        self._structure = replace(inspect_model(self, row), followed=False, reason="for comparison")
        return self._structure

    monkeypatch.setattr(KerasBackend, "inspect", plain_path)
    plain = attribute(model, inputs, baseline, **settings)
    assert plain.details["affine_prefix"] == "for comparison"
    np.testing.assert_allclose(found.attributions, plain.attributions, atol=1e-12)
    np.testing.assert_allclose(found.output, plain.output, atol=1e-12)
    np.testing.assert_allclose(found.baseline_output, plain.baseline_output, atol=1e-12)
    assert np.array_equal(found.evaluations, plain.evaluations)


@pytest.mark.parametrize("integrator", ["auto", "exact"])
def test_both_frameworks_give_the_same_numbers(
    kits: Any, layers_of: Any, integrator: str, rng: np.random.Generator
) -> None:
    layers = layers_of(4, 24, 16, 1, activation="relu")
    inputs = rng.normal(size=(30, 4)) * 2
    one, two = (attribute(kit.dense(layers), inputs, np.zeros(4), integrator=integrator) for kit in kits)
    np.testing.assert_allclose(one.attributions, two.attributions, atol=1e-10)
    assert np.array_equal(one.evaluations, two.evaluations)
    assert one.details["integrator"] == two.details["integrator"]
    assert one.details["reason"] == two.details["reason"]


def test_rows_do_not_depend_on_their_batch(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    model = kits[1].dense(layers_of(4, 24, 16, 1, activation="relu"))
    inputs = rng.normal(size=(30, 4)) * 3
    inputs[3, 1] = np.nan
    whole = attribute(model, inputs, np.zeros(4), tolerance=1e-3)
    order = rng.permutation(30)
    small = attribute(model, inputs[order], np.zeros(4), tolerance=1e-3, memory_limit=20_000)
    assert small.details["batches"]["count"] > 10
    assert whole.status[3] == "not_finite"
    np.testing.assert_allclose(small.attributions, whole.attributions[order], atol=1e-11)
