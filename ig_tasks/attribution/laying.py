"""Where the paths of embedded inputs start and end: at what the model's own layers give on the row and the baseline.

The model runs as it is on every row, and what its layers are fed with there is where the paths end; its outputs are
kept, and those at the ends of the paths are held against them afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.control import Tolerances
from ig_tasks.attribution.feeds import NONE, Refusal, Route
from ig_tasks.attribution.methods.rows import Rows
from ig_tasks.attribution.problem import Places, Problem
from ig_tasks.attribution.routing import rearranged
from ig_tasks.attribution.starting import vectors_at
from ig_tasks.attribution.tracing import Numbering
from ig_tasks.errors import LayerError

__all__ = ["Laid", "first_ends", "lay"]

Array = npt.NDArray[Any]

_ROUNDINGS, _COMMON_ROUNDINGS = 4096, 64  # machine epsilons: of a row's own output, and of the largest of all rows'
_SHARE = 0.1  # of what a row's completeness may miss
_FEW, _TRIALS = 256, 4  # of a few rows more trials are made
_DRAWN = 5


@dataclass(frozen=True)
class Laid:
    """A problem whose paths have ends, the model's own outputs there, and the rows whose ends are not its own."""

    problem: Problem
    output: Array | None = None  # (targets, rows)
    baseline_output: Array | None = None  # (targets, rows); None where the baseline is not one of ids
    refused: dict[int, Refusal] = field(default_factory=dict)  # {row: why}

    def differing(self, result: Rows, tolerances: Tolerances, epsilon: float) -> dict[int, Refusal]:
        """{row: why} of rows at the ends of whose paths the model gives something else than on the row itself."""
        found: dict[int, Refusal] = {}
        size = np.abs(result.attributions).sum(axis=-1)
        effect = np.maximum(np.abs(result.output - result.baseline_output), 0.1 * size)
        within = np.maximum(_SHARE * tolerances.relative * effect, tolerances.absolute)
        for own, came, where in (
            (self.baseline_output, result.baseline_output, "start"),
            (self.output, result.output, "end"),
        ):
            if own is None:
                continue
            for row, target in zip(*np.nonzero(_apart(own, came, within, epsilon).T), strict=True):
                found.setdefault(int(row), _words(where, int(row), own[target, row], came[target, row]))
        return found


def lay(backend: Backend, problem: Problem, vectors: Mapping[str, Any], route: Route, batches: Batches) -> Laid:
    """The ends of all rows' paths, every row looked at; `vectors` are the baselines of inputs that are not ids."""
    output, fed, calm = _watched(backend, problem, route, batches)
    starts, baseline_output, steady = _started(backend, problem, vectors, route, fed, batches)
    laid = route.laid(problem, fed, starts, backend.layers)
    refused = {**_rearranged(backend, problem, route, fed, batches, calm), **steady}
    return Laid(laid, output, baseline_output, refused)


def first_ends(backend: Backend, row: Problem, route: Route, batches: Batches) -> Problem:
    """One row whose paths have ends, and no starts."""
    return replace(row, fed=_watched(backend, row, route, batches)[1])


def _watched(
    backend: Backend, problem: Problem, route: Route, batches: Batches, targets: Array | None = None
) -> tuple[Array, dict[str, Array], frozenset[str]]:
    """The explained outputs (targets, rows), ids that layers are fed with, and the feeds that take inputs as they are.

    One row may stand for all, which have the `targets`.
    """
    outputs: list[Array] = []
    parts: dict[str, list[Array]] = {feed.key: [] for feed in route.feeds}
    changed: set[str] = {feed.key for feed in route.feeds if feed.whole is None}

    def evaluate(part: Rectangle) -> None:
        some = problem.take(slice(part.row, part.row_end))
        found, calls = backend.watch(some)
        columns = some.targets if targets is None or problem.rows > 1 else targets  # one row may stand for all
        outputs.append(
            np.take_along_axis(np.broadcast_to(found.T, (found.shape[1], columns.shape[1])), columns, axis=0)
        )
        by_call = {(fed.layer, fed.call): fed for fed in calls}
        for feed in route.feeds:
            fed = by_call.get((feed.layer, feed.call))
            ids = None if fed is None else fed.of(some)
            if fed is None or ids is None or ids.shape[1:] != feed.shape:
                raise LayerError(
                    f"layers: '{feed.layer}' is called differently on row {part.row} than on the first rows, so that "
                    "which call belongs to which input cannot be told"
                )
            parts[feed.key].append(ids)
            if feed.whole is not None and fed.same != feed.whole:
                changed.add(feed.key)

    batches.run(problem.rows, 1, evaluate)
    fed = {}
    for feed in route.feeds:
        own = problem.ends[feed.whole] if feed.whole is not None and feed.key not in changed else None
        fed[feed.key] = np.concatenate(parts[feed.key]) if own is None else own
    return np.concatenate(outputs, axis=1), fed, frozenset(parts) - changed


def _started(
    backend: Backend,
    problem: Problem,
    vectors: Mapping[str, Any],
    route: Route,
    fed: Mapping[str, Array],
    batches: Batches,
) -> tuple[dict[str, Array], Array | None, dict[int, Refusal]]:
    """Where paths start: ids where the baseline is one of ids, else vectors; and the model's outputs there."""
    varies = any(isinstance(value, np.ndarray) for value in problem.fixed.values())
    rows = 1 if problem.shared and not varies else problem.rows
    found: dict[str, Array] = {}
    outputs = None
    if any(name in problem.starts for name in backend.layers):
        at_start = _at(problem, rows)
        outputs, found, _ = _watched(backend, at_start, route, replace(batches), problem.targets)
    if vectors:
        return vectors_at(backend, problem, route, vectors, fed, found), None, {}
    return found, outputs, _following(route, problem, fed, found)


def _following(
    route: Route, problem: Problem, fed: Mapping[str, Array], starts: Mapping[str, Array]
) -> dict[int, Refusal]:
    """Rows of which a layer's ids differ from the baseline's at a place that none of the ids given has."""
    refused = {}
    for feed in route.feeds:
        loose = feed.places == NONE
        if loose.any():
            own = fed[feed.key].reshape(problem.rows, -1)
            start = starts[feed.key].reshape(len(starts[feed.key]), -1)
            for row in np.flatnonzero((own != start)[:, loose].any(axis=1)).tolist():
                refused[row] = rearranged(feed.layer, row)
    return refused


def _rearranged(
    backend: Backend,
    problem: Problem,
    route: Route,
    fed: Mapping[str, Array],
    batches: Batches,
    calm: frozenset[str],
) -> dict[int, Refusal]:
    """Rows whose ids are changed on the way, and not each for itself: {row: why}.

    Some of a row's ids are kept, the others changed: what is made of those that are kept must stay.
    """
    numbering = Numbering.of(problem, list(backend.layers))
    given = numbering.ids(problem)
    if given.shape[1] < 2 or len(calm) == len(route.feeds):
        return {}
    at = {place: number for number, place in enumerate(numbering.places.tolist())}
    moved = np.zeros(given.shape, dtype=bool)
    numbers: dict[str, Places] = {}
    for feed in route.feeds:
        if feed.key in calm:
            continue
        numbers[feed.key] = np.array([at.get(place, NONE) for place in feed.places.tolist()], dtype=np.intp)
        known = numbers[feed.key] >= 0
        change = fed[feed.key].reshape(problem.rows, -1)[:, known] - given[:, numbers[feed.key][known]]
        usual = np.median(change, axis=0).astype(change.dtype)
        for number, differs in zip(numbers[feed.key][known].tolist(), (change != usual).T, strict=True):
            moved[:, number] |= differs
    rows = np.flatnonzero(moved.any(axis=1))
    refused: dict[int, Refusal] = {}
    draw = np.random.default_rng(_DRAWN)
    for _ in range(0 if not rows.size else _TRIALS if rows.size <= _FEW else 1):
        refused |= _tried(backend, problem, route, numbering, fed, batches, numbers, rows, moved[rows], draw)
    return refused


def _tried(
    backend: Backend,
    problem: Problem,
    route: Route,
    numbering: Numbering,
    fed: Mapping[str, Array],
    batches: Batches,
    numbers: Mapping[str, Places],
    rows: Places,
    moved: npt.NDArray[np.bool_],
    draw: np.random.Generator,
) -> dict[int, Refusal]:
    given = numbering.ids(problem)
    own, others = given[rows], np.roll(given, 1, axis=0)[rows]
    padding = [0, *backend.padding_ids()]
    kept = _some_of_each(moved, draw)
    fixed = kept | np.isin(own, padding) | np.isin(others, padding)
    mine = problem.take(rows)
    _, found, _ = _watched(backend, numbering.given(mine, np.where(fixed, own, others)), route, replace(batches))
    refused = {}
    for feed in route.feeds:
        if feed.key not in numbers:
            continue
        number = numbers[feed.key]
        held = (number >= 0) & kept[:, np.maximum(number, 0)]
        changed = (fed[feed.key][rows] != found[feed.key]).reshape(rows.size, -1) & held
        for row in rows[changed.any(axis=1)].tolist():
            refused[row] = rearranged(feed.layer, row)
    return refused


def _some_of_each(moved: npt.NDArray[np.bool_], draw: np.random.Generator) -> npt.NDArray[np.bool_]:
    """About half of the places (rows, ids), and of those that are `moved` in a row some, but not all."""
    order = np.where(moved, draw.random(moved.shape), 2.0)
    rank = np.argsort(np.argsort(order, axis=1), axis=1)
    count = moved.sum(axis=1, keepdims=True)
    most = np.maximum(1, np.minimum(count - 1, 1 + (draw.random(count.shape) * (count - 1)).astype(np.intp)))
    return np.asarray(np.where(moved, rank < most, draw.random(moved.shape) < 0.5))


def _at(problem: Problem, rows: int) -> Problem:
    """The problem whose rows are the baselines, where there are such; one row where all rows share theirs."""
    few = problem.take(slice(0, rows))
    ends = {
        name: np.array(np.broadcast_to(few.starts[name], end.shape)) if name in few.starts else end
        for name, end in few.ends.items()
    }
    return replace(few, ends=ends)


def _apart(own: Array, came: Array, within: Array, epsilon: float) -> npt.NDArray[np.bool_]:
    """Where two outputs (targets, rows) of the model differ by more than rounding."""
    with np.errstate(invalid="ignore"):
        largest = np.max(np.abs(own), initial=0.0, where=np.isfinite(own))
        rounding = epsilon * np.maximum(_ROUNDINGS * np.maximum(np.abs(own), np.abs(came)), _COMMON_ROUNDINGS * largest)
        near = np.abs(own - came) <= np.maximum(np.nan_to_num(within), rounding)
    both = ~np.isfinite(own) & ~np.isfinite(came)
    return np.asarray(~(near | both | np.isnan(came)))


def _words(where: str, row: int, own: float, came: float) -> Refusal:
    if where == "end":
        return Refusal(
            "the output at the end of the path is not the model's own",
            f"layers: of row {row} the path ends at an output of {came:.6g}, and the model's own is {own:.6g}; the "
            "layers that are named do not give the same vectors to the same ids in every call",
        )
    return Refusal(
        "the output at the start of the path is not the model's own at the baseline",
        f"baseline: of row {row} the path starts at an output of {came:.6g}, and the model gives {own:.6g} on the "
        "baseline's ids; the model reads the ids elsewhere, too (a mask made of them, one-hot, a table that is no "
        "layer): let the path run there, or give the baseline as vectors",
    )
