"""Integrated Gradients of dense networks as exactly as float64 allows: what every library is measured against.

Written in numpy alone and without any part of ig_tasks, so that a mistake of the engine's cannot hide here.

- Networks of ReLU and leaky ReLU are affine between the points of the path where a unit changes sign. `exact` finds
  those points layer by layer and sums one gradient for each piece (Sotoudeh & Thakur 2019, "Computing Linear
  Restrictions of Neural Networks").
- Smooth networks: Gauss-Legendre with 256 nodes, which for these models is exact to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import erf, expit

__all__ = ["DenseNet", "exact", "gauss"]

Array = npt.NDArray[np.float64]

LEAK = 0.01
_SQRT_2, _SQRT_2_PI = np.sqrt(2.0), np.sqrt(2.0 * np.pi)


def _silu_slope(z: Array) -> Array:
    share = expit(z)
    return np.asarray(share * (1.0 + z * (1.0 - share)))


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: (z > 0.0).astype(np.float64)),
    "leaky_relu": (lambda z: np.where(z > 0.0, z, LEAK * z), lambda z: np.where(z > 0.0, 1.0, LEAK)),
    "silu": (lambda z: z * expit(z), _silu_slope),
    "tanh": (np.tanh, lambda z: 1.0 - np.tanh(z) ** 2),
    "gelu": (
        lambda z: 0.5 * z * (1.0 + erf(z / _SQRT_2)),
        lambda z: 0.5 * (1.0 + erf(z / _SQRT_2)) + z * np.exp(-0.5 * z * z) / _SQRT_2_PI,
    ),
}
"""{name: (function, derivative)}"""
PIECEWISE_LINEAR = frozenset({"relu", "leaky_relu"})


@dataclass(frozen=True)
class DenseNet:
    """Dense layers with one activation between them; the last layer has one output and none behind it."""

    weights: tuple[Array, ...]
    """(units, units of the layer before) each, float64."""
    biases: tuple[Array, ...]
    activation: str

    @classmethod
    def of(cls, layers: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]], activation: str) -> DenseNet:
        weights = tuple(np.asarray(weight, dtype=np.float64) for weight, _ in layers)
        return cls(weights, tuple(np.asarray(bias, dtype=np.float64) for _, bias in layers), activation)

    @property
    def piecewise_linear(self) -> bool:
        return self.activation in PIECEWISE_LINEAR

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns, units of every hidden layer, outputs."""
        return (self.weights[0].shape[1], *(len(weight) for weight in self.weights))

    def output(self, points: Array) -> Array:
        """(points,) from (points, columns)."""
        value = points
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            value = ACTIVATIONS[self.activation][0](value @ weight.T + bias)
        return np.asarray(value @ self.weights[-1][0] + self.biases[-1][0])

    def gradient_at_first(self, first: Array) -> Array:
        """Derivative of the output by the first layer's pre-activations, at `first` (points, units)."""
        function, slope = ACTIVATIONS[self.activation]
        slopes, value = [slope(first)], function(first)
        for weight, bias in zip(self.weights[1:-1], self.biases[1:-1], strict=True):
            before = value @ weight.T + bias
            slopes.append(slope(before))
            value = function(before)
        gradient = np.broadcast_to(self.weights[-1], (len(first), self.weights[-1].shape[1])) * slopes[-1]
        for weight, factor in zip(self.weights[-2:0:-1], slopes[-2::-1], strict=True):
            gradient = (gradient @ weight) * factor
        return np.asarray(gradient)


def exact(net: DenseNet, inputs: npt.ArrayLike, baseline: npt.ArrayLike) -> Array:
    """Attributions (rows, columns) of a piecewise-linear network, with no error but rounding.

    `baseline` is (columns,), shared. Raises ValueError for other activations.
    """
    if not net.piecewise_linear:
        raise ValueError(f"activation {net.activation}: not piecewise linear")
    rows, start = np.asarray(inputs, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    return np.stack([_exact_row(net, start, row - start) for row in rows])


def _exact_row(net: DenseNet, start: Array, direction: Array) -> Array:
    origin = net.weights[0] @ start + net.biases[0]
    change = net.weights[0] @ direction
    edges = _edges(net, origin, change)
    middles, lengths = (edges[1:] + edges[:-1]) / 2.0, np.diff(edges)
    gradients = net.gradient_at_first(origin + middles[:, None] * change)
    return np.asarray(direction * ((lengths @ gradients) @ net.weights[0]))


def _edges(net: DenseNet, origin: Array, change: Array) -> Array:
    """Ascending places in [0, 1] between which no unit of any layer changes sign.

    Between the edges known so far a layer's pre-activations are straight lines, so their zeros are found by
    interpolation; with those the next layer's are straight lines too.
    """
    edges = np.array([0.0, 1.0])
    values = origin + edges[:, None] * change
    layers = list(zip(net.weights[1:-1], net.biases[1:-1], strict=True))
    for number in range(len(layers) + 1):
        left, right = values[:-1], values[1:]
        cell, unit = np.nonzero(left * right < 0.0)
        share = left[cell, unit] / (left[cell, unit] - right[cell, unit])
        found = left[cell] + share[:, None] * (right[cell] - left[cell])
        found[np.arange(len(cell)), unit] = 0.0
        edges = np.concatenate([edges, edges[cell] + share * (edges[cell + 1] - edges[cell])])
        order = np.argsort(edges, kind="stable")
        edges = edges[order]
        if number < len(layers):
            weight, bias = layers[number]
            active = ACTIVATIONS[net.activation][0](np.concatenate([values, found])[order])
            values = active @ weight.T + bias
    return edges


def gauss(net: DenseNet, inputs: npt.ArrayLike, baseline: npt.ArrayLike, nodes: int = 256) -> Array:
    """Attributions (rows, columns) by Gauss-Legendre quadrature: for smooth networks."""
    rows, start = np.asarray(inputs, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    places, weights = np.polynomial.legendre.leggauss(nodes)
    places, weights = (places + 1.0) / 2.0, weights / 2.0
    origin = net.weights[0] @ start + net.biases[0]
    found = np.empty_like(rows)
    step = max(1, 8192 // nodes)
    for at in range(0, len(rows), step):
        direction = rows[at : at + step] - start
        change = direction @ net.weights[0].T
        points = origin + places[None, :, None] * change[:, None, :]
        gradients = net.gradient_at_first(points.reshape(-1, points.shape[2])).reshape(points.shape)
        found[at : at + step] = direction * (np.einsum("k,rku->ru", weights, gradients) @ net.weights[0])
    return found
