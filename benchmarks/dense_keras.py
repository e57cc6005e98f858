"""Dense networks in Keras: ours against the algorithm of TensorFlow's tutorial."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import keras  # noqa: TID253 - imported when a TensorFlow contest runs
import numpy as np
import numpy.typing as npt
import tensorflow as tf  # noqa: TID253 - as above

from benchmarks import tutorial
from benchmarks.contest import OURS, Attributed, Contest, Contestant
from benchmarks.dense import dense_reference, ours
from benchmarks.reference import DenseNet

__all__ = ["DenseKeras"]

FEW = 200
"""Rows for the tutorial's algorithm, which explains one at a time."""


def dense_keras(net: DenseNet) -> Any:
    """The network as a user has it: a functional model, float32, Dense and Activation by turns."""
    inputs = keras.Input((net.widths[0],), dtype="float32")
    x = inputs
    layers = []
    for units in net.widths[1:-1]:
        layers.append(keras.layers.Dense(units))
        x = keras.layers.Activation(net.activation)(layers[-1](x))
    layers.append(keras.layers.Dense(1))
    model = keras.Model(inputs, layers[-1](x))
    for layer, weight, bias in zip(layers, net.weights, net.biases, strict=True):
        layer.set_weights([weight.T.astype(np.float32), bias.astype(np.float32)])
    return model


class DenseKeras(Contest):
    def __init__(
        self, name: str, title: str, net: DenseNet, inputs: npt.NDArray[np.float32], notes: Sequence[str] = ()
    ) -> None:
        self.name, self.title, self.notes = name, title, notes
        self.net, self.inputs, self.rows = net, inputs, len(inputs)
        self.model = dense_keras(net)

    def entrants(self) -> list[str]:
        return [OURS, "tutorial/published", "tutorial/compiled"]

    def contestant(self, key: str) -> Contestant:
        if key == OURS:
            return ours(self.model, self.inputs, self.tolerance)
        how = {"tutorial/published": tutorial.published, "tutorial/compiled": tutorial.compiled}[key]
        explain = how(self.model, np.zeros(self.inputs.shape[1], np.float32))

        def first(rows: int) -> Attributed:
            return Attributed(explain(self.inputs[:rows]))

        setting = "as published" if key.endswith("published") else "everything in one tf.function"
        return Contestant(key, "TensorFlow's tutorial", setting, min(FEW, self.rows), first, tutorial.STEPS + 1)

    def reference(self) -> tuple[npt.NDArray[np.float64], str]:
        return dense_reference(self.net, self.inputs)

    def products(self) -> float:
        weights = [tf.constant(weight, tf.float32) for weight in self.net.weights[1:]]
        best = np.inf
        for rows in (512, 2048, 8192):
            forward = [tf.random.normal((rows, weight.shape[1])) for weight in weights]
            backward = [tf.random.normal((rows, weight.shape[0])) for weight in weights]
            spent = []
            for _ in range(max(3, 32768 // rows)):
                started = time.perf_counter()
                for weight, value, gradient in zip(weights, forward, backward, strict=True):
                    tf.matmul(value, weight, transpose_b=True)
                    tf.matmul(gradient, weight).numpy()
                spent.append(time.perf_counter() - started)
            best = min(best, float(np.median(spent)) / rows)
        return best
