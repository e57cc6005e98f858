"""Rows in which a model sorts, shifts or combines its ids before its layers.

A path belongs to one id. Where the model moves ids to other places, the path of an id would end at another id's vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.feeds import NONE, Refusal
from ig_tasks.attribution.problem import Places, Problem
from ig_tasks.attribution.routing import rearranged
from ig_tasks.attribution.tracing import Numbering
from ig_tasks.attribution.watching import Watch, Watched

__all__ = ["rows_rearranged"]

Array = npt.NDArray[Any]

_FEW, _TRIALS = 256, 4  # up to 256 rows, 4 trials; one trial for more rows
_DRAWN = 5


def rows_rearranged(watch: Watch, problem: Problem, watched_rows: Watched) -> dict[int, Refusal]:
    """{row: reason} for rows whose ids are rearranged on the way to a layer.

    Some ids of a row are kept and the others are changed; what the layers receive for the kept ones must not change.
    """
    numbering = Numbering.of(problem, list(watch.backend.layers))
    ids = numbering.ids(problem)
    if ids.shape[1] < 2 or len(watched_rows.calm) == len(watch.route.feeds):
        return {}
    trial = _Trial.of(watch, problem, watched_rows, numbering, ids)
    refused: dict[int, Refusal] = {}
    draw = np.random.default_rng(_DRAWN)
    for _ in range(0 if not trial.rows.size else _TRIALS if trial.rows.size <= _FEW else 1):
        refused |= trial.refused(draw)
    return refused


@dataclass(frozen=True)
class _Trial:
    """Rows whose ids the model changes before its layers; they are run again with some of their ids replaced."""

    watch: Watch
    problem: Problem
    numbering: Numbering
    given: Array
    """The ids of all rows, as the caller gave them (rows, ids)."""
    fed: Mapping[str, Array]
    numbers: Mapping[str, Places]
    """{feed: for each of its places the index of the given id there, negative for none}; feeds with changes only."""
    rows: Places
    """Rows in which some id is changed in another way than in most rows."""
    moved: npt.NDArray[np.bool_]
    """Which ids of `rows` those are (rows, ids)."""

    @classmethod
    def of(cls, watch: Watch, problem: Problem, watched_rows: Watched, numbering: Numbering, ids: Array) -> _Trial:
        at = {place: number for number, place in enumerate(numbering.places.tolist())}
        moved = np.zeros(ids.shape, dtype=bool)
        numbers: dict[str, Places] = {}
        for feed in watch.route.feeds:
            if feed.key in watched_rows.calm:
                continue
            numbers[feed.key] = np.array([at.get(place, NONE) for place in feed.places.tolist()], dtype=np.intp)
            known = numbers[feed.key] >= 0
            fed = watched_rows.fed[feed.key].reshape(problem.rows, -1)
            change = fed[:, known] - ids[:, numbers[feed.key][known]]
            usual = np.median(change, axis=0).astype(change.dtype)
            for number, differs in zip(numbers[feed.key][known].tolist(), (change != usual).T, strict=True):
                moved[:, number] |= differs
        rows = np.flatnonzero(moved.any(axis=1))
        return cls(watch, problem, numbering, ids, watched_rows.fed, numbers, rows, moved[rows])

    def refused(self, draw: np.random.Generator) -> dict[int, Refusal]:
        """{row: reason} for rows in which an id that was kept reached a layer changed."""
        rows, backend = self.rows, self.watch.backend
        own, others = self.given[rows], np.roll(self.given, 1, axis=0)[rows]
        padding = [0, *backend.padding_ids()]
        kept = _some_of_each(self.moved, draw)
        fixed = kept | np.isin(own, padding) | np.isin(others, padding)
        received = self.watch(self.numbering.given(self.problem.take(rows), np.where(fixed, own, others))).fed
        refused = {}
        for feed in self.watch.route.feeds:
            if feed.key not in self.numbers:
                continue
            number = self.numbers[feed.key]
            from_kept = (number >= 0) & kept[:, np.maximum(number, 0)]
            changed = (self.fed[feed.key][rows] != received[feed.key]).reshape(rows.size, -1) & from_kept
            for row in rows[changed.any(axis=1)].tolist():
                refused[row] = rearranged(feed.layer, row)
        return refused


def _some_of_each(moved: npt.NDArray[np.bool_], draw: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw about half of the places (rows, ids): in each row some of the `moved` ones, but not all of them."""
    order = np.where(moved, draw.random(moved.shape), 2.0)
    rank = np.argsort(np.argsort(order, axis=1), axis=1)
    count = moved.sum(axis=1, keepdims=True)
    most = np.maximum(1, np.minimum(count - 1, 1 + (draw.random(count.shape) * (count - 1)).astype(np.intp)))
    return np.asarray(np.where(moved, rank < most, draw.random(moved.shape) < 0.5))
