"""k-means centres of a sample of rows, with numbers and categories on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.baselines.input_layouts import InputLayout

__all__ = ["cluster", "coordinates"]

_TRIES = 4
_ROUNDS = 100
_CATEGORIES = 256
"""Categories told apart in distances; rarer ones count as one another's."""

Floats = NDArray[np.float64]


def cluster(points: Floats, k: int, seed: int) -> NDArray[np.int64]:
    """The cluster (rows,) of each of `points` (rows, axes), 0..k-1 by decreasing size; every cluster has rows.

    Lloyd's algorithm from k-means++ seeds (Arthur & Vassilvitskii 2007), the best of a few tries. The same points in
    the same order and the same seed give the same clusters. Fewer than k distinct points are a cluster each.
    """
    k = min(k, len(np.unique(points, axis=0)))
    draw = np.random.default_rng(seed)
    best: tuple[float, NDArray[np.int64]] | None = None
    for _ in range(_TRIES):
        owner, spread = _lloyd(points, _seeds(points, k, draw))
        if best is None or spread < best[0]:
            best = spread, owner
    owner = best[1] if best is not None else np.zeros(len(points), np.int64)
    sizes = np.bincount(owner, minlength=k)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(k, np.int64)
    rank[order] = np.arange(k)
    return np.asarray(rank[owner])


def coordinates(layouts: Mapping[str, InputLayout], arrays: Mapping[str, NDArray[Any]]) -> Floats:
    """(rows, axes) in which rows are compared: every feature has about the same weight.

    A number in units of its standard deviation; two different categories are 1 apart; a list of ids by the share of
    each; an array by its elements' deviation, all of it together as one feature.
    """
    parts: list[Floats] = []
    for name, layout in layouts.items():
        values = np.asarray(arrays[name])
        flat = values.reshape(len(values), -1)
        if layout.role == "columns":
            spread = flat.std(axis=0, dtype=np.float64)
            parts.append(flat / np.where(spread > 0, spread, 1.0))
        elif layout.role == "ids":
            parts += [_one_hot(flat[:, place]) / np.sqrt(2.0) for place in range(flat.shape[1])]
        elif layout.role == "sequence":
            parts.append(_shares(flat, layout))
        else:
            spread = flat.std(dtype=np.float64)
            parts.append(flat / (spread * np.sqrt(flat.shape[1]) if spread > 0 else 1.0))
    return np.concatenate([np.asarray(part, np.float64) for part in parts], axis=1)


def _one_hot(ids: NDArray[Any]) -> Floats:
    distinct, counts = np.unique(ids, return_counts=True)
    common = np.sort(distinct[np.argsort(-counts, kind="stable")[:_CATEGORIES]])
    return np.asarray(ids[:, None] == common, np.float64)


def _shares(ids: NDArray[Any], layout: InputLayout) -> Floats:
    is_counted = ~np.isin(ids, list(layout.kept))
    distinct, counts = np.unique(ids[is_counted], return_counts=True)
    common = np.sort(distinct[np.argsort(-counts, kind="stable")[:_CATEGORIES]])
    total = np.maximum(is_counted.sum(axis=1), 1)
    return np.stack([((ids == number) & is_counted).sum(axis=1) / total for number in common] or [0.0 * total], axis=1)


def _seeds(points: Floats, k: int, draw: np.random.Generator) -> Floats:
    """k of the points, each drawn with a chance proportional to its squared distance from those before."""
    chosen = [points[draw.integers(len(points))]]
    distance = ((points - chosen[0]) ** 2).sum(axis=1)
    while len(chosen) < k:
        at = np.searchsorted(np.cumsum(distance), draw.random() * distance.sum(), side="right")
        chosen.append(points[min(int(at), len(points) - 1)])
        distance = np.minimum(distance, ((points - chosen[-1]) ** 2).sum(axis=1))
    return np.stack(chosen)


def _lloyd(points: Floats, centres: Floats) -> tuple[NDArray[np.int64], float]:
    """The clusters (rows,), and the mean squared distance to the centres, which no step increases."""
    squares = (points**2).sum(axis=1)
    owner = np.full(len(points), -1)
    for _ in range(_ROUNDS):
        distances = squares[:, None] - 2.0 * points @ centres.T + (centres**2).sum(axis=1)
        nearest = distances.argmin(axis=1)
        # A centre that lost all its rows takes the row that is farthest from its own.
        for empty in np.flatnonzero(np.bincount(nearest, minlength=len(centres)) == 0):
            shared = np.bincount(nearest, minlength=len(centres))[nearest] > 1
            far = np.where(shared, distances[np.arange(len(points)), nearest], -np.inf).argmax()
            nearest[far] = empty
        if np.array_equal(nearest, owner):
            break
        owner = nearest
        centres = np.stack([points[owner == cluster].mean(axis=0) for cluster in range(len(centres))])
    return owner, float(((points - centres[owner]) ** 2).sum(axis=1).mean())
