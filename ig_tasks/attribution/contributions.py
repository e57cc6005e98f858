"""Contributions along paths summed to features: over an embedding's width, and over all layers that embed an id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.feeds import Route
from ig_tasks.attribution.problem import Problem

__all__ = ["by_feature"]

Array = npt.NDArray[Any]


def by_feature(problem: Problem, route: Route, contributions: Mapping[str, Array]) -> npt.NDArray[np.float64]:
    """Contributions of each path as contributions of features.

    Args:
        problem: the rows.
        route: the calls of layers in whose outputs paths run.
        contributions: {path: (nodes, targets, rows, *the shape of the path's points)}, such as gradient x difference.

    Returns:
        (nodes, targets, rows, features): the inputs one after the other, an embedded input with one number per id.
    """
    by_element = {}
    for name, part in contributions.items():
        size = int(np.prod(problem.path_endpoints(name).shape[1:]))
        by_element[name] = part.reshape(*part.shape[:3], size, -1).sum(axis=-1, dtype=np.float64)
    total = np.zeros((*next(iter(by_element.values())).shape[:3], problem.features))
    for name, some in problem.feature_slices().items():
        if name in by_element:
            total[..., some] = by_element[name]
    for feed in route.feeds:
        own = np.flatnonzero(feed.places >= 0)
        np.add.at(np.moveaxis(total, -1, 0), feed.places[own], np.moveaxis(by_element[feed.key], -1, 0)[own])
    return total
