"""The model run unchanged on every row: its outputs, and the ids that its layers receive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.feeds import Route
from ig_tasks.attribution.problem import Problem
from ig_tasks.errors import LayerError

__all__ = ["Watch", "Watched", "watched"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Watch:
    """A model that is run unchanged, and the calls of its layers that are recorded."""

    backend: Backend
    route: Route
    batches: Batches

    def __call__(self, problem: Problem, targets: Array | None = None) -> Watched:
        """Run the model on every row of the problem; `targets` is for one row that stands for all of them."""
        return watched(self.backend, problem, self.route, replace(self.batches), targets)


class Watched(NamedTuple):
    """The model's outputs and the ids that its layers received."""

    output: Array
    """The explained outputs (targets, rows)."""
    fed: dict[str, Array]
    """{feed: the ids that its layer received (rows, ...)}."""
    calm: frozenset[str]
    """The feeds that receive an input unchanged in every row."""


def watched(
    backend: Backend, problem: Problem, route: Route, batches: Batches, targets: Array | None = None
) -> Watched:
    """Run the model on every row of the problem.

    Args:
        targets: the explained columns of all rows (targets, rows), where one row stands for all of them.

    Raises:
        LayerError: if a layer is called differently on some rows than on the first ones.
    """
    outputs: list[Array] = []
    parts: dict[str, list[Array]] = {feed.key: [] for feed in route.feeds}
    changed: set[str] = {feed.key for feed in route.feeds if feed.whole is None}

    def evaluate(part: Rectangle) -> None:
        some = problem.take(slice(part.row, part.row_end))
        output, calls = backend.watch(some)
        columns = some.targets if targets is None or problem.rows > 1 else targets  # one row may stand for all
        outputs.append(
            np.take_along_axis(np.broadcast_to(output.T, (output.shape[1], columns.shape[1])), columns, axis=0)
        )
        by_call = {(fed.layer, fed.call): fed for fed in calls}
        for feed in route.feeds:
            fed = by_call.get((feed.layer, feed.call))
            ids = None if fed is None else fed.of(some)
            if fed is None or ids is None or ids.shape[1:] != feed.shape:
                raise LayerError(
                    f"layers: '{feed.layer}' is called differently on row {part.row} than on the first rows, so that "
                    "cannot tell which call belongs to which input"
                )
            parts[feed.key].append(ids)
            if feed.whole is not None and fed.same != feed.whole:
                changed.add(feed.key)

    batches.run(problem.rows, 1, evaluate)
    fed = {}
    for feed in route.feeds:
        own = problem.endpoints[feed.whole] if feed.whole is not None and feed.key not in changed else None
        fed[feed.key] = np.concatenate(parts[feed.key]) if own is None else own
    return Watched(np.concatenate(outputs, axis=1), fed, frozenset(parts) - changed)
