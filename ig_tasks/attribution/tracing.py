"""Finds the input id that each id received by a layer comes from, by changing some of the input ids.

A model may cast, shift, mask or remap its ids, take one column of them, or stack the ids of several inputs. The
framework reports the ids that a layer receives; their origin is found from outside. The input ids are numbered. For
each bit of the number, the ids with that bit are kept while the others are changed. An id that comes from a single
input id thus spells out its number bit by bit. An id that depends on several (sorted ids, hashed pairs) takes values
that belong to neither row.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.feeds import NONE
from ig_tasks.attribution.problem import Places, Problem

__all__ = ["MIXED", "Numbering", "sources"]

Ids = npt.NDArray[Any]

_ALONE = 3

MIXED = -2
"""The place of an id that depends on several input ids."""


@dataclass(frozen=True)
class Numbering:
    """Numbers the ids of all embedded inputs side by side, and holds each one's place among a row's features."""

    names: tuple[str, ...]
    places: Places

    @classmethod
    def of(cls, problem: Problem, names: Sequence[str]) -> Numbering:
        """Numbers for every place of these inputs, in their order."""
        first, places = 0, []
        for name, end in problem.endpoints.items():
            size = int(np.prod(end.shape[1:]))
            if name in names:
                places.append(np.arange(first, first + size))
            first += size
        return cls(tuple(name for name in problem.endpoints if name in names), np.concatenate(places))

    def ids(self, problem: Problem) -> Ids:
        """The ids (rows, places) of all numbered inputs, side by side."""
        return np.concatenate([problem.endpoints[name].reshape(problem.rows, -1) for name in self.names], axis=1)

    def given(self, problem: Problem, ids: Ids) -> Problem:
        """The problem with these `ids` (rows, ids) in place of the rows' own."""
        endpoints, first = dict(problem.endpoints), 0
        for name in self.names:
            shape = endpoints[name].shape
            size = int(np.prod(shape[1:]))
            endpoints[name] = np.ascontiguousarray(ids[:, first : first + size]).reshape(shape)
            first += size
        return replace(problem, endpoints=endpoints)

    @staticmethod
    def blocks(problem: Problem) -> dict[str, Places]:
        """{input: the places of its ids}."""
        first, blocks = 0, {}
        for name, end in problem.endpoints.items():
            size = math.prod(end.shape[1:])
            blocks[name] = np.arange(first, first + size)
            first += size
        return blocks


Answers = dict[tuple[str, int], Places]
"""{(layer, call): for each id that it receives per row, the place among the row's features, MIXED or NONE}"""


def sources(
    backend: Backend, few: Problem, pool: Ids, numbering: Numbering, kept: Collection[int], *, every: bool = True
) -> Answers:
    """Find where the ids that layers receive come from.

    Padding steers what a model does with the ids beside it, so it is kept at first.

    Args:
        few: the rows whose ids are changed.
        pool: ids (rows, ids) that the places may hold.
        kept: ids that are never changed, nor put in place of others.
        every: whether rows in which ids are mixed count although other rows have none.
    """
    ids, kept_ids = numbering.ids(few), list(kept)
    padded = np.isin(ids, kept_ids)
    others = _alternatives(ids, pool, np.isin(pool, kept_ids))
    changes = [np.where(padded | np.isin(each, kept_ids), ids, each) for each in others]
    return _merged_answers(backend, few, numbering, ids, changes, every)


def _merged_answers(
    backend: Backend, few: Problem, numbering: Numbering, ids: Ids, changes: Sequence[Ids], every: bool
) -> Answers:
    answers: Answers = {}
    for changed in changes:
        if (changed == ids).all():
            continue
        for call, places in _answers(backend, few, numbering, ids, changed, every).items():
            before = answers.get(call, places)
            if not every:  # ids as in real rows say more than the extremes, which may be rearranged
                before, places = np.where(places >= 0, places, before), np.where(places >= 0, places, before)
            at_odds = (before == MIXED) | (places == MIXED) | ((before >= 0) & (places >= 0) & (before != places))
            answers[call] = np.where(at_odds, MIXED, np.maximum(before, places))
    return answers


def _alternatives(ids: Ids, pool: Ids, barred: npt.NDArray[np.bool_]) -> Iterator[Ids]:
    """Other ids (rows, ids) for the same places: the least and the greatest in turn, so that the order changes too."""
    none = barred.all(axis=0)
    low = np.where(none, ids[0], pool.min(axis=0, where=~barred, initial=np.iinfo(np.int64).max))
    high = np.where(none, ids[0], pool.max(axis=0, where=~barred, initial=-1))
    odd = np.arange(ids.shape[1]) % 2 == 1
    first, second = (np.broadcast_to(each, ids.shape) for each in (np.where(odd, low, high), np.where(odd, high, low)))
    yield _replacement_ids((first, second), ids)
    yield _replacement_ids((np.roll(ids, 1, axis=0), second, first), ids)
    if len(pool) <= _ALONE:  # too few rows to have ids of another order
        yield _replacement_ids((ids[:, ::-1], second, first), ids)


def _replacement_ids(wanted: Sequence[Ids], ids: Ids) -> Ids:
    """The first of the wanted ids that differs from the id itself; otherwise the id next to it."""
    chosen = np.where(ids > 0, ids - 1, ids + 1)
    for each in reversed(wanted):
        chosen = np.where(each != ids, each, chosen)
    return np.asarray(chosen)


def _answers(backend: Backend, few: Problem, numbering: Numbering, ids: Ids, changed: Ids, every: bool) -> Answers:
    rows, count = ids.shape
    number = np.arange(count)
    bits = range(max(1, (count - 1).bit_length()))
    tried = [ids, changed, *(np.where((number >> bit) & 1 == 1, ids, changed) for bit in bits)]
    batch = numbering.given(few.take(np.tile(np.arange(rows), len(tried))), np.concatenate(tried))
    try:
        _, calls = backend.watch(batch)
    except Exception as error:  # an id beside those of the data may be one that the model does not take
        if backend.out_of_memory(error):
            raise
        return {}
    return {
        (fed.layer, fed.call): _traced_places(values.reshape(len(tried), rows, -1), numbering, count, every)
        for fed in calls
        if (values := fed.of(batch)) is not None
    }


def _traced_places(values: Ids, numbering: Numbering, count: int, every: bool) -> Places:
    """The place of each id, found from the `values` (trials, rows, ids) that it took."""
    own, other, trials = values[0], values[1], values[2:]
    at_own, at_other = trials == own, trials == other
    number = (at_own * (1 << np.arange(len(trials)))[:, None, None]).sum(axis=0)
    is_traced = (own != other) & (at_own | at_other).all(axis=0) & (number < count)
    still = (own == other) & at_own.all(axis=0)
    place = np.where(is_traced, numbering.places[np.minimum(number, count - 1)], NONE)
    mixed = ~(is_traced | still)
    if not every and (usable := ~mixed.any(axis=1)).any():
        place, mixed = place[usable], mixed[usable]
    most = place.max(axis=0)
    at_odds = ((place >= 0) & (place != most)) | mixed
    return np.asarray(np.where(at_odds.any(axis=0), MIXED, most), dtype=np.intp)
