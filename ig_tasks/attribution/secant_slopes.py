"""Slopes over a cell in place of derivatives at a point: the composite secant rule's mathematics, for any framework.

A cell goes from z0 to z1. With its slope for a derivative, the chain rule gives f(z1) - f(z0) to rounding. Slopes are
those of DeepLIFT's Rescale rule (Shrikumar, Greenside & Kundaje 2017, section 3.5.1), taken cell by cell.

Every function takes the framework's array namespace `xp` first: anything with abs, clip, maximum and where (numpy,
torch, keras.ops). Arrays of one call have one dtype and broadcast; nothing is written in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Pieces", "close_ends", "flip_share", "middle", "piecewise_slope", "pool_share", "smooth_slope", "tiny"]

_TINY = {"float64": 1e-300, "float32": 1e-37, "bfloat16": 1e-37, "float16": 6e-8}
_NEAR = {"float64": 1e-4}
_NEAR_SINGLE = 1e-2


@dataclass(frozen=True)
class Pieces:
    """A continuous piecewise-linear function: f(z) = slope z + sum of step x relu(z - knot), up to a constant.

    `steps` are pairs (step, knot). Slope and steps are numbers, or arrays that broadcast against z; knots are numbers.
    """

    slope: Any
    steps: tuple[tuple[Any, float], ...]

    @property
    def knots(self) -> tuple[float, ...]:
        """The places where the slope changes, in rising order."""
        return tuple(knot for _, knot in self.steps)

    @classmethod
    def relu(cls, negative_slope: float = 0.0, most: float | None = None) -> Pieces:
        """z above 0 and negative_slope x z below, at most `most` (from 0 up): ReLU, leaky ReLU, ReLU6."""
        upper = () if most is None else ((-1.0, float(most)),)
        return cls(negative_slope, ((1.0 - negative_slope, 0.0), *upper))

    @classmethod
    def clamp(cls, least: float | None, most: float | None) -> Pieces:
        """z between `least` and `most` (None: no bound), constant outside: hard tanh, clip."""
        lower = () if least is None else ((1.0, float(least)),)
        upper = () if most is None else ((-1.0, float(most)),)
        return cls(1.0 if least is None else 0.0, (*lower, *upper))

    @classmethod
    def hard_sigmoid(cls) -> Pieces:
        """z / 6 + 1/2 between -3 and 3, 0 and 1 outside."""
        return cls(0.0, ((1.0 / 6.0, -3.0), (-1.0 / 6.0, 3.0)))

    @classmethod
    def absolute(cls) -> Pieces:
        """The slopes of |z|: -1 below 0, 1 above."""
        return cls(-1.0, ((2.0, 0.0),))


def tiny(dtype: str) -> float:
    """What keeps 0 / 0 from being NaN in `dtype` ("float32", ...), and leaves every other quotient as it is."""
    return _TINY[dtype]


def flip_share(xp: Any, z0: Any, z1: Any, least: float) -> Any:
    """The share of a cell in which z > 0: clamp(max(z0, z1) / (|z1 - z0| + least), 0, 1), `least` = tiny(dtype)."""
    return xp.clip(xp.maximum(z0, z1) / (xp.abs(z1 - z0) + least), 0.0, 1.0)


def piecewise_slope(xp: Any, pieces: Pieces, z0: Any, z1: Any, least: float) -> Any:
    """The slope of a piecewise-linear function: each step counts for the share of the cell beyond its knot.

    A function with one kink, as steep before it as behind it (|z|), has slope 0 where a cell stays at the kink: the
    same from both sides, as the frameworks' own derivatives have it.
    """
    if isinstance(pieces.slope, float) and len(pieces.steps) == 1:
        ((step, knot),) = pieces.steps
        if step == -2.0 * pieces.slope:
            z0, z1 = z0 - knot, z1 - knot
            return 0.5 * step * (z0 + z1) / (xp.abs(z0) + xp.abs(z1) + least)
    total: Any = None
    for step, knot in pieces.steps:
        endpoints = (z0 - knot, z1 - knot) if knot else (z0, z1)
        share = flip_share(xp, *endpoints, least)
        part = share if isinstance(step, float) and step == 1.0 else share * step
        total = part if total is None else total + part
    if total is None:
        return z0 * 0.0 + pieces.slope
    return total if isinstance(pieces.slope, float) and pieces.slope == 0.0 else total + pieces.slope


def close_ends(xp: Any, z0: Any, z1: Any, dtype: str) -> Any:
    """Where the derivative in the middle of a cell is a better slope than a quotient of rounded differences."""
    return xp.abs(z1 - z0) < _NEAR.get(dtype, _NEAR_SINGLE)


def smooth_slope(xp: Any, z0: Any, z1: Any, f0: Any, f1: Any, close: Any, derivative: Any) -> Any:
    """(f1 - f0) / (z1 - z0), and `derivative`, f' in the middle, where the ends are `close`.

    There a quotient is rounding; a slope of 0 for 0/0 would leave the delta perfect and the attributions wrong.
    """
    width = z1 - z0
    return xp.where(close, derivative, (f1 - f0) / xp.where(close, width * 0.0 + 1.0, width))


def middle(z0: Any, z1: Any) -> Any:
    """Where a product's gradient makes the cell exact: f(x1, y1) - f(x0, y0) for f bilinear."""
    return 0.5 * (z0 + z1)


def pool_share(xp: Any, p0: Any, q0: Any, p1: Any, q1: Any) -> Any:
    """The share of element p in a window whose maximum goes from p (at the cell's start) to q (at its end).

    It is the part of the cell before the two meet; q has the rest. Any share will do where p is q.
    """
    lead, lag = p0 - q0, q1 - p1  # neither is negative
    both = lead + lag
    ahead = both > 0
    return xp.where(ahead, lead / xp.where(ahead, both, both * 0.0 + 1.0), both * 0.0 + 0.5)
