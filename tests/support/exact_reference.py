"""Integrated Gradients of dense networks by numpy alone, to rounding: what the engine is judged by.

Nothing here is shared with the engine. Along a straight path a network of piecewise linear activations is piecewise
linear: layer by layer the places are found where a unit passes a kink, and between two of them the gradient is
constant (Sotoudeh & Thakur 2019, "Computing Linear Restrictions of Neural Networks"). Smooth networks are
integrated by Gauss-Legendre nodes in float64.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import erf, expit, roots_legendre

__all__ = ["Network", "exact", "gauss", "l1_errors"]

Array = npt.NDArray[np.float64]

# Where the slope changes, and the slopes between; all are 0 at 0.
KINKS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "relu": ((0.0,), (0.0, 1.0)),
    "leaky_relu": ((0.0,), (0.01, 1.0)),
    "relu6": ((0.0, 6.0), (0.0, 1.0, 0.0)),
    "hardtanh": ((-1.0, 1.0), (0.0, 1.0, 0.0)),
}
SMOOTH: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh": (np.tanh, lambda z: 1.0 - np.tanh(z) ** 2),
    "silu": (lambda z: z * expit(z), lambda z: expit(z) * (1.0 + z * (1.0 - expit(z)))),
    "gelu": (
        lambda z: 0.5 * z * (1.0 + erf(z / np.sqrt(2.0))),
        lambda z: 0.5 * (1.0 + erf(z / np.sqrt(2.0))) + z * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi),
    ),
    "softplus": (lambda z: np.logaddexp(0.0, z), expit),
}
_ROWS = 32  # rows that are walked together
_POINTS = 4096  # points that go through a smooth network together


@dataclass(frozen=True)
class Network:
    """Dense layers (weight (out, in), bias (out,)), one activation between them, one output at the end."""

    layers: tuple[tuple[Array, Array], ...]
    activation: str

    @classmethod
    def of(cls, layers: Sequence[tuple[Any, Any]], activation: str, column: int = 0) -> Network:
        """From arrays of any dtype; `column` of the last layer is the output."""
        pairs = [(np.asarray(weight, np.float64), np.asarray(bias, np.float64)) for weight, bias in layers]
        pairs[-1] = (pairs[-1][0][column : column + 1], pairs[-1][1][column : column + 1])
        return cls(tuple(pairs), activation)

    def outputs(self, points: Array) -> Array:
        """F (points,)."""
        return self._forward(points)[0]

    def gradients(self, points: Array) -> Array:
        """dF/dx (points, features)."""
        return self._backward(self._forward(points)[1]) @ self.layers[0][0]

    def _forward(self, points: Array) -> tuple[Array, list[Array]]:
        """F (points,) and the slopes of every hidden layer's units (points, units)."""
        slopes, values = [], points
        for weight, bias in self.layers[:-1]:
            z = values @ weight.T + bias
            slopes.append(_slope(self.activation, z))
            values = _value(self.activation, z)
        return (values @ self.layers[-1][0].T + self.layers[-1][1])[:, 0], slopes

    def _backward(self, slopes: list[Array]) -> Array:
        """Gradients at the first layer's units (points, units); the caller multiplies by its weight."""
        upstream = np.broadcast_to(self.layers[-1][0], slopes[-1].shape)
        for slope, (weight, _) in zip(slopes[:0:-1], self.layers[-2:0:-1], strict=True):
            upstream = (upstream * slope) @ weight
        return upstream * slopes[0]


def exact(network: Network, endpoints: Array, starts: Array) -> Array:
    """Attributions (rows, features) of a piecewise linear network; `starts` is one row, or one per row."""
    endpoints = np.asarray(endpoints, np.float64)
    starts = np.broadcast_to(np.asarray(starts, np.float64), endpoints.shape)
    found = np.empty_like(endpoints)
    for first in range(0, len(endpoints), _ROWS):
        some = slice(first, first + _ROWS)
        found[some] = _walk(network, endpoints[some], starts[some])
    return found


def gauss(network: Network, endpoints: Array, starts: Array, nodes: int = 256) -> Array:
    """Attributions (rows, features) by Gauss-Legendre `nodes`."""
    endpoints = np.asarray(endpoints, np.float64)
    starts = np.broadcast_to(np.asarray(starts, np.float64), endpoints.shape)
    places, weights = _legendre(nodes)
    found = np.zeros((len(endpoints), len(network.layers[0][1])))
    together = max(1, _POINTS // len(endpoints))
    for first in range(0, nodes, together):
        along = 0.5 * (places[first : first + together, None, None] + 1.0)
        points = (starts + along * (endpoints - starts)).reshape(-1, endpoints.shape[1])
        gradients = network._backward(network._forward(points)[1]).reshape(len(along), *found.shape)
        found += np.tensordot(0.5 * weights[first : first + together], gradients, axes=1)
    return found @ network.layers[0][0] * (endpoints - starts)


@functools.cache
def _legendre(nodes: int) -> tuple[Array, Array]:
    """Thousands of nodes take scipy's banded matrix a second, and numpy's full one a minute."""
    places, weights = roots_legendre(nodes)
    return places, weights


def l1_errors(found: Array, truth: Array) -> Array:
    """|found - truth|_1 / |truth|_1 (rows,); 0 where both are all zero."""
    difference, size = np.abs(found - truth).sum(axis=1), np.abs(truth).sum(axis=1)
    return np.divide(difference, size, out=np.where(difference == 0.0, 0.0, np.inf), where=size > 0.0)


def _walk(network: Network, endpoints: Array, starts: Array) -> Array:
    """All places of all rows in one list, ordered by row and place: `row` (places,), `along` (places,)."""
    rows = len(endpoints)
    row, along = np.repeat(np.arange(rows), 2), np.tile([0.0, 1.0], rows)
    kinks = KINKS[network.activation][0]
    weight, bias = network.layers[0]
    z = np.stack([starts @ weight.T + bias, endpoints @ weight.T + bias], axis=1).reshape(2 * rows, -1)
    for place in range(len(network.layers) - 1):
        if place:
            weight, bias = network.layers[place]
            z = _value(network.activation, z) @ weight.T + bias
        # z is linear between neighbours of a row, so every crossing is found, and z there is interpolated.
        pairs, shares = [], []
        for kink in kinks:
            left, right = z[:-1] - kink, z[1:] - kink
            at, unit = np.nonzero((left * right < 0.0) & (row[:-1] == row[1:])[:, None])
            pairs.append(at)
            shares.append(left[at, unit] / (left[at, unit] - right[at, unit]))
        at, share = np.concatenate(pairs), np.concatenate(shares)
        z = np.concatenate([z, z[at] + share[:, None] * (z[at + 1] - z[at])])
        along = np.concatenate([along, along[at] + share * (along[at + 1] - along[at])])
        row = np.concatenate([row, row[at]])
        order = np.lexsort((along, row))
        z, along, row = z[order], along[order], row[order]
    inner = row[:-1] == row[1:]
    width, middle, row = np.diff(along)[inner], (0.5 * (along[:-1] + along[1:]))[inner], row[:-1][inner]
    deltas = endpoints - starts
    gradients = network._backward(network._forward(starts[row] + middle[:, None] * deltas[row])[1])
    first = np.flatnonzero(np.diff(row, prepend=-1))
    return np.add.reduceat(gradients * width[:, None], first, axis=0) @ network.layers[0][0] * deltas


def _value(activation: str, z: Array) -> Array:
    if activation in SMOOTH:
        return SMOOTH[activation][0](z)
    kinks, slopes = KINKS[activation]
    value = slopes[0] * np.minimum(z, 0.0) if kinks == (0.0,) else np.zeros_like(z)
    for kink, upper, slope in zip(kinks, (*kinks[1:], np.inf), slopes[1:], strict=True):
        value = value + slope * (np.clip(z, kink, upper) - np.clip(0.0, kink, upper))
    return value


def _slope(activation: str, z: Array) -> Array:
    if activation in SMOOTH:
        return SMOOTH[activation][1](z)
    kinks, slopes = KINKS[activation]
    return np.asarray(slopes)[np.searchsorted(kinks, z)]
