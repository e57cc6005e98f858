"""Exact integration of piecewise-linear models: the path is cut where units flip, and between the cuts nothing bends.

Along a straight line a piecewise-linear network has finitely many regions (Sotoudeh & Thakur 2019, "Computing Linear
Restrictions of Neural Networks"). The kinks of its first layer are known where its values are at the two ends; with
these as edges the values of the next layer are linear in every cell, so that its kinks are known, and so on. The last
layer needs no edges: where all before it is linear, the secant rule is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.control import Stage
from ig_tasks.attribution.problem import Problem

__all__ = ["EXACT", "Regions", "grouped", "kinks_between", "typical_regions"]

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

EXACT = "exact"


@dataclass(frozen=True)
class Regions:
    """Exact integration over the linear regions of a model with `layers` layers of piecewise-linear operations.

    A row with more than `max_evaluations` regions gets that many cells and is not called converged.
    """

    layers: int
    max_evaluations: int = 4097
    name: ClassVar[str] = EXACT
    levels: ClassVar[int] = 1
    stages: ClassVar[tuple[Stage, ...]] = ()  # every row has cells of its own: see `edges`

    def estimate(self, levels: Sequence[Array], nodes: int) -> Array:  # noqa: ARG002
        return np.zeros(levels[-1].shape[:-1])

    def edges(self, backend: Backend, problem: Problem, batches: Batches) -> tuple[Array, Rows, npt.NDArray[np.bool_]]:
        """Edges (edges, rows), ascending, those beyond a row's own number all 1; cells (rows,); whether all are there.

        Raises NotFollowed.
        """
        edges = np.repeat([[0.0], [1.0]], problem.rows, axis=1)
        counts = np.full(problem.rows, 1, dtype=np.intp)
        whole = np.ones(problem.rows, dtype=bool)
        for layer in range(self.layers - 1):
            found: list[tuple[Rows, Array]] = []
            for rows in grouped(counts + 1, batches.limit):
                height = int(counts[rows].max()) + 1
                found.append(_crossings(backend, problem.take(rows), edges[:height, rows], layer, batches, rows))
            edges, counts = _inserted(edges, counts, found)
            many = counts > self.max_evaluations
            if many.any():
                edges, counts = _thinned(edges, counts, many, self.max_evaluations)
                whole &= ~many
        return edges, counts, whole


def kinks_between(backend: Backend, problem: Problem, batches: Batches, edges: Array, layers: int) -> Array:
    """Where units of all layers flip between neighbouring `edges` (edges, rows): (rows, kinks), filled with infinity.

    The first layer's are all there; of a deeper one a unit that flips back between two edges is missed. Raises
    NotFollowed.
    """
    every = np.arange(problem.rows)
    found = [_crossings(backend, problem, edges, layer, batches, every) for layer in range(layers)]
    rows, places = (np.concatenate(each) for each in zip(*found, strict=True))
    counts = np.bincount(rows, minlength=problem.rows)
    kinks = np.full((problem.rows, max(1, int(counts.max(initial=0)))), np.inf)
    order = np.argsort(rows, kind="stable")
    within = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
    kinks[rows[order], within] = places[order]
    return kinks


def typical_regions(backend: Backend, problem: Problem, batches: Batches) -> float:
    """The median number of regions that the first layer alone makes of a path, over a few rows."""
    few = problem.take(np.unique(np.linspace(0, problem.rows - 1, min(problem.rows, 16)).astype(np.intp)))
    _, counts, _ = Regions(2).edges(backend, few, batches)
    return float(np.median(counts - 1))


def grouped(heights: npt.NDArray[np.intp], limit: int) -> Iterator[Rows]:
    """Positions of rows in groups of like height, of which rows x greatest height is at most `limit` points."""
    order = np.argsort(heights, kind="stable")
    ascending = heights[order]
    start = 0
    while start < order.size:
        # Heights ascend: the greatest of a group is its last.
        points = ascending[start:] * np.arange(1, order.size - start + 1)
        stop = start + max(1, int(np.searchsorted(points, limit, side="right")))
        yield np.sort(order[start:stop])
        start = stop


def _crossings(
    backend: Backend, problem: Problem, edges: Array, layer: int, batches: Batches, rows: Rows
) -> tuple[Rows, Array]:
    """Where units of a layer flip between neighbouring edges: positions of rows, and places, one a flip."""
    where: list[Rows] = []
    places: list[Array] = []

    def evaluate(part: Rectangle) -> None:
        some = slice(part.row, part.row_end)
        # One edge more than nodes, so that no cell is lost between two parts.
        here = edges[part.node : part.node_end + 1, some]
        z = backend.knots(problem.take(some), here, layer)
        above = z >= 0.0
        cell, row, unit = np.nonzero(above[1:] != above[:-1])
        z0, z1 = z[cell, row, unit].astype(np.float64), z[cell + 1, row, unit].astype(np.float64)
        left, right = here[cell, row], here[cell + 1, row]
        with np.errstate(invalid="ignore", over="ignore"):
            at = left + (right - left) * (z0 / (z0 - z1))
        inside = np.isfinite(at)
        where.append(rows[part.row + row[inside]])
        places.append(np.clip(at, left, right)[inside])

    batches.run(len(rows), len(edges) - 1, evaluate)
    return np.concatenate(where), np.concatenate(places)


def _inserted(edges: Array, counts: Rows, found: list[tuple[Rows, Array]]) -> tuple[Array, Rows]:
    """Edges with new ones, ascending again; shorter rows end in ones."""
    rows = np.concatenate([row for row, _ in found])
    places = np.concatenate([place for _, place in found])
    more = np.bincount(rows, minlength=counts.size)
    counts = counts + more
    result = np.ones((int(counts.max()) + 1, counts.size))
    result[: len(edges)] = edges[: len(result)]
    order = np.argsort(rows, kind="stable")
    within = np.arange(rows.size) - np.repeat(np.cumsum(more) - more, more)
    # A row's own edges come first, then its new ones; what was filled with ones beyond is overwritten.
    result[(counts - more + 1)[rows[order]] + within, rows[order]] = places[order]
    return np.sort(result, axis=0), counts


def _thinned(edges: Array, counts: Rows, many: npt.NDArray[np.bool_], most: int) -> tuple[Array, Rows]:
    """At most `most` cells in the rows that have too many."""
    for row in np.flatnonzero(many):
        kept = np.linspace(0, counts[row], most + 1).astype(np.intp)
        own = edges[kept, row]
        edges[:, row] = 1.0
        edges[: own.size, row] = own
    counts = np.where(many, most, counts)
    return edges[: int(counts.max()) + 1], counts
