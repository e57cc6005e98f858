"""What decides a traced function of a Keras model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ig_tasks.attribution.feeds import Route
from ig_tasks.attribution.targets import Head

__all__ = ["FeedSpec", "Held", "Signature", "cast_float"]

_Spec = tuple[tuple[str, str, tuple[int, ...]], ...]


def cast_float(dtype: str) -> str:
    """The dtype of path points for an input declared as `dtype`."""
    return dtype if "float" in dtype and dtype != "bfloat16" else "float32"


class FeedSpec(NamedTuple):
    """A call of a layer whose output is on a path: `Feed`, to be hashed; `axes` are those of its ids, rows included."""

    key: str
    layer: str
    call: int
    axes: int
    places: tuple[int, ...]
    whole: str | None


@dataclass(frozen=True)
class Signature:
    """What decides the traced graph: names, dtypes and shapes without the rows."""

    starts: _Spec
    endpoints: _Spec
    fixed: _Spec
    constants: tuple[tuple[str, Any], ...]
    explained: tuple[tuple[str, tuple[int, ...]], ...]  # inputs that have attributions, and their rows' shapes
    feeds: tuple[FeedSpec, ...]
    output: Head
    named: bool
    names: tuple[str, ...]
    placed: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        starts: dict[str, Any],
        endpoints: dict[str, Any],
        fixed: dict[str, Any],
        *,
        explained: dict[str, Any],
        route: Route,
        output: Head,
        named: bool,
        names: tuple[str, ...],
        placed: tuple[str, ...] = (),
    ) -> Signature:
        arrays = {name: value for name, value in fixed.items() if isinstance(value, np.ndarray)}
        constants = tuple((name, _hashable(value)) for name, value in fixed.items() if name not in arrays)
        shapes = tuple((name, tuple(end.shape[1:])) for name, end in explained.items())
        feeds = tuple(
            FeedSpec(feed.key, feed.layer, feed.call, 1 + len(feed.shape), tuple(feed.places.tolist()), feed.whole)
            for feed in route.feeds
        )
        return cls(
            _spec(starts), _spec(endpoints), _spec(arrays), constants, shapes, feeds, output, named, names, placed
        )


@dataclass(frozen=True, eq=False)
class Held:
    """A constant that has no hash, by its identity."""

    value: Any

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and other.value is self.value


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return Held(value)
    return value


def _spec(arrays: Mapping[str, np.ndarray[Any, Any]]) -> _Spec:
    return tuple((name, array.dtype.name, array.shape[1:]) for name, array in arrays.items())
