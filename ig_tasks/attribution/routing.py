"""Finds, on a few rows, the calls of embedding layers in which a path has to run; refuses a path with a gap."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.feeds import NONE, Fed, Feed, Refusal, Route, Tables
from ig_tasks.attribution.problem import Places, Problem
from ig_tasks.attribution.tracing import MIXED, Answers, Numbering, sources
from ig_tasks.errors import LayerError

__all__ = ["calls_of", "find_route", "rearranged"]

_LOOKED_AT = 8  # rows on which the calls are found
_TRACED = 3  # rows that are traced, each with many changes

Call = tuple[str, int]


def find_route(backend: Backend, problem: Problem, tables: Mapping[str, Tables], *, every: bool = True) -> Route:
    """Find the calls of the layers named in `tables`, and the input ids that each receives.

    Args:
        every: whether ids that are rearranged in a single row are an error. Otherwise such rows are left to the check
            of every row, as long as there are others.

    Raises:
        LayerError: if a named layer does not embed its input, if a layer that is not named embeds it, or if ids have no
            place of their own where they are embedded.
    """
    calls, places_of, inputs = calls_of(backend, problem, tables, every=every)
    named = {layer for each in tables.values() for layer in each.names}
    _require_whole(places_of, tables, named, inputs, calls)
    feeds = [
        _feed(fed, places_of[fed.layer, fed.call], problem)
        for fed in calls
        if fed.layer in named and (fed.layer, fed.call) in places_of
    ]
    _require_named(feeds, tables, inputs)
    return Route(tuple(feeds))


def calls_of(
    backend: Backend, problem: Problem, tables: Mapping[str, Tables], *, every: bool = True
) -> tuple[list[Fed], dict[Call, Places], dict[int, tuple[str, int]]]:
    """Find the calls of embedding layers on a few rows.

    Returns:
        The calls; {(layer, call): places of its ids} for those that follow ids of the inputs in `tables`; and {place:
        (input, column)}.
    """
    rows = np.unique(np.linspace(0, problem.rows - 1, min(_LOOKED_AT, problem.rows)).astype(np.intp))
    few = problem.take(rows)
    calls = backend.watch(few)[1]
    _require_run(calls, tables)
    named = {layer for each in tables.values() for layer in each.names}
    numbering = Numbering.of(problem, list(tables))
    blocks = numbering.blocks(problem)
    places_of = {(fed.layer, fed.call): blocks[fed.same] for fed in calls if fed.same in tables and fed.same}
    unknown = [
        fed for fed in calls if (fed.layer, fed.call) not in places_of and _may_follow(fed, few, fed.layer in named)
    ]
    if unknown:
        traced = few.take(np.unique(np.linspace(0, few.rows - 1, min(_TRACED, few.rows)).astype(np.intp)))
        declared, pool = backend.padding_ids(), _ids_in_rows(problem, numbering)

        def answers(kept: Collection[int]) -> Answers:
            return sources(backend, traced, pool, numbering, kept, every=every)

        gentle, rough = answers({0, *declared}), answers(())
        # A layer that is not named may depend on where padding is, as layers of positions do.
        firm = answers(declared) if declared and any(fed.layer not in named for fed in unknown) else rough
        for fed in unknown:
            call, is_named = (fed.layer, fed.call), fed.layer in named
            places = _merged(gentle.get(call), (rough if is_named else firm).get(call), named=is_named)
            if places is not None:
                places_of[call] = places
    return calls, places_of, _inputs_of(problem, tables)


def rearranged(layer: str, row: int | None = None) -> Refusal:
    """The refusal for ids that a layer receives from several places."""
    where = "" if row is None else f" of row {row}"
    return Refusal(
        f"the model rearranges or combines the ids of layer '{layer}'",
        f"layers: '{layer}' is fed with ids{where} that the model rearranges or combines (sorted, shifted by others, "
        "hashed), so that none of the given ids has a vector of its own; do that before the model",
    )


def _may_follow(fed: Fed, few: Problem, named: bool) -> bool:
    """Whether the ids that a layer receives may depend on the rows' ids."""
    if fed.same is not None:
        return False
    ids = fed.of(few)
    if ids is None:
        return named and fed.ids is None
    return named or few.rows == 1 or bool((ids != ids[:1]).any())


def _ids_in_rows(problem: Problem, numbering: Numbering) -> Places:
    """The ids (rows, ids) at each place, in the rows and the baselines."""
    ids = numbering.ids(problem)
    starts = [problem.starts.get(name) for name in numbering.names]
    if not all(isinstance(start, np.ndarray) and start.dtype.kind in "iu" for start in starts):
        return ids
    flat = [np.asarray(start).reshape(len(np.asarray(start)), -1) for start in starts]
    rows = max(len(each) for each in flat)
    return np.concatenate([ids, np.hstack([np.broadcast_to(each, (rows, each.shape[1])) for each in flat])])


def _merged(gentle: Places | None, rough: Places | None, *, named: bool) -> Places | None:
    """The places of a call; None for a call that depends on no input id, except perhaps on padding."""
    if gentle is None:
        places = rough
    elif rough is None:
        places = gentle
    else:
        places = np.where(gentle == NONE, rough, gentle)
    if places is None or (places == NONE).all():
        return None
    followed = gentle is not None and (gentle != NONE).any()
    return places if named or followed or (places != MIXED).all() else None


def _inputs_of(problem: Problem, tables: Mapping[str, Tables]) -> dict[int, tuple[str, int]]:
    """{place among a row's features: (input, column)} for embedded inputs."""
    inputs: dict[int, tuple[str, int]] = {}
    first = 0
    for name, end in problem.endpoints.items():
        size, width = int(np.prod(end.shape[1:])), end.shape[-1] if end.ndim > 1 else 1
        if name in tables:
            inputs |= {first + place: (name, place % width) for place in range(size)}
        first += size
    return inputs


def _require_run(calls: Sequence[Fed], tables: Mapping[str, Tables]) -> None:
    """Raise LayerError for a named layer that is not called."""
    ran = {fed.layer for fed in calls}
    for name, table in tables.items():
        for layer in table.names:
            if layer not in ran:
                raise LayerError(
                    f"layers: '{layer}' did not run on input '{name}' when the model was called; "
                    "name the layer that embeds it"
                )


def _require_whole(
    places_of: Mapping[Call, Places],
    tables: Mapping[str, Tables],
    named: set[str],
    inputs: Mapping[int, tuple[str, int]],
    calls: Sequence[Fed],
) -> None:
    """Raise LayerError if a layer that is not named for an input embeds it as well."""
    for (layer, _), places in places_of.items():
        if layer in named and (places == MIXED).any():
            raise LayerError(rearranged(layer).words)
        for name in _names(places, inputs) if (places != MIXED).any() else list(tables):
            if layer in tables[name].names:
                continue
            every = [
                fed.layer
                for fed in calls
                if (own := places_of.get((fed.layer, fed.call))) is not None and name in _names(own, inputs)
            ]
            every = list(dict.fromkeys([*every, *tables[name].names, layer]))
            raise LayerError(
                f"layers: input '{name}' is embedded by {' and '.join(map(repr, every))}, and a path in "
                f"{tables[name]} alone leaves the rest where the row is; name them all: layers={{'{name}': {every!r}}}"
            )


def _names(places: Places, inputs: Mapping[int, tuple[str, int]]) -> list[str]:
    return list(dict.fromkeys(inputs[place][0] for place in np.unique(places).tolist() if place >= 0))


def _feed(fed: Fed, places: Places, problem: Problem) -> Feed:
    ids = fed.ids if fed.same is None else problem.endpoints[fed.same]
    if ids is None or len(places) != int(np.prod(ids.shape[1:])):
        raise LayerError(
            f"layers: '{fed.layer}' runs inside a loop of the model's graph, or on ids that are not one row each, so "
            "that no path can run in its output"
        )
    key = fed.layer if fed.call == 0 else f"{fed.layer} ({fed.call + 1})"
    return Feed(f"layer {key}", fed.layer, fed.call, places, ids.shape[1:], fed.same)


def _require_named(
    feeds: Iterable[Feed],
    tables: Mapping[str, Tables],
    inputs: Mapping[int, tuple[str, int]],
) -> None:
    """Raise LayerError if a layer is named for an input or a column that it does not embed."""
    by_layer: dict[str, set[tuple[str, int]]] = {}
    for feed in feeds:
        by_layer.setdefault(feed.layer, set()).update(inputs[p] for p in np.unique(feed.places).tolist() if p >= 0)
    for name, table in tables.items():
        for layer in table.names:
            embedded = {column for other, column in by_layer.get(layer, set()) if other == name}
            if not embedded:
                others = ", ".join(sorted({repr(other) for other, _ in by_layer.get(layer, set())}))
                instead = f" (it embeds {others})" if others else ""
                raise LayerError(
                    f"layers: '{layer}' is fed with something else than input '{name}'{instead}; "
                    "name the layer that embeds it"
                )
            wanted = {column for column, names in table.columns.items() if layer in names}
            if table.columns and embedded != wanted:
                layers_of = {
                    column: [n for n in by_layer if (name, column) in by_layer[n]] for column in embedded | wanted
                }
                entries = {
                    column: names[0] if len(names) == 1 else names for column, names in sorted(layers_of.items())
                }
                raise LayerError(
                    f"layers['{name}']: '{layer}' embeds column {', '.join(map(str, sorted(embedded)))}, not "
                    f"{', '.join(map(str, sorted(wanted)))}; layers={{'{name}': {entries!r}}}"
                )
