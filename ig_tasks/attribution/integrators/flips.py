"""Where units flip along paths: between which places an operation with kinks passes one, and how far it moves.

Every operation with known kinks says how far it is from them at a place (`Backend.knots`); a change of sign between two
places is a flip between them. The first layer is linear along the path, so that two places tell of all its flips.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.problem import Problem

__all__ = ["Flips", "crossings", "joined", "kinks_and_moves", "kinks_between", "only"]

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_DEEPER = range(1, 1 << 30)  # layers: scales of the first one's values, such as amounts, are not those behind it
_WHOLE = 1 << 14
"""Points of which all distances from kinks are kept."""
_BESIDE = 2.0**-23
"""Beside a kink of the first layer: a sign may jump there, and rounding decides on which side the kink itself is."""
_TWINS = 64
_STILL = 1e-5
"""Share of a row's greatest value: a unit that moves by less stands still."""
_ROUNDING = 16
"""Epsilons of a layer's greatest values up to which a unit is at its kink."""


class Flips(NamedTuple):
    """Where units flip."""

    rows: Rows
    """Positions of rows."""
    places: Array
    """Along their paths; 0 or 1 where a unit starts or ends at its kink."""
    units: Rows

    def inner(self) -> Flips:
        """Those that lie within their paths."""
        return self.take((self.places > 0.0) & (self.places < 1.0))

    def take(self, which: npt.NDArray[np.bool_]) -> Flips:
        """The flips where `which` holds."""
        return Flips(self.rows[which], self.places[which], self.units[which])


def kinks_between(backend: Backend, problem: Problem, batches: Batches, edges: Array) -> Array:
    """Where units of all layers flip between neighbouring `edges` (edges, rows): (rows, kinks), filled with infinity.

    The first layer's are all there; of a deeper one, a unit that flips back between two edges is missed. Raises
    NotFollowed.
    """
    deeper = crossings(backend, problem, edges, _DEEPER, batches, np.arange(problem.rows))
    return _by_row(joined([_first_flips(backend, problem, batches), deeper]), problem.rows)


def _first_flips(backend: Backend, problem: Problem, batches: Batches) -> Flips:
    """Where units of the first layer flip: it is linear all along the path."""
    endpoints = np.repeat([[0.0], [1.0]], problem.rows, axis=1)
    return crossings(backend, problem, endpoints, only(0), batches, np.arange(problem.rows))


def kinks_and_moves(backend: Backend, problem: Problem, batches: Batches, places: Array) -> tuple[Array, Array]:
    """`kinks_between` places (places,), and how units behind the first layer move towards their kinks, or away.

    The share of its way that each unit goes between two neighbouring places, and the mean of all units
    (places - 1, rows); 0 where none moves. Raises NotFollowed.
    """
    flips = _places_beside(_first_flips(backend, problem, batches), problem.rows)
    moves = np.zeros((places.size - 1, problem.rows))
    step = max(1, min(batches.limit, _WHOLE) // places.size)
    for start in range(0, problem.rows, step):
        rows = np.arange(start, min(start + step, problem.rows))
        z = _all_knots(backend, problem.take(rows), np.repeat(places[:, None], rows.size, axis=1), batches)
        flips.append(_crossings_between(z, np.repeat(places[:, None], rows.size, axis=1), rows))
        if z.shape[2]:
            with np.errstate(invalid="ignore", over="ignore"):  # of a row that is not finite nothing is said
                distance = np.abs(np.diff(z, axis=0))
                least = _STILL * np.abs(z).max(axis=(0, 2))[:, None] + np.finfo(z.dtype).tiny
                moves[:, rows] = (distance / (distance.sum(axis=0) + least)).mean(axis=2)
    return _by_row(joined(flips), problem.rows), moves


def _places_beside(flips: Flips, rows: int) -> list[Flips]:
    """Places on either side of flips, of rows that have few; the places themselves of the others."""
    few = np.bincount(flips.rows, minlength=rows)[flips.rows] <= _TWINS
    sides = [flips._replace(places=flips.places + side).take(few) for side in (-_BESIDE, _BESIDE)]
    return [*sides, flips.take(~few)]


def _all_knots(backend: Backend, problem: Problem, edges: Array, batches: Batches) -> npt.NDArray[np.floating[Any]]:
    """Distances from kinks (edges, rows, units) behind the first layer."""
    parts: list[tuple[slice, slice, npt.NDArray[np.floating[Any]]]] = []

    def evaluate(part: Rectangle) -> None:
        nodes, some = slice(part.node, part.node_end), slice(part.row, part.row_end)
        for few, z in backend.knots(problem.take(some), edges[nodes, some], _DEEPER):
            parts.append((nodes, slice(part.row + few.start, part.row + few.stop), z))

    batches.run(problem.rows, len(edges), evaluate)
    knots = np.empty((*edges.shape, parts[0][2].shape[2]), parts[0][2].dtype)
    for nodes, some, z in parts:
        knots[nodes, some] = z
    return knots


def _by_row(flips: Flips, rows: int) -> Array:
    """Places of flips (rows, most of a row), filled with infinity."""
    counts = np.bincount(flips.rows, minlength=rows)
    kinks = np.full((rows, max(1, int(counts.max(initial=0)))), np.inf)
    order = np.argsort(flips.rows, kind="stable")
    within = np.arange(flips.rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
    kinks[flips.rows[order], within] = flips.places[order]
    return kinks


def only(layer: int) -> range:
    """The range that holds this layer alone."""
    return range(layer, layer + 1)


def crossings(backend: Backend, problem: Problem, edges: Array, layers: range, batches: Batches, rows: Rows) -> Flips:
    """Where units of these layers flip between neighbouring edges, one place a flip; `rows` are the problem's names."""
    flips: list[Flips] = []

    def evaluate(part: Rectangle) -> None:
        some = slice(part.row, part.row_end)
        # One edge more than nodes, so that no cell is lost between two parts.
        here = edges[part.node : part.node_end + 1, some]
        for block, z in backend.knots(problem.take(some), here, layers):
            flips.append(_crossings_between(z, here[:, block], rows[some][block]))

    batches.run(len(rows), len(edges) - 1, evaluate)
    return joined(flips)


def _crossings_between(z: npt.NDArray[np.floating[Any]], edges: Array, rows: Rows) -> Flips:
    """Where distances from kinks (edges, rows, units) change their signs between neighbouring edges (edges, rows)."""
    sides = _signs(z)
    cell, row, unit = np.unravel_index(np.flatnonzero(sides[1:] != sides[:-1]), sides[1:].shape)
    z0, z1 = z[cell, row, unit].astype(np.float64), z[cell + 1, row, unit].astype(np.float64)
    left, right = edges[cell, row], edges[cell + 1, row]
    with np.errstate(invalid="ignore", over="ignore"):
        at = left + (right - left) * (z0 / (z0 - z1))
    inside = np.isfinite(at)
    return Flips(rows[row[inside]], np.clip(at, left, right)[inside], unit[inside])


def _signs(z: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int8]:
    """1 above the kink, -1 below, 0 at it: a unit may start there, or stay there for a while.

    What rounding makes of 0 is judged by the greatest of a layer's values at the first and the last of these places.
    """
    size = np.maximum(np.abs(z[0]).max(axis=1, initial=0.0), np.abs(z[-1]).max(axis=1, initial=0.0))
    least = (_ROUNDING * np.finfo(z.dtype).eps * size)[:, None]
    above, below = z > least, z < -least
    return np.asarray(above.view(np.int8) - below.view(np.int8))


def joined(searches: Sequence[Flips]) -> Flips:
    """The flips of several searches, one after the other."""
    return Flips(*(np.concatenate(each) for each in zip(*searches, strict=True)))
