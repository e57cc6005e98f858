"""Quadrature rules on [0, 1]: where along the path the gradient is taken, and with which weight.

Nodes and weights are float64, nodes ascend, weights sum to one to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from ig_tasks.errors import InputError

__all__ = [
    "RULES",
    "ClenshawCurtis",
    "GaussLegendre",
    "Left",
    "Midpoint",
    "Right",
    "Rule",
    "Trapezoid",
]

Array = npt.NDArray[np.float64]


class Rule(Protocol):
    """A family of rules, one for each number of nodes."""

    name: ClassVar[str]
    least_nodes: ClassVar[int]

    def nodes(self, count: int) -> tuple[Array, Array]:
        """Nodes (nodes,) in [0, 1] and their weights (nodes,)."""
        ...

    def __hash__(self) -> int: ...


class GaussLegendre:
    """Exact for polynomials of degree 2n - 1 (Gauss 1814; nodes by Newton's method from Tricomi's guess)."""

    name: ClassVar[str] = "gauss_legendre"
    least_nodes: ClassVar[int] = 1

    def nodes(self, count: int) -> tuple[Array, Array]:
        """The Gauss-Legendre nodes and weights on [0, 1]; both ends are left out."""
        points, weights = _legendre(count)
        return points.copy(), weights.copy()


@dataclass(frozen=True)
class ClenshawCurtis:
    """Exact for degree n - 1, and nested: 2m intervals contain the nodes of m.

    Clenshaw & Curtis 1960; weights by Fourier transform after Waldvogel 2006, "Fast construction of the
    Fejér and Clenshaw-Curtis quadrature rules"; on its accuracy beside Gauss's see Trefethen 2008.
    """

    name: ClassVar[str] = "clenshaw_curtis"
    least_nodes: ClassVar[int] = 2

    def nodes(self, count: int) -> tuple[Array, Array]:
        """The Chebyshev extrema on [0, 1] and their weights; both ends are nodes."""
        intervals = count - 1
        # sin^2 keeps full relative precision near 0, where (1 - cos)/2 would cancel.
        points = np.sin(np.arange(count) * (np.pi / (2 * intervals))) ** 2
        return points, _clenshaw_curtis_weights(intervals)


class Midpoint:
    """The middles of n equal cells."""

    name: ClassVar[str] = "midpoint"
    least_nodes: ClassVar[int] = 1

    def nodes(self, count: int) -> tuple[Array, Array]:
        """The centres of `count` equal cells, with equal weights."""
        return (np.arange(count) + 0.5) / count, np.full(count, 1.0 / count)


class Trapezoid:
    """n equidistant nodes, the two ends with half the weight of the others, so that the weights sum to one."""

    name: ClassVar[str] = "trapezoid"
    least_nodes: ClassVar[int] = 2

    def nodes(self, count: int) -> tuple[Array, Array]:
        """Equally spaced nodes with both ends, which have half the weight."""
        weights = np.full(count, 1.0 / (count - 1))
        weights[[0, -1]] *= 0.5
        return np.linspace(0.0, 1.0, count), weights


class Left:
    """The left ends of n equal cells: the baseline is a node, the input is not (first order)."""

    name: ClassVar[str] = "left"
    least_nodes: ClassVar[int] = 1

    def nodes(self, count: int) -> tuple[Array, Array]:
        """The left ends of `count` equal cells, with equal weights."""
        return np.arange(count) / count, np.full(count, 1.0 / count)


class Right:
    """The right ends of n equal cells, as in Sundararajan, Taly & Yan 2017, eq. 3 (first order)."""

    name: ClassVar[str] = "right"
    least_nodes: ClassVar[int] = 1

    def nodes(self, count: int) -> tuple[Array, Array]:
        """The right ends of `count` equal cells, with equal weights."""
        return (np.arange(count) + 1.0) / count, np.full(count, 1.0 / count)


RULES: dict[str, Rule] = {
    rule.name: rule for rule in (GaussLegendre(), ClenshawCurtis(), Midpoint(), Trapezoid(), Left(), Right())
}


def fixed_nodes(rule: Rule, count: int) -> tuple[Array, Array]:
    """`rule.nodes(count)`, refused where the rule has too few nodes. Raises InputError."""
    if count < rule.least_nodes:
        raise InputError(f"steps: {rule.name} needs at least {rule.least_nodes} nodes, not {count}")
    return rule.nodes(count)


@lru_cache(maxsize=8)
def _legendre(count: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on [0, 1] in O(n^2): an eigenvalue solver takes minutes at 4,096."""
    index = np.arange(1, count + 1)
    x = np.cos(np.pi * (index - 0.25) / (count + 0.5))
    x *= 1.0 - (1.0 - 1.0 / count) / (8.0 * count**2)
    slope = np.ones_like(x)
    for _ in range(8):
        below, value = np.ones_like(x), x
        for degree in range(2, count + 1):
            below, value = value, ((2 * degree - 1) * x * value - (degree - 1) * below) / degree
        slope = count * (x * value - below) / (x * x - 1.0)
        step = value / slope
        x = x - step
        if np.max(np.abs(step)) < 1e-15:
            break
    weights = 2.0 / ((1.0 - x * x) * slope * slope)
    x = 0.5 * (x - x[::-1])  # the rule is symmetric; Newton's rounding is not
    weights = 0.5 * (weights + weights[::-1])
    return 0.5 * (1.0 + x[::-1]), weights / weights.sum()


@lru_cache(maxsize=32)
def _clenshaw_curtis_weights(intervals: int) -> Array:
    odd = np.arange(1, intervals, 2)
    terms = np.concatenate((2.0 / odd / (odd - 2.0), [1.0 / odd[-1] if odd.size else 1.0]))
    if intervals == 1:
        return np.array([0.5, 0.5])
    terms = np.concatenate((terms, np.zeros(intervals - odd.size)))
    series = -terms[:-1] - terms[:0:-1]
    correction = -np.ones(intervals)
    correction[odd.size] += intervals
    correction[intervals - odd.size] += intervals
    correction /= intervals**2 - 1 + intervals % 2
    weights = np.fft.ifft(series + correction).real
    full = np.concatenate((weights, weights[:1])) / 2.0
    return np.asarray(full / full.sum(), dtype=np.float64)
