"""The algorithm of TensorFlow's tutorial on Integrated Gradients, written anew after its description.

https://www.tensorflow.org/tutorials/interpretability/integrated_gradients: one row at a time, 51 evenly spaced points
from the baseline to the row, in batches of 32, gradients of each batch in a tf.function, averaged by the trapezoid
rule. `published` runs as it does there, with only the batches compiled; `compiled` puts everything that is done for a
row into one tf.function and all points into one batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf  # noqa: TID253 - imported when a TensorFlow contest runs

__all__ = ["STEPS", "compiled", "published"]

STEPS = 50
BATCH = 32

Explain = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]
"""(rows, columns) -> attributions of the same shape."""


def _gradients(model: Any, points: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(points)
        output = model(points)[:, 0]
    return tape.gradient(output, points)


def _between(baseline: Any, row: Any, shares: Any) -> Any:
    """(shares, columns): the points at these shares of the way."""
    return baseline[tf.newaxis] + shares[:, tf.newaxis] * (row - baseline)[tf.newaxis]


def _trapezoid(gradients: Any) -> Any:
    return tf.reduce_mean((gradients[:-1] + gradients[1:]) / 2.0, axis=0)


def published(model: Any, baseline: npt.NDArray[np.float32]) -> Explain:
    """As in the tutorial: 51 points in batches of 32."""
    start = tf.constant(baseline)

    @tf.function  # type: ignore[untyped-decorator]  # tensorflow is not followed by mypy
    def batch_gradients(row: Any, shares: Any) -> Any:
        return _gradients(model, _between(start, row, shares))

    def attributions(row: Any) -> Any:
        shares = tf.linspace(0.0, 1.0, STEPS + 1)
        parts = []
        for first in tf.range(0, len(shares), BATCH):
            last = tf.minimum(first + BATCH, len(shares))
            parts.append(batch_gradients(row, shares[first:last]))
        return (row - start) * _trapezoid(tf.concat(parts, axis=0))

    return lambda rows: np.stack([attributions(tf.constant(row)).numpy() for row in rows]).astype(np.float64)


def compiled(model: Any, baseline: npt.NDArray[np.float32]) -> Explain:
    """The same in one tf.function, 51 points in one batch."""
    start = tf.constant(baseline)

    @tf.function  # type: ignore[untyped-decorator]  # tensorflow is not followed by mypy
    def attributions(row: Any) -> Any:
        shares = tf.linspace(0.0, 1.0, STEPS + 1)
        return (row - start) * _trapezoid(_gradients(model, _between(start, row, shares)))

    return lambda rows: np.stack([attributions(tf.constant(row)).numpy() for row in rows]).astype(np.float64)
