"""The same as benchmarks/kinks.py of Keras models: rows that are called converged, against thousands of midpoints.

python -m benchmarks.kinks_keras [--nets 3] [--rows 500]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import keras  # noqa: TID253 - its nets are Keras's
import numpy as np
import tensorflow as tf  # noqa: TID253
from keras import layers, ops  # noqa: TID253
from numpy.typing import NDArray

import ig_tasks
from benchmarks.kinks import CHECK, NODES, WIDTH, Tally, drawn_rows, report, tallied

__all__ = ["NETS", "build", "midpoints", "tally"]

Floats = NDArray[np.float64]
Net = Callable[[Any], Any]
_POINTS = 40_000


def _dense(size: int, activation: str | None = None) -> Any:
    return layers.Dense(size, activation=activation)


def _chain(*steps: Net) -> Net:
    def run(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return run


def _over(size: int, *steps: Net) -> Net:
    """A linear layer of `size`, `steps`, a ReLU and one output."""
    return _chain(_dense(size), *steps, ops.relu, _dense(1))


def _deep(size: int, *steps: Net) -> Net:
    """The same with one more layer of eight behind."""
    return _chain(_dense(size), *steps, _dense(8, "relu"), _dense(1))


def _line(*steps: Net) -> Net:
    """Steps on one channel, laid flat afterwards."""
    return _chain(lambda x: ops.expand_dims(x, -1), *steps, lambda x: ops.reshape(x, (-1, x.shape[1] * x.shape[2])))


def _groups(count: int, size: int, call: Net) -> Net:
    return lambda x: call(ops.reshape(x, (-1, count, size)))


def _halves(call: Callable[[Any, Any], Any]) -> Net:
    return lambda x: call(x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :])


def _clip(x: Any) -> Any:
    return ops.clip(x, -0.5, 0.5)


def _residual(x: Any) -> Any:
    return x + _dense(x.shape[1])(_dense(x.shape[1], "relu")(x))


def _convolutions(pool: Net) -> Net:
    return _chain(
        lambda x: ops.expand_dims(x, -1),
        *(layers.Conv1D(4, 3), pool, ops.relu, layers.Conv1D(4, 2, activation="relu"), layers.Flatten(), _dense(1)),
    )


NETS: dict[str, Callable[[], Net]] = {
    "max-pooling, ReLU": lambda: _over(8, _line(layers.MaxPooling1D(2))),
    "max-pooling of 4, ReLU, ReLU": lambda: _deep(16, _line(layers.MaxPooling1D(4)), ops.relu),
    "convolutions, max-pooling": lambda: _convolutions(layers.MaxPooling1D(2)),
    "convolutions, overlapping pools": lambda: _convolutions(layers.MaxPooling1D(3, 1, padding="same")),
    "residual blocks, max-pooling": lambda: _chain(_residual, _line(layers.MaxPooling1D(2)), _residual, _dense(1)),
    "global max-pooling": lambda: _over(12, _groups(4, 3, layers.GlobalMaxPooling1D())),
    "ReLU, maximum over two axes": lambda: _deep(
        12, ops.relu, _dense(12), lambda x: ops.max(ops.reshape(x, (-1, 2, 3, 2)), axis=(1, 3))
    ),
    "max and min": lambda: _deep(12, _groups(4, 3, lambda x: ops.max(x, 2) + 0.5 * ops.min(x, 2)), ops.relu),
    "maximum, minimum, abs": lambda: _chain(
        _dense(8), _halves(ops.minimum), _dense(8), _halves(lambda a, b: ops.maximum(a, ops.abs(b))), _dense(1)
    ),
    "clip": lambda: _chain(_dense(8), _clip, _dense(8), _clip, _dense(1)),
    "leaky ReLU, ReLU6": lambda: _chain(_dense(8, "leaky_relu"), _dense(8, "relu6"), _dense(1)),
    "ELU, max-pooling": lambda: _over(8, ops.elu, _dense(8), _line(layers.MaxPooling1D(2))),
    "GLU, ReLU": lambda: _deep(12, ops.glu),
    "ReLU, GLU": lambda: _chain(_dense(8, "relu"), _dense(12), ops.glu, _dense(1)),
    "ReLU, product, ReLU": lambda: _over(12, ops.relu, _dense(8), _halves(ops.multiply), _dense(4)),
    "product, max-pooling, ReLU": lambda: _over(16, _halves(ops.multiply), _line(layers.MaxPooling1D(2))),
    "where": lambda: _deep(8, lambda x: ops.where(x > 0.0, x, 0.2 * ops.exp(x) - 0.2)),
    "layer normalisation, ReLU": lambda: _deep(8, layers.LayerNormalization()),
    "ReLU, softmax": lambda: _chain(_dense(8, "relu"), _dense(4, "softmax"), _dense(1)),
    "pool, abs, clip, pool": lambda: _chain(
        *(_dense(16), _line(layers.MaxPooling1D(2)), ops.abs, _dense(8), _clip, _dense(8)),
        *(_line(layers.MaxPooling1D(2)), ops.relu, _dense(1)),
    ),
}


def build(name: str, seed: int, dtype: str = "float32") -> Any:
    """A random net, its weights half as large again as torch draws them: more kinks lie on the path."""
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        x = keras.Input((WIDTH,))
        net = keras.Model(x, NETS[name]()(x))
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy)
    draw, fan = np.random.default_rng(seed), 1
    for weight in net.trainable_weights:
        if len(weight.shape) > 1:
            fan = int(np.prod(weight.shape[:-1]))
        if "gamma" not in weight.path:
            weight.assign(draw.uniform(-1.5, 1.5, weight.shape).astype(np.float32) / np.sqrt(fan))
    return net


def midpoints(net: Any, inputs: NDArray[np.floating[Any]], counts: tuple[int, ...]) -> list[Floats]:
    """Integrated Gradients from zero by TensorFlow's own gradients, for each number of nodes; `net` is double."""

    def taken(points: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(points)
            outputs = tf.reduce_sum(net(points))
        return tape.gradient(outputs, points)

    gradients = tf.function(taken, autograph=False)
    x, found = inputs.astype(np.float64), []
    block = max(1, _POINTS // len(x))
    for nodes in counts:
        total = np.zeros(x.shape)
        for first in range(0, nodes, block):
            along = (np.arange(first, min(nodes, first + block)) + 0.5) / nodes
            points = (along[:, None, None] * x).reshape(-1, x.shape[1])
            total += gradients(tf.constant(points)).numpy().reshape(along.size, *x.shape).sum(axis=0)
        found.append(x * total / nodes)
    return found


def tally(
    name: str,
    seed: int,
    rows: int,
    tolerance: float = 0.01,
    integrator: str = "auto",
    counts: tuple[int, int] = (NODES, CHECK),
) -> Tally:
    """What became of random rows of one net."""
    inputs = drawn_rows(seed, rows)
    truth, check = midpoints(build(name, seed, "float64"), inputs, counts)
    found = ig_tasks.explain(build(name, seed), inputs, tolerance=tolerance, integrator=integrator)
    return tallied(truth, check, found, tolerance)


if __name__ == "__main__":
    sys.exit(report(__doc__.splitlines()[0], NETS, tally, sys.argv[1:]))
