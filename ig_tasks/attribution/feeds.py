"""Calls of embedding layers in one pass through a model, and which of the given ids each of their ids comes from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.problem import Problem
from ig_tasks.errors import LayerError

__all__ = ["NONE", "Fed", "Feed", "Layers", "Refusal", "Route", "Tables", "named_layers", "short"]

Array = npt.NDArray[Any]
Layers = Mapping[str, str | Sequence[str] | Mapping[int, str | Sequence[str]]]
"""{input name: the layer that embeds it, all layers that do, or {column: its layer}}"""

NONE = -1
"""The place of an id that comes from none of the ids given."""


@dataclass(frozen=True)
class Tables:
    """The layers that are named for one input."""

    names: tuple[str, ...]
    columns: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Where layers are named column by column."""

    def __str__(self) -> str:
        return ", ".join(f"'{name}'" for name in self.names)

    @property
    def written(self) -> Any:
        """As a user writes it."""

        def plain(names: tuple[str, ...]) -> str | list[str]:
            return names[0] if len(names) == 1 else list(names)

        if self.columns:
            return {column: plain(names) for column, names in self.columns.items()}
        return plain(self.names)


def named_layers(layers: Layers) -> dict[str, Tables]:
    """What the user wrote, in one form. Raises LayerError."""
    return {str(name): _tables(str(name), given) for name, given in layers.items()}


def _tables(name: str, given: Any) -> Tables:
    if isinstance(given, Tables):
        return given
    if not isinstance(given, Mapping):
        return Tables(_names(name, given))
    columns = {}
    for column, layer in given.items():
        if isinstance(column, bool) or not isinstance(column, int | np.integer) or column < 0:
            raise LayerError(f"layers['{name}']: {column!r} is no column; give {{0: layer, 1: layer}}, from 0")
        columns[int(column)] = _names(name, layer)
    if not columns:
        raise LayerError(f"layers['{name}']: no layer is named")
    return Tables(tuple(dict.fromkeys(each for names in columns.values() for each in names)), columns)


def _names(name: str, given: Any) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list | tuple) else ()
    if not names or not all(isinstance(each, str) for each in names):
        raise LayerError(
            f"layers['{name}']: {given!r} names no layer; give a layer's name, a list of names, or {{column: name}}"
        )
    return tuple(dict.fromkeys(names))


def short(names: tuple[str, ...]) -> str | tuple[str, ...]:
    """One name alone, several as they are."""
    return names[0] if len(names) == 1 else names


class Refusal(NamedTuple):
    """Why a row is not explained: `name` says it of any row, `words` of this one, with what to do."""

    name: str
    words: str


@dataclass(frozen=True)
class Fed:
    """What one call of a layer was fed with, in one pass over some rows."""

    layer: str
    call: int  # of this layer in the pass, from 0
    same: str | None  # the input whose ids it takes as they are
    ids: Array | None  # (rows, ...); None where they cannot be read off

    def of(self, problem: Problem) -> Array | None:
        """The ids (rows, ...); None where they are not rows of ids."""
        if self.same is not None:
            return np.asarray(problem.ends[self.same] if self.same in problem.ends else problem.fixed[self.same])
        return self.ids if self.ids is not None and self.ids.shape[:1] == (problem.rows,) else None


@dataclass(frozen=True)
class Feed:
    """A call of a named layer whose output is put on the path."""

    key: str  # of its path
    layer: str
    call: int
    places: npt.NDArray[np.intp]  # of each id of a row that it is fed with: its place among a row's features, or NONE
    shape: tuple[int, ...]  # of those ids
    whole: str | None  # the input that it embeds as it is


@dataclass(frozen=True)
class Route:
    """The calls whose outputs are put on paths, in the order in which the model makes them."""

    feeds: tuple[Feed, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(feed.key for feed in self.feeds)

    @property
    def plain(self) -> bool:
        """Whether every input that is embedded has one call, which takes it as it is."""
        whole = [feed.whole for feed in self.feeds]
        return None not in whole and len(set(whole)) == len(whole)

    def by_input(self, name: str) -> Feed | None:
        """The call that embeds an input, where the route is plain."""
        return next((feed for feed in self.feeds if feed.whole == name), None)

    def laid(
        self, problem: Problem, fed: Mapping[str, Array], starts: Mapping[str, Array], embedded: Collection[str]
    ) -> Problem:
        """The problem with the ids, or the vectors, from and to which the paths of its feeds run."""
        floats = {name: start for name, start in problem.starts.items() if name not in embedded}
        return replace(problem, starts=floats, fed=dict(fed), fed_starts=dict(starts))
