"""A Keras model that loses its gradients is refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.errors import ModelError

keras = pytest.importorskip("keras")
ops = keras.ops

LOST = "model: its output does not depend on the inputs through differentiable operations"
INTEGER = "model: its output is int32, which has no gradient; explain the logits or probabilities"


def functional(between: Callable[[Any], Any], after: Callable[[Any], Any] = lambda z: z) -> Any:
    x = keras.Input((3,))
    z = keras.layers.Dense(4, name="body")(x)
    return keras.Model(x, after(keras.layers.Dense(1, name="head")(between(z))))


def subclassed(forward: Callable[[Any, Any], Any]) -> Any:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.body = keras.layers.Dense(1, name="body")

        def call(self, x: Any) -> Any:
            return forward(self.body, x)

    return Own()


def whole(z: Any) -> Any:
    return ops.cast(ops.cast(z, "int32"), "float32")


MODELS = {
    "stop_gradient": (lambda: functional(ops.stop_gradient), LOST),
    "round": (lambda: functional(ops.round), LOST),
    "cast": (lambda: functional(whole), LOST),
    "step": (lambda: functional(lambda z: ops.cast(z > 0, "float32")), LOST),
    "one-hot arg-max": (lambda: functional(lambda z: ops.one_hot(ops.argmax(z, axis=-1), 4)), LOST),
    "arg-max": (lambda: functional(lambda z: z, lambda z: ops.argmax(z, axis=1)), INTEGER),
    "arg-max as a number": (lambda: functional(lambda z: z, lambda z: ops.cast(ops.argmax(z, 1), "float32")), LOST),
    "own stop_gradient": (lambda: subclassed(lambda body, x: body(ops.stop_gradient(x))), LOST),
    "own round": (lambda: subclassed(lambda body, x: ops.round(body(x))), LOST),
    "own cast": (lambda: subclassed(lambda body, x: body(whole(x))), LOST),
    "own arg-max": (lambda: subclassed(lambda body, x: ops.argmax(body(x), axis=1)), INTEGER),
}


@pytest.mark.parametrize("name", MODELS)
def test_lost_gradients_are_refused(name: str) -> None:
    make, message = MODELS[name]
    with pytest.raises(ModelError) as error:
        attribute(make(), np.ones((2, 3), np.float32), np.zeros(3))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_gradients_lost_in_a_part_show_in_the_delta() -> None:
    """One of two branches is cut off: the rest is differentiated, and nothing is called converged."""
    model = functional(lambda z: ops.stop_gradient(z) + z)
    found = attribute(model, np.ones((2, 3), np.float32), np.zeros(3))
    assert (found.status == "max_evaluations").all()
    assert (found.relative_delta > 0.1).all()
