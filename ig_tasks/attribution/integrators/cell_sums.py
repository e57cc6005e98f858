"""Sums of secant slopes over cells of a chunk's rows, at levels that have edges of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.batches import Rectangle
from ig_tasks.attribution.integrators.chunk import Chunk
from ig_tasks.attribution.integrators.edges import MOST_KINKS, place_edges
from ig_tasks.attribution.integrators.flips import kinks_between
from ig_tasks.attribution.integrators.grading import PLACES, Grading
from ig_tasks.attribution.problem import Places
from ig_tasks.attribution.structure import Segment

__all__ = ["CellSums"]

Array = npt.NDArray[np.float64]


class CellSums:
    """Levels of the secant rule for a chunk, each with edges where the levels before saw kinks and change.

    Args:
        chunk: the rows.
        graded: look at the rows first, and put edges where they change.
        bends: kinks behind the first layer are known: from the second stage on, edges keep to those of every layer.

    Raises:
        NotFollowed: as `Backend.secant` and `Backend.knots` do.
    """

    def __init__(self, chunk: Chunk, *, graded: bool = False, bends: bool = False) -> None:
        self._chunk, self._bends = chunk, bends
        self._edges: Array | None = None  # of the latest level (edges, rows)
        self._grading = Grading.of(chunk.backend, chunk.problem, chunk.batches, bends=bends) if graded else None

    @property
    def uneven(self) -> npt.NDArray[np.bool_] | None:
        """Rows (rows,) of which much changes within little of the path; None where that was not looked at."""
        return None if self._grading is None else self._grading.uneven

    def keep(self, rows: Places) -> None:
        """Give up all rows but these."""
        self._edges = None if self._edges is None else self._edges[:, rows]
        self._grading = None if self._grading is None else self._grading.take(rows)

    def levels(self, counts: tuple[int, ...]) -> list[Array]:
        """Attributions (targets, rows, features) with each of these numbers of cells."""
        chunk = self._chunk
        starts = np.cumsum([0, *counts])
        sums = chunk.empty(len(counts))
        kinks, grading = self._kinks(), self._grading
        finest = self._edges = np.empty((counts[-1] + 1, chunk.problem.rows))

        def evaluate(part: Rectangle) -> None:
            rows = slice(part.row, part.row_end)
            levels, segments = [], []
            for level, cells in enumerate(counts):
                first = max(0, part.node - starts[level])
                last = min(cells, part.node_end - starts[level])
                if first < last:
                    levels.append(level)
                    segments.append(Segment(cells, int(first), int(last)))

            def edges(layer_kinks: npt.NDArray[np.floating[Any]] | None) -> Array:
                known = layer_kinks if kinks is None else kinks[rows]
                # The first layer's own kinks are thinned out, what was found later is not.
                most = MOST_KINKS if known is None or known is layer_kinks else known.shape[1]
                own_grading = None if grading is None else grading.take(rows)
                if own_grading is not None and known is not None:
                    known = own_grading.shares(known.T).T
                places = place_edges(batch.rows, segments, known, most)
                places = places if own_grading is None else own_grading.places(places)
                if levels[-1] == len(counts) - 1:
                    own = segments[-1]
                    finest[own.first : own.last + 1, rows] = places[-own.edges :]
                return places

            batch = chunk.problem.take(rows)
            chunk.secant_sums(batch, rows, edges, segments, [sums[level] for level in levels])

        chunk.batches.run(chunk.problem.rows, int(starts[-1]), evaluate)
        return list(sums)

    def _kinks(self) -> Array | None:
        """Kinks of all layers (rows, kinks), seen between the edges of the level before; None where they are not."""
        chunk = self._chunk
        kinks = [] if self._grading is None or self._grading.kinks is None else [self._grading.kinks]
        enough = bool(kinks) and (self._edges is None or len(self._edges) <= PLACES.size)  # more places were looked at
        if not enough and self._edges is not None and self._bends:
            kinks.append(kinks_between(chunk.backend, chunk.problem, chunk.batches, self._edges))
        return np.concatenate(kinks, axis=1) if kinks else None
