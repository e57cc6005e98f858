"""Where the paths of embedded inputs start and end: at the vectors that the model itself takes from its layers.

The model runs unchanged on every row. The ids that its layers receive there are where the paths end. Its outputs are
kept, and the outputs at the ends of the paths are compared with them afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches
from ig_tasks.attribution.feeds import NONE, Refusal, Route
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.rearranging import rows_rearranged
from ig_tasks.attribution.routing import rearranged
from ig_tasks.attribution.rows import Rows
from ig_tasks.attribution.starting import vectors_at
from ig_tasks.attribution.tolerances import Tolerances
from ig_tasks.attribution.watching import Watch, watched

__all__ = ["PathEndpoints", "find_endpoints", "first_endpoints"]

Array = npt.NDArray[Any]

_ROUNDINGS, _COMMON_ROUNDINGS = (
    4096,
    64,
)  # machine epsilons, of a row's own output and of the largest one
_SHARE = 0.1  # the share of a row's completeness tolerance that its ends may use up


@dataclass(frozen=True)
class PathEndpoints:
    """A problem whose paths have ends, the model's own outputs there, and the rows with ends that differ from them."""

    problem: Problem
    output: Array | None = None  # (targets, rows)
    baseline_output: Array | None = None  # (targets, rows); None where the baseline does not consist of ids
    refused: dict[int, Refusal] = field(default_factory=dict)  # {row: why}

    def differing(self, result: Rows, tolerances: Tolerances, epsilon: float) -> dict[int, Refusal]:
        """{row: reason} for rows whose path ends at another output than the model gives on the row itself."""
        refusals: dict[int, Refusal] = {}
        if self.output is None and self.baseline_output is None:
            return refusals
        effect = np.maximum(np.abs(result.output - result.baseline_output), 0.1 * result.sizes())
        within = np.maximum(_SHARE * tolerances.relative * effect, tolerances.absolute)
        for own, at_path, where in (
            (self.baseline_output, result.baseline_output, "start"),
            (self.output, result.output, "end"),
        ):
            if own is None:
                continue
            for row, target in zip(*np.nonzero(_differs(own, at_path, within, epsilon).T), strict=True):
                refusals.setdefault(int(row), _refusal(where, int(row), own[target, row], at_path[target, row]))
        return refusals


def find_endpoints(
    backend: Backend, problem: Problem, vectors: Mapping[str, Any], route: Route, batches: Batches
) -> PathEndpoints:
    """Find the ends of all rows' paths; every row is checked.

    Args:
        vectors: the baselines, by input, that do not consist of ids.
    """
    watched_rows = watched(backend, problem, route, batches)
    watch = Watch(backend, route, batches)
    starts, baseline_output, steady = _path_starts(watch, problem, vectors, watched_rows.fed)
    with_endpoints = route.with_paths(problem, watched_rows.fed, starts, backend.layers)
    refused = {**rows_rearranged(watch, problem, watched_rows), **steady}
    return PathEndpoints(with_endpoints, watched_rows.output, baseline_output, refused)


def first_endpoints(backend: Backend, row: Problem, route: Route, batches: Batches) -> Problem:
    """The row with the ends of its paths; the starts are not set."""
    return replace(row, fed=watched(backend, row, route, batches).fed)


def _path_starts(
    watch: Watch, problem: Problem, vectors: Mapping[str, Any], fed: Mapping[str, Array]
) -> tuple[dict[str, Array], Array | None, dict[int, Refusal]]:
    """The starts of the paths, the model's outputs there, and the rows refused because of them.

    A start is an array of ids where the baseline consists of ids, otherwise of vectors.
    """
    varies = any(isinstance(value, np.ndarray) for value in problem.fixed.values())
    rows = 1 if problem.shared and not varies else problem.rows
    starts: dict[str, Array] = {}
    outputs = None
    if any(name in problem.starts for name in watch.backend.layers):
        outputs, starts, _ = watch(_first_rows(problem, rows), problem.targets)
    if vectors:
        return vectors_at(watch.backend, problem, watch.route, vectors, fed, starts), None, {}
    return starts, outputs, _following(watch.route, problem, fed, starts)


def _following(
    route: Route, problem: Problem, fed: Mapping[str, Array], starts: Mapping[str, Array]
) -> dict[int, Refusal]:
    """{row: reason} for rows in which an id that comes from no input differs from the one at the baseline."""
    refused = {}
    for feed in route.feeds:
        loose = feed.places == NONE
        if loose.any():
            own = fed[feed.key].reshape(problem.rows, -1)
            start = starts[feed.key].reshape(len(starts[feed.key]), -1)
            for row in np.flatnonzero((own != start)[:, loose].any(axis=1)).tolist():
                refused[row] = rearranged(feed.layer, row)
    return refused


def _first_rows(problem: Problem, rows: int) -> Problem:
    """The problem with the baselines, where they are ids, in place of the rows; one row where all rows share them."""
    few = problem.take(slice(0, rows))
    endpoints = {
        name: np.array(np.broadcast_to(few.starts[name], end.shape)) if name in few.starts else end
        for name, end in few.endpoints.items()
    }
    return replace(few, endpoints=endpoints)


def _differs(own: Array, at_path: Array, within: Array, epsilon: float) -> npt.NDArray[np.bool_]:
    """Which outputs (targets, rows) of the model differ by more than rounding."""
    with np.errstate(invalid="ignore"):
        largest = np.max(np.abs(own), initial=0.0, where=np.isfinite(own))
        rounding = epsilon * np.maximum(
            _ROUNDINGS * np.maximum(np.abs(own), np.abs(at_path)), _COMMON_ROUNDINGS * largest
        )
        near = np.abs(own - at_path) <= np.maximum(np.nan_to_num(within), rounding)
    both = ~np.isfinite(own) & ~np.isfinite(at_path)
    return np.asarray(~(near | both | np.isnan(at_path)))


def _refusal(where: str, row: int, own: float, at_path: float) -> Refusal:
    if where == "end":
        return Refusal(
            "the output at the end of the path is not the model's own",
            f"layers: of row {row} the path ends at an output of {at_path:.6g}, and the model's own is {own:.6g}; the "
            "layers that are named do not give the same vectors to the same ids in every call",
        )
    return Refusal(
        "the output at the start of the path is not the model's own at the baseline",
        f"baseline: of row {row} the path starts at an output of {at_path:.6g}, and the model gives {own:.6g} on the "
        "baseline's ids; the model reads the ids elsewhere, too (a mask made of them, one-hot, a table that is no "
        "layer): let the path run there, or give the baseline as vectors",
    )
