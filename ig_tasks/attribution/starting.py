"""The vectors at which paths of embedded inputs start, for baselines that are vectors or means over ids."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.feeds import Feed, Route
from ig_tasks.attribution.mixture import Mixture
from ig_tasks.attribution.problem import Problem
from ig_tasks.errors import BaselineError, LayerError

__all__ = ["vectors_at"]

Array = npt.NDArray[Any]


def vectors_at(
    backend: Backend,
    problem: Problem,
    route: Route,
    baselines: Mapping[str, Any],
    fed: Mapping[str, Array],
    starts: Mapping[str, Array],
) -> dict[str, Array]:
    """{path: ids or vectors (1 or rows, ...) at its start}.

    Args:
        baselines: {input: vectors, {layer: vectors}, a number, or a Mixture}.
        fed: {path: the ids of the rows}.
        starts: {path: the ids at the baseline}, where the baseline of other inputs consists of ids.
    """
    starts_found = dict(starts)
    spans = _spans(problem)
    inputs = {feed.key: _inputs_of(feed, spans) for feed in route.feeds}
    mixed = _mixed(backend, problem, route, baselines, inputs)
    for feed in route.feeds:
        given_inputs = [name for name in inputs[feed.key] if name in baselines]
        if not given_inputs:
            starts_found.setdefault(feed.key, fed[feed.key])
            continue
        other_places = [
            place for place in feed.places.tolist() if not any(spans[n][0] <= place < spans[n][1] for n in given_inputs)
        ]
        parts = {
            name: mixed[name][feed.key]
            if name in mixed
            else _vectors(backend, problem, feed, name, baselines[name], spans[name])
            for name in given_inputs
        }
        rows = max(len(part) for part in parts.values())
        if other_places:  # ids that the layer receives from other inputs, or from none
            ids = starts.get(feed.key, fed[feed.key])
            rows = max(rows, len(ids))
            own = backend.embed(feed.layer, ids)
        else:
            own = np.zeros((1, *next(iter(parts.values())).shape[1:]))
        flat = np.array(np.broadcast_to(own, (rows, *own.shape[1:]))).reshape(rows, feed.places.size, -1)
        for name, part in parts.items():
            first, last = spans[name]
            here = np.flatnonzero((feed.places >= first) & (feed.places < last))
            flat[:, here] = part.reshape(len(part), feed.places.size, -1)[:, here]
        starts_found[feed.key] = flat.reshape(rows, *own.shape[1:])
    return starts_found


def _spans(problem: Problem) -> dict[str, tuple[int, int]]:
    """{input: the first of its places among a row's features, and the one behind the last}."""
    first, spans = 0, {}
    for name, end in problem.endpoints.items():
        size = math.prod(end.shape[1:])
        spans[name] = (first, first + size)
        first += size
    return spans


def _inputs_of(feed: Feed, spans: Mapping[str, tuple[int, int]]) -> list[str]:
    """The inputs that a feed's ids come from, found without a look at every input: there may be thousands."""
    names, firsts = list(spans), [first for first, _ in spans.values()]
    own = np.unique(feed.places[feed.places >= 0])
    return [names[k] for k in np.unique(np.searchsorted(firsts, own, side="right") - 1).tolist()]


def _vectors(backend: Backend, problem: Problem, feed: Feed, name: str, values: Any, span: tuple[int, int]) -> Array:
    """The vectors (1 or rows, *shape of the feed, ...) that are given for an input."""
    if isinstance(values, Mapping):
        if feed.layer not in values:
            raise BaselineError(f"baseline['{name}']: it has no vectors for layer '{feed.layer}'")
        values = values[feed.layer]
    vectors = np.asarray(values, dtype=np.float64)
    own = backend.embed(feed.layer, np.zeros((1, *feed.shape), dtype=np.int64)).shape[1 + len(feed.shape) :]
    if vectors.ndim == 0:
        return np.full((1, *feed.shape, *own), float(vectors))
    shape = problem.endpoints[name].shape[1:]
    if vectors.shape == (*shape, *own):
        vectors = vectors[None]
    if vectors.shape[1:] != (*shape, *own) or len(vectors) not in (1, problem.rows):
        raise BaselineError(
            f"baseline: that of input '{name}' has shape {vectors.shape}; give one row's {(*shape, *own)} (shared) or "
            f"one per row, {(problem.rows, *shape, *own)}, in the output of layer '{feed.layer}'"
        )
    first, last = span
    flat = vectors.reshape(len(vectors), -1, *own)
    inside = (feed.places >= first) & (feed.places < last)
    placed = flat[:, np.where(inside, feed.places - first, 0)]
    return placed.reshape(len(vectors), *feed.shape, *own)


def _mixed(
    backend: Backend,
    problem: Problem,
    route: Route,
    baselines: Mapping[str, Any],
    inputs: Mapping[str, Collection[str]],
) -> dict[str, dict[str, Array]]:
    """{input: {path: (1 or rows, ...) means of the vectors that the model gives to a Mixture's ids}}."""
    mixtures = {name: each for name, each in baselines.items() if isinstance(each, Mixture)}
    means: dict[str, dict[str, Array]] = {name: {} for name in mixtures}
    spans = _spans(problem)
    feeds: dict[str, list[Feed]] = {}
    for feed in route.feeds:
        for name in inputs[feed.key]:
            feeds.setdefault(name, []).append(feed)
    for name, mixture in mixtures.items():
        if mixture.row_shape != problem.endpoints[name].shape[1:]:
            raise BaselineError(
                f"baseline: that of input '{name}' is of ids {mixture.row_shape}, its rows are of "
                f"{problem.endpoints[name].shape[1:]}"
            )
        groups, count = mixture.ids.shape[:2]
        ids = mixture.ids.reshape(groups * count, *mixture.row_shape)
        first, last = spans[name]
        feeds_of_input = feeds.get(name, [])
        fed = {feed.key: ids for feed in feeds_of_input if feed.whole == name}
        if len(fed) < len(feeds_of_input):
            fed |= _fed_with(backend, problem, name, ids, [feed for feed in feeds_of_input if feed.whole != name])
        weights = mixture.weights.reshape(groups, count, -1)
        for feed in feeds_of_input:
            vectors = backend.embed(feed.layer, fed[feed.key])
            flat = vectors.reshape(groups, count, feed.places.size, -1)
            inside = (feed.places >= first) & (feed.places < last)
            share = np.where(inside, weights[:, :, np.where(inside, feed.places - first, 0)], 0.0)
            mean = np.einsum("gkp,gkpw->gpw", share, flat).reshape(groups, *vectors.shape[1:])
            means[name][feed.key] = mean if mixture.group is None else mean[mixture.group]
    return means


def _fed_with(backend: Backend, problem: Problem, name: str, ids: Array, feeds: list[Feed]) -> dict[str, Array]:
    """{feed: the ids that its layer receives} when an input has these ids and all else is the first row's."""
    first = problem.take(np.zeros(len(ids), dtype=np.intp))
    batch = replace(first, endpoints={**first.endpoints, name: ids})
    calls = {(fed.layer, fed.call): fed for fed in backend.watch(batch)[1]}
    fed_ids = {}
    for feed in feeds:
        own = calls[feed.layer, feed.call].of(batch)
        if own is None:
            raise LayerError(f"layers: '{feed.layer}' is called differently on the baseline's ids than on the rows")
        fed_ids[feed.key] = own
    return fed_ids
