"""Pools, maxima over axes and the larger of two in Keras models: their kinks are seen, and ties share as in TensorFlow.

The truth is the midpoint rule on gradients of TensorFlow's own in double precision, or a closed form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.sweeps import sized

from ig_tasks.attribution import attribute

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
L, ops = keras.layers, keras.ops


pytestmark = pytest.mark.usefixtures("keras_in_double")


def model_of(build: Callable[[Any], Any], *shape: int) -> Any:
    """A model of one input (rows, *shape), with biases that put kinks off the baseline."""
    x = keras.Input(shape)
    model = keras.Model(x, build(x))
    rng = np.random.default_rng(5)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign(0.5 * rng.normal(size=weight.shape))
    return model


def midpoints(model: Any, inputs: np.ndarray, baseline: Any, nodes: int) -> np.ndarray:
    """The midpoint rule on tf.GradientTape."""

    @tf.function(autograph=False)
    def gradients(points: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(points)
            outputs = tf.reduce_sum(model(points))
        return tape.gradient(outputs, points)

    delta, total = inputs - baseline, np.zeros(inputs.shape)
    for places in np.array_split((np.arange(nodes) + 0.5) / nodes, -(-nodes // 1000)):
        points = baseline + places.reshape(-1, *[1] * inputs.ndim) * delta
        found = gradients(tf.constant(points.reshape(-1, *inputs.shape[1:]), model.dtype)).numpy()
        total += found.astype(np.float64).reshape(points.shape).sum(axis=0)
    return np.asarray(delta * total / nodes)


def errors(found: Any, truth: np.ndarray) -> np.ndarray:
    apart = np.abs(found.attributions - truth).reshape(len(truth), -1).sum(axis=1)
    return np.asarray(apart / np.maximum(np.abs(truth).reshape(len(truth), -1).sum(axis=1), 1e-12))


PAIRS: dict[str, Callable[[Any], Any]] = {
    "MaxPooling1D": lambda x: L.MaxPooling1D(2)(L.Reshape((2, 1))(x)),
    "GlobalMaxPooling1D": lambda x: L.GlobalMaxPooling1D()(L.Reshape((2, 1))(x)),
    "max": lambda x: ops.max(x, axis=1, keepdims=True),
    "Maximum": lambda x: L.Maximum()([x[:, :1], x[:, 1:]]),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_unit_behind_pooling_that_flips_off_and_on_where_the_maximum_changes(name: str) -> None:
    """One pair (-0.9927, 0.8642) from (0.4595, -0.5412): the ReLU is off while neither is positive."""
    model = model_of(lambda x: L.Flatten()(L.ReLU()(PAIRS[name](x))), 2)
    endpoints, start = np.array([[-0.9927, 0.8642]]), np.array([0.4595, -0.5412])
    for integrator in ("auto", "secant"):
        found = attribute(model, endpoints, start, integrator=integrator, tolerance=1e-6)
        np.testing.assert_allclose(found.attributions[0], [-0.4595, 0.8642], atol=1e-12)
        assert found.status[0] == "converged"


@pytest.mark.parametrize("integrator", ["auto", "secant"])
def test_small_pooling_nets_are_right_where_they_say_so(integrator: str) -> None:
    model = model_of(lambda x: L.Dense(1)(L.ReLU()(L.GlobalMaxPooling1D()(L.Reshape((2, 4))(L.Dense(8)(x))))), 8)
    inputs = 2 * np.random.default_rng(2).normal(size=(500, 8))
    found = attribute(model, inputs, np.zeros(8), integrator=integrator)
    done, apart = found.status == "converged", errors(found, midpoints(model, inputs, 0.0, 3000))
    assert done.sum() >= 495
    assert apart[done].max() <= 0.02
    assert (apart[done] > 0.01).sum() <= 1


def every_window(h: Any) -> Any:
    """What compares several of eight numbers, side by side."""
    line, square = L.Reshape((8, 1))(h), L.Reshape((2, 4, 1))(h)
    found = [
        L.MaxPooling1D(2)(line),
        L.MaxPooling1D(3, 2, padding="same")(line),
        L.MaxPooling2D((2, 2), 1)(square),
        L.AdaptiveMaxPooling1D(3)(line),
        L.GlobalMaxPooling2D(keepdims=True)(L.Reshape((2, 2, 2))(h)),
        ops.min(ops.reshape(h, (-1, 2, 2, 2)), axis=(1, 3)),
        ops.minimum(h[:, ::2], ops.convert_to_tensor(np.linspace(-0.5, 0.5, 4))),
    ]
    return L.Concatenate()([L.Flatten()(each) for each in found])


def test_what_compares_several_values_is_exact_in_its_regions() -> None:
    """The affine prefix, the comparisons and one ReLU: piecewise linear, so that exact integration holds."""
    model = model_of(lambda x: L.Dense(1)(L.ReLU()(L.Dense(3)(every_window(L.Dense(8)(x))))), 5)
    inputs = np.random.default_rng(3).normal(size=(8, 5)) * 2
    truth = midpoints(model, inputs, 0.0, 8000)
    for integrator in ("exact", "secant"):
        found = attribute(model, inputs, np.zeros(5), integrator=integrator, tolerance=1e-3)
        assert (found.status == "converged").all()
        assert errors(found, truth).max() <= (5e-4 if integrator == "exact" else 1.5e-3)
        np.testing.assert_allclose(found.convergence_delta, 0.0, atol=1e-12)


def test_pools_of_volumes() -> None:
    """TensorFlow has them in single precision alone."""
    keras.config.set_dtype_policy("float32")
    pool = L.MaxPooling3D(2, 1, padding="same")
    model = model_of(
        lambda x: L.Dense(1)(L.ReLU()(L.Dense(4)(L.Flatten()(pool(L.Reshape((2, 2, 2, 1))(L.Dense(8)(x))))))), 5
    )
    inputs = np.random.default_rng(3).normal(size=(6, 5)).astype(np.float32)
    truth = midpoints(model, inputs, 0.0, 8000)
    found = attribute(model, inputs, np.zeros(5), integrator="exact")
    assert errors(found, truth).max() <= 5e-4


def pooled_twice(x: Any) -> Any:
    hidden = L.MaxPooling2D(2)(L.ReLU()(L.Conv2D(3, 3)(x)))
    hidden = L.MaxPooling2D(3, 2, padding="same")(L.Activation("tanh")(hidden))
    return L.Dense(1)(L.Flatten()(hidden))


def test_pools_are_complete_cell_by_cell(rng: np.random.Generator) -> None:
    model = model_of(pooled_twice, 9, 9, 1)
    inputs = rng.normal(size=(4, 9, 9, 1))
    found = attribute(model, inputs, np.zeros((9, 9, 1)), integrator="secant", steps=60)
    assert np.abs(found.convergence_delta).max() < 1e-12
    assert errors(found, midpoints(model, inputs, 0.0, 5000)).max() < 1e-3


TIES: dict[str, Callable[[Any], Any]] = {
    "MaxPooling1D": lambda h: L.Flatten()(L.MaxPooling1D(3)(h)),
    "GlobalMaxPooling1D": lambda h: L.GlobalMaxPooling1D()(h),
    "min": lambda h: ops.min(h, axis=1),
    "Maximum": lambda h: L.Flatten()(L.Maximum()([h[:, :3], h[:, 3:]])),
    "Minimum": lambda h: L.Flatten()(L.Minimum()([h[:, :3], h[:, 3:]])),
    "abs": lambda h: L.Flatten()(ops.abs(h[:, :3] - h[:, 3:])),
}


@pytest.mark.parametrize("name", TIES)
def test_what_ties_all_along_the_path_shares_as_in_tensorflow(name: str) -> None:
    """Words that come twice or three times in a sentence, in the row that is looked at first and in others."""
    model = model_of(lambda x: L.Dense(1)(L.ReLU()(L.Dense(5)(TIES[name](L.Dense(2)(x))))), 6, 3)
    words = np.random.default_rng(4).normal(size=(5, 3)) * 2
    sentences = np.array([[0, 1, 2, 0, 1, 0], [3, 3, 4, 3, 3, 3], [0, 1, 1, 3, 4, 4], [1, 1, 1, 1, 1, 1]])
    inputs, baseline = words[sentences], np.tile(np.array([0.3, -0.2, 0.1]), (6, 1))
    truth = midpoints(model, inputs, baseline, 10_000)
    # Both take the slopes of the same cells: one over axes and one of two operands show what `exact` makes of them.
    for integrator in sized(
        ("secant", "exact")[: 1 + (name in ("GlobalMaxPooling1D", "Maximum"))], ("secant", "exact")
    ):
        found = attribute(model, inputs, baseline, integrator=integrator, tolerance=1e-4)
        assert found.details["integrator"] == integrator
        assert (found.status == "converged").all()
        assert errors(found, truth).max() <= 3e-4


def test_masked_places_of_a_maximum_lose_nothing_of_the_others() -> None:
    """Places masked by -1e9, from the forty-first row on, under a maximum, the larger of two, and sorted."""
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    x, mask = keras.Input((5, 3), name="x"), keras.Input((5,), name="mask")
    hidden = ops.where(mask[:, :, None] > 0.0, -1e9, L.Dense(4)(x))
    parts = [ops.max(hidden, axis=1), L.GlobalMaxPooling1D()(hidden), ops.sort(hidden, axis=1)[:, -1]]
    parts.append(ops.maximum(hidden[:, 0], hidden[:, 1]))
    model = keras.Model([x, mask], L.Dense(1)(L.ReLU()(L.Concatenate()(parts))))
    rng = np.random.default_rng(0)
    inputs, masks = rng.normal(size=(60, 5, 3)).astype(np.float32), np.zeros((60, 5), np.float32)
    masks[40:, 0], masks[50:, 2] = 1.0, 1.0
    settings: dict[str, Any] = {"fixed": {"mask": masks}}
    truth = attribute(
        model, {"x": inputs}, {"x": np.zeros((5, 3))}, integrator="midpoint", steps=sized(1500, 4000), **settings
    ).attributions["x"]
    for integrator in ("auto", "secant"):
        found = attribute(
            model, {"x": inputs}, {"x": np.zeros((5, 3))}, integrator=integrator, tolerance=1e-3, **settings
        )
        assert (found.status == "converged").all()
        apart = np.abs(found.attributions["x"] - truth).sum((1, 2))
        assert (apart <= 2e-3 * np.abs(truth).sum((1, 2)) + 5e-4).all()


def test_kinks_of_curves_and_of_comparisons_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each where it is, found between the places that are looked at."""
    from ig_tasks.attribution.integrators import grading

    seen = []

    def kept(*given: Any) -> Any:
        kinks, moves = find(*given)
        seen.append(kinks)
        return kinks, moves

    find = grading.kinks_and_moves
    monkeypatch.setattr(grading, "kinks_and_moves", kept)
    hidden = []

    def build(x: Any) -> Any:
        hidden.append(6.0 * L.Dense(2)(ops.tanh(L.Dense(3)(x))))
        h = hidden[0]
        bent = ops.relu(ops.silu(h - 3.0) - 0.2)  # at z sigmoid(z) = 0.2, z = 0.34206
        jumps = ops.where(h > 0.5, h, 0.5 + 0.2 * (h - 0.5))
        return L.Dense(1)(L.Concatenate()([ops.elu(h), ops.hard_silu(h), bent, jumps]))

    model = model_of(build, 3)
    inputs = np.random.default_rng(6).normal(size=(40, 3)) * 2
    found = attribute(model, inputs, np.zeros(3), integrator="secant")
    before, places = keras.Model(model.input, hidden[0]), np.linspace(0.0, 1.0, 4001)
    values = before(np.concatenate([place * inputs for place in places])).numpy().reshape(4001, 40, 2)
    near = []
    for knot in (0.0, -3.0, 3.0, 3.34206, 0.5):
        place, row, _ = np.nonzero(np.diff(values > knot, axis=0))
        near += np.abs(places[place][:, None] - seen[0][row]).min(axis=1).tolist()
    assert len(near) > 50
    assert np.mean(np.array(near) < 0.02) > 0.9
    done = found.status == "converged"
    assert done.mean() > 0.7
    assert errors(found, midpoints(model, inputs, 0.0, 4000))[done].max() <= 0.01
