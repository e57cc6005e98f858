"""Keras models with spectra and sorted numbers, and heads that mix all outputs: as TensorFlow's gradients have it.

The truth is the midpoint rule on tf.GradientTape in double precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.sweeps import sized

from ig_tasks.attribution import attribute
from ig_tasks.errors import InputError

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
L, ops = keras.layers, keras.ops
RNG = np.random.default_rng(4)
INPUTS, BASELINE = RNG.normal(size=(6, 8)), RNG.normal(size=8)


pytestmark = pytest.mark.usefixtures("keras_in_double")


def model_of(build: Callable[[Any], Any]) -> Any:
    x = keras.Input((8,))
    return keras.Model(x, build(x))


def truths(model: Any, *counts: int) -> list[np.ndarray]:
    """The midpoint rule by tf.GradientTape, for each number of nodes: (outputs, rows, features)."""

    def gradients(points: Any) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(points)
            columns = tf.unstack(model(points), axis=1)
        return [tape.gradient(column, points) for column in columns]

    traced, right = tf.function(gradients, autograph=False, input_signature=[tf.TensorSpec((None, 8), "float64")]), []
    for nodes in counts:
        along = (np.arange(nodes) + 0.5) / nodes
        points = BASELINE + along[:, None, None] * (INPUTS - BASELINE)
        found = traced(tf.constant(points.reshape(-1, 8)))
        right.append((INPUTS - BASELINE) * np.stack([one.numpy().reshape(points.shape).mean(axis=0) for one in found]))
    return right


def off(found: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(found - right).sum(axis=1) / np.maximum(np.abs(right).sum(axis=1), 1e-9))


def modulus(parts: Any) -> Any:
    real, imaginary = parts
    return ops.sqrt(real * real + imaginary * imaginary)


def filtered(h: Any) -> Any:
    real, imaginary = ops.rfft(h)
    band = ops.convert_to_tensor(np.linspace(0.0, 1.0, 5))
    return ops.relu(ops.irfft((real * band, imaginary * band)))


def planes(h: Any) -> Any:
    square = ops.reshape(h, (-1, 2, 4))
    return ops.reshape(modulus(ops.fft2((square, ops.zeros_like(square)))), (-1, 8))


# A network of comparisons, which are traced one by one: nine for five numbers, nineteen for eight.
SORTED = sized(5, 8)
MIDDLES: dict[str, Callable[[Any], Any]] = {
    "magnitudes of a spectrum": lambda h: ops.relu(modulus(ops.fft((h, ops.zeros_like(h))))),
    "magnitudes alone": lambda h: L.Lambda(lambda z: tf.abs(tf.signal.rfft(z)))(h),
    "half a spectrum": lambda h: L.Lambda(lambda z: tf.abs(tf.signal.rfft(tf.nn.relu(z))))(h),
    "a spectrum and back": filtered,
    "over two axes": planes,
    "sort": lambda h: ops.sort((ops.relu(h) + 0.1 * h)[:, :SORTED], axis=1),
    "the largest three": lambda h: ops.top_k(h[:, :SORTED], 3)[0],
    "the middle ones": lambda h: ops.relu(ops.sort(h[:, :SORTED], axis=1)[:, 2:4]),
}
EVERY = ("auto", "adaptive", "secant")
# `auto` and `adaptive` once gave 0 behind a spectrum (in torch): every middle by `auto`, one spectrum by all.
HOW = {"half a spectrum": EVERY, "sort": ("auto", "secant")}


@pytest.mark.parametrize("name", MIDDLES)
def test_whatever_runs_inside_is_explained_as_tensorflow_has_it(name: str) -> None:
    model = model_of(lambda x: L.Dense(1)(MIDDLES[name](L.Dense(8)(x))))
    right, nodes = (each[0] for each in truths(model, 20_000, 4000))
    for integrator in sized(HOW.get(name, ("auto",)), EVERY):
        found = attribute(model, INPUTS, BASELINE, integrator=integrator, tolerance=2e-3)
        assert (found.status == "converged").all()
        apart = np.abs(found.attributions - right).sum(axis=1)
        assert (apart <= 4e-3 * np.abs(right).sum(axis=1) + 3e-4).all()  # the truth is good to 3e-4
    fixed = attribute(model, INPUTS, BASELINE, integrator="midpoint", steps=4000)
    np.testing.assert_allclose(fixed.attributions, nodes, atol=1e-12)
    assert set(fixed.status) <= {"converged", "unverified", "max_evaluations"}


def test_the_first_magnitude_bends_where_it_is_zero() -> None:
    """|sum of x|, in closed form: the mean component of a spectrum is real."""
    x = keras.Input((4,))
    model = keras.Model(x, L.Lambda(lambda z: tf.abs(tf.signal.rfft(z))[:, :1])(x))
    endpoints = np.array([[3.0, -1.0, 0.5, 0.5]])
    found = attribute(model, endpoints, np.full(4, -0.25), tolerance=1e-4)  # |sum| goes from 1 over 0 to 3
    np.testing.assert_allclose(found.attributions[0], (endpoints[0] + 0.25) * (3.0 - 1.0) / 4.0, atol=1e-12)


def test_more_numbers_than_a_network_sorts_are_explained_at_nodes() -> None:
    """Nothing is known of where they change places: cells cannot be asked for, and fixed nodes certify nothing."""
    model = model_of(lambda x: L.Dense(1)(ops.sort(L.Dense(70)(x), axis=1)))
    with pytest.raises(InputError, match="'secant' cannot be used on this model"):
        attribute(model, INPUTS, BASELINE, integrator="secant")
    fixed = attribute(model, INPUTS, BASELINE, integrator="midpoint", steps=2000)
    np.testing.assert_allclose(fixed.attributions, truths(model, 2000)[0][0], atol=1e-12)
    assert "converged" not in fixed.status


ENDS: dict[str, Callable[[Any], Any]] = {
    "softmax": lambda h: ops.softmax(h, axis=1),
    "log_softmax": lambda h: ops.log_softmax(h, axis=1),
    "layer normalisation": lambda h: L.LayerNormalization()(h),
    "glu": lambda h: ops.glu(h),
    "normalize": lambda h: ops.normalize(h, axis=1),
    "logsumexp": lambda h: ops.stack([ops.logsumexp(h, axis=1), ops.logsumexp(h[:, :2], axis=1)], axis=1),
}


# The torch tests take all of these ends in either size: there some of them once raised.
@pytest.mark.parametrize("end", sized(("softmax", "normalize", "glu", "logsumexp"), tuple(ENDS)))
def test_all_outputs_at_once_are_those_of_one_at_a_time(end: str) -> None:
    model = model_of(lambda x: ENDS[end](L.Dense(4)(L.Dense(16, activation="relu")(x))))
    (right,) = truths(model, 4000)
    every = attribute(model, INPUTS, BASELINE, target="all", tolerance=1e-3)
    assert (every.status == "converged").all()
    assert every.attributions.shape == (6, len(right), 8)
    for column, alone in enumerate(right):
        assert off(every.attributions[:, column], alone).max() <= 2e-3
