"""Gradients of Keras models are taken in graphs alone.

Eagerly TensorFlow computes those of the weights, too, and its gradient of the filter of a convolution of one pixel with
stride 2 writes beyond its memory on some processors. In a graph nobody asks for it, and it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from ig_tasks import diagnose, judge_baselines
from ig_tasks.attribution import attribute

pytestmark = pytest.mark.graphs

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
layers = keras.layers


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The gradients that were taken; one that is taken eagerly fails the test."""
    seen: list[str] = []
    for name in ("gradient", "jacobian", "batch_jacobian"):
        own = getattr(tf.GradientTape, name)

        def noted(*args: Any, name: str = name, own: Callable[..., Any] = own, **kwargs: Any) -> Any:
            assert not tf.executing_eagerly(), f"{name} was taken eagerly"
            seen.append(name)
            return own(*args, **kwargs)

        monkeypatch.setattr(tf.GradientTape, name, noted)
    yield seen
    assert seen, "no gradient was taken"


def residual(activation: str) -> Any:
    """A residual network as they are built: the shortcut is a convolution of one pixel with stride 2."""
    keras.utils.set_random_seed(0)
    image = keras.Input((4, 4, 2), name="image")
    hidden = layers.Conv2D(4, 3, padding="same", activation=activation)(image)
    short = layers.Conv2D(6, 1, strides=2)(hidden)
    hidden = layers.Conv2D(6, 3, strides=2, padding="same")(layers.BatchNormalization()(hidden))
    hidden = layers.Activation(activation)(layers.Add()([hidden, short]))
    return keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(hidden)))


def tokens() -> Any:
    keras.utils.set_random_seed(0)
    ids = keras.Input((3,), dtype="int32", name="ids")
    hidden = layers.Embedding(5, 4, name="table")(ids)
    return keras.Model({"ids": ids}, layers.Dense(1)(keras.ops.tanh(keras.ops.sum(hidden, axis=1))))


class Looping(keras.Model):
    """A loop, which is not followed."""

    def __init__(self) -> None:
        super().__init__()
        keras.utils.set_random_seed(0)
        self.out = layers.Dense(1)

    def call(self, x: Any) -> Any:
        _, x = tf.while_loop(lambda turn, _: turn < 2, lambda turn, z: (turn + 1, tf.tanh(2 * z)), (0, x))
        return self.out(x)


IMAGES = np.random.default_rng(0).normal(size=(3, 4, 4, 2)).astype(np.float32)
ROWS = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)


@pytest.mark.parametrize(("activation", "integrator"), [("relu", "auto"), ("tanh", "gauss_legendre")])
def test_a_residual_network(activation: str, integrator: str) -> None:
    found = attribute(residual(activation), IMAGES, np.zeros((4, 4, 2)), target=1, integrator=integrator)
    assert np.isfinite(found.attributions).all()
    assert (found.relative_delta < 0.05).all()


def test_every_output_and_the_gradient_at_a_baseline_that_rows_share() -> None:
    found = attribute(
        residual("tanh"), IMAGES, np.zeros((4, 4, 2)), target="all", integrator="adaptive", tolerance=1e-3
    )
    assert (found.status == "converged").all()


def test_ids() -> None:
    found = attribute(
        tokens(), {"ids": np.array([[1, 2, 3], [4, 0, 1]])}, {"ids": np.zeros(3, int)}, layers={"ids": "table"}
    )
    assert (found.status == "converged").all()


def test_a_model_that_is_not_followed() -> None:
    found = attribute(Looping(), ROWS, np.zeros(4))
    assert (found.status == "converged").all()


def test_the_doctors() -> None:
    model = residual("relu")
    diagnose(model, IMAGES)
    judge_baselines(model, IMAGES[:2], baselines={"zero": "zero", "half": np.full((4, 4, 2), 0.5)}, target=0)
