"""Calls of embedding layers in one pass through a model, and the input that each of their ids comes from."""

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
"""The place of an id that comes from none of the input ids."""


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
        """The layers as a user writes them."""

        def plain(names: tuple[str, ...]) -> str | list[str]:
            return names[0] if len(names) == 1 else list(names)

        if self.columns:
            return {column: plain(names) for column, names in self.columns.items()}
        return plain(self.names)


def named_layers(layers: Layers) -> dict[str, Tables]:
    """Convert what the user wrote into `Tables`. Raises LayerError."""
    return {str(name): _tables(str(name), layer) for name, layer in layers.items()}


def _tables(name: str, written: Any) -> Tables:
    if isinstance(written, Tables):
        return written
    if not isinstance(written, Mapping):
        return Tables(_names(name, written))
    columns = {}
    for column, layer in written.items():
        if isinstance(column, bool) or not isinstance(column, int | np.integer) or column < 0:
            raise LayerError(f"layers['{name}']: {column!r} is not a column; give {{0: layer, 1: layer}}, from 0")
        columns[int(column)] = _names(name, layer)
    if not columns:
        raise LayerError(f"layers['{name}']: no layer is named")
    return Tables(tuple(dict.fromkeys(each for names in columns.values() for each in names)), columns)


def _names(name: str, layers: Any) -> tuple[str, ...]:
    names = (layers,) if isinstance(layers, str) else tuple(layers) if isinstance(layers, list | tuple) else ()
    if not names or not all(isinstance(each, str) for each in names):
        raise LayerError(
            f"layers['{name}']: {layers!r} names no layer; give a layer's name, a list of names, or {{column: name}}"
        )
    return tuple(dict.fromkeys(names))


def short(names: tuple[str, ...]) -> str | tuple[str, ...]:
    """A single name as a string, several names as a tuple."""
    return names[0] if len(names) == 1 else names


class Refusal(NamedTuple):
    """Why a row is not explained: `name` is the reason in general, `words` names this row and the remedy."""

    name: str
    words: str


@dataclass(frozen=True)
class Fed:
    """The ids that one call of a layer received, in one pass over some rows."""

    layer: str
    call: int  # number of the layer's call in the pass, from 0
    same: str | None  # the input whose ids it receives unchanged
    ids: Array | None  # (rows, ...); None where they cannot be read

    def of(self, problem: Problem) -> Array | None:
        """The ids (rows, ...); None where their first axis is not the rows."""
        if self.same is not None:
            return np.asarray(
                problem.endpoints[self.same] if self.same in problem.endpoints else problem.fixed[self.same]
            )
        return self.ids if self.ids is not None and self.ids.shape[:1] == (problem.rows,) else None


@dataclass(frozen=True)
class Feed:
    """A call of a named layer whose output is put on the path."""

    key: str  # names its path
    layer: str
    call: int
    places: npt.NDArray[np.intp]  # for each id that it receives per row: the place among the row's features, or NONE
    shape: tuple[int, ...]  # shape of the ids that it receives per row
    whole: str | None  # the input that it embeds unchanged


@dataclass(frozen=True)
class Route:
    """The calls whose outputs are put on paths, in the order in which the model makes them."""

    feeds: tuple[Feed, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the feeds, in their order."""
        return tuple(feed.key for feed in self.feeds)

    @property
    def plain(self) -> bool:
        """Whether every embedded input has exactly one call, which receives it unchanged."""
        unchanged = [feed.whole for feed in self.feeds]
        return None not in unchanged and len(set(unchanged)) == len(unchanged)

    def by_input(self, name: str) -> Feed | None:
        """The call that embeds an input, where the route is plain."""
        return next((feed for feed in self.feeds if feed.whole == name), None)

    def with_paths(
        self, problem: Problem, fed: Mapping[str, Array], starts: Mapping[str, Array], embedded: Collection[str]
    ) -> Problem:
        """The problem with the ids, or vectors, at which the paths of the feeds start and end."""
        floats = {name: start for name, start in problem.starts.items() if name not in embedded}
        return replace(problem, starts=floats, fed=dict(fed), fed_starts=dict(starts))
