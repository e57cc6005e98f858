"""Piecewise-linear functions of one number, composed: what ReLUs, clips and scalings of one tensor amount to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ig_tasks.attribution.secant_slopes import Pieces

__all__ = ["Bent", "beyond"]

_INFINITE = float("inf")


@dataclass(frozen=True)
class Bent:
    """Continuous, linear between knots: `parts` are (from where, slope, intercept), the first from -inf."""

    parts: tuple[tuple[float, float, float], ...] = ((-_INFINITE, 1.0, 0.0),)

    @property
    def pieces(self) -> Pieces:
        steps = [
            (after[1] - before[1], after[0])
            for before, after in zip(self.parts, self.parts[1:], strict=False)
            if after[1] != before[1]
        ]
        return Pieces(self.parts[0][1], tuple(steps))

    def scaled(self, factor: float) -> Bent:
        return Bent(tuple((start, slope * factor, intercept * factor) for start, slope, intercept in self.parts))

    def shifted(self, by: float) -> Bent:
        return Bent(tuple((start, slope, intercept + by) for start, slope, intercept in self.parts))

    def plus(self, other: Bent) -> Bent:
        starts = sorted({part[0] for part in (*self.parts, *other.parts)})
        both = [(self._part(start), other._part(start)) for start in starts]
        return Bent(tuple((s, a[1] + b[1], a[2] + b[2]) for s, (a, b) in zip(starts, both, strict=True)))

    def chosen(self, other: Bent, choose: Callable[[float, float], float]) -> Bent:
        """The larger or the smaller (`choose` is max or min) of two: cut where they cross."""
        starts = sorted({part[0] for part in (*self.parts, *other.parts)})
        parts: list[tuple[float, float, float]] = []
        for start, end in zip(starts, [*starts[1:], _INFINITE], strict=True):
            one, two = self._part(start), other._part(start)
            cuts = [start]
            if one[1] != two[1]:
                crossing = (two[2] - one[2]) / (one[1] - two[1])
                if start < crossing < end:
                    cuts.append(crossing)
            for low, high in zip(cuts, [*cuts[1:], end], strict=True):
                middle = _between(low, high)
                first = choose(one[1] * middle + one[2], two[1] * middle + two[2]) == one[1] * middle + one[2]
                parts.append((low, *(one if first else two)[1:]))
        return Bent(tuple(parts))

    def after(self, inner: Bent) -> Bent:
        """This function of what `inner` gives: cut where `inner` bends, and where it passes a knot of this one."""
        parts: list[tuple[float, float, float]] = []
        for (low, slope, intercept), end in zip(
            inner.parts, [*(part[0] for part in inner.parts[1:]), _INFINITE], strict=True
        ):
            crossings = [(knot - intercept) / slope for knot, _, _ in self.parts[1:]] if slope else []
            cuts = [low, *sorted(cut for cut in crossings if low < cut < end)]
            for start, stop in zip(cuts, [*cuts[1:], end], strict=True):
                value = slope * _between(start, stop) + intercept
                _, outer_slope, outer_intercept = self._part(value)
                parts.append((start, outer_slope * slope, outer_slope * intercept + outer_intercept))
        return Bent(tuple(parts))

    @classmethod
    def constant(cls, value: float) -> Bent:
        return cls(((-_INFINITE, 0.0, value),))

    def _part(self, place: float) -> tuple[float, float, float]:
        return [part for part in self.parts if part[0] <= place][-1]


def beyond(pieces: Pieces) -> tuple[Callable[[Any], Any], ...]:
    """Functions of z that say how far it is beyond each of the knots."""

    def of(knot: float) -> Callable[[Any], Any]:
        return lambda z: z - knot

    return tuple(of(knot) for knot in pieces.knots)


def _between(low: float, high: float) -> float:
    if low == -_INFINITE:
        return 0.0 if high == _INFINITE else high - 1.0 - abs(high)
    return low + 1.0 + abs(low) if high == _INFINITE else 0.5 * (low + high)
