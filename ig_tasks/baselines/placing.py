"""A fitted baseline in a model's own coordinates: vectors where the model embeds, one for all rows or one per row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.attribution.mixture import Mixture
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.input_layouts import InputLayout, Inputs, layouts_of
from ig_tasks.baselines.per_row import blurred, farther_end, row_hashes, uniform
from ig_tasks.baselines.point import Point
from ig_tasks.errors import BaselineError

__all__ = ["Embed", "PlacedBaseline"]

Embed = Callable[[str, NDArray[np.int64]], NDArray[np.float64]]
"""`embed(layer, ids)`: the vectors (ids, width) that an embedding layer gives."""

Arrays = Mapping[str, NDArray[Any]]
Value = NDArray[Any] | Mixture | dict[str, NDArray[Any]]
"""An array, of ids the mixture that stands in each place, or {layer: vector} where several embed a list of ids."""


@dataclass(frozen=True)
class PlacedBaseline:
    """A baseline whose vectors have been looked up, to be asked for the baselines of any rows.

    points, levels: {input: one row's array}, of ids a mixture of them; of a list of ids the id, the ids or the vector
    that stands in each place that is not kept.
    """

    baseline: Baseline
    layouts: Mapping[str, InputLayout]
    embed: Embed
    points: tuple[dict[str, Any], ...]
    levels: Mapping[str, dict[str, Any]]

    @classmethod
    def of(cls, baseline: Baseline, inputs: Inputs, embed: Embed) -> PlacedBaseline:
        """The baseline in the coordinates of a model with these inputs: its vectors are looked up.

        Raises:
            BaselineError: if a feature has no value, or an input of ids has no layer to run the path in.
        """
        layouts = layouts_of(inputs)
        points = tuple(_values_of_point(point, layouts, embed) for point in baseline.fitted)
        levels = {level: _values_of_point(point, layouts, embed) for level, point in baseline.levels.items()}
        return cls(baseline, layouts, embed, points, levels)

    @property
    def shared(self) -> bool:
        """Whether all rows have the same baselines."""
        by_row = any(layout.role == "sequence" for layout in self.layouts.values())
        return not (by_row or self.baseline.by_row or self.levels)

    @property
    def shares(self) -> Sequence[float] | None:
        """What each of several baselines counts in the average; None: all the same."""
        return self.baseline.options.get("shares")

    def row_bytes(self) -> int:
        """Bytes of one row's baselines, where each row has its own; 0 where all rows share them."""
        if self.shared:
            return 0
        return 8 * self.baseline.count * sum(self._size(name, array) for name, array in self.points[0].items())

    def _size(self, name: str, array: Value) -> int:
        """Numbers of one row's baseline of an input."""
        layout = self.layouts[name]
        if isinstance(array, Mixture):
            return array.ids[:1].size if array.vectors is None else np.asarray(array).size
        arrays = list(array.values()) if isinstance(array, dict) else [array]
        if layout.role != "sequence":
            return sum(int(each.size) for each in arrays)
        return int(np.prod(layout.shape)) * sum(each.shape[-1] if each.dtype.kind == "f" else 1 for each in arrays)

    def unseen(self, levels: NDArray[np.object_]) -> int:
        """How many of these rows' levels the baseline was not fitted for."""
        return int(sum(level not in self.levels for level in levels.tolist()))

    def starts(self, arrays: Arrays, segments: Mapping[str, NDArray[np.object_]] | None = None) -> list[dict[str, Any]]:
        """The baselines of encoded rows, {input: (rows, ...)}: each input's one row's array, or one per row.

        Args:
            segments: {column: (rows,) levels}, which a baseline by segment needs.

        Raises:
            BaselineError: if the segment's column is not there, or the inputs have other shapes.
        """
        strategy = self.baseline.strategy
        if strategy in ("noise", "max_distance", "blur"):
            return [self._starts_by_rule(strategy, draw, arrays) for draw in range(self.baseline.options.get("k", 1))]
        if self.levels:
            return [self._by_level(arrays, segments or {})]
        return [self._resolved(point, arrays) for point in self.points]

    def _starts_by_rule(self, strategy: str, draw: int, arrays: Arrays) -> dict[str, Any]:
        options = self.baseline.options
        start = self._resolved(self.points[0], arrays)
        ends = self.points[-1]
        hashes = row_hashes(arrays, options["seed"]) if strategy == "noise" else None
        place = 0
        for name, layout in self.layouts.items():
            if layout.role not in ("columns", "array"):
                continue
            low, high, rows = self.points[0][name], ends[name], np.asarray(arrays[name])
            if hashes is not None:
                size = int(np.prod(rows.shape[1:]))
                at = draw * (1 << 32) + place
                start[name] = low + uniform(hashes, rows.shape[1:], at) * (high - low)
                place += size
            elif strategy == "max_distance":
                start[name] = farther_end(rows, low, high)
            elif layout.spatial:
                start[name] = blurred(rows, layout.spatial, options.get("sigma"))
        return start

    def _by_level(self, arrays: Arrays, segments: Mapping[str, NDArray[np.object_]]) -> dict[str, Any]:
        column = self.baseline.segment
        if column is None or column not in segments:
            raise BaselineError(f"baseline: it differs by segment {column!r}; give that column beside the inputs")
        levels = segments[column]
        start: dict[str, Any] = {}
        parts = list(self._rows_by_point(levels))
        for rows, point in parts:
            rows_of_point = {name: np.asarray(array)[rows] for name, array in arrays.items()}
            for name, value in self._resolved(point, rows_of_point).items():
                if isinstance(value, Mapping):
                    into = start.setdefault(name, {})
                    for layer, vectors in value.items():
                        _set_rows(into, layer, rows, vectors, (len(levels), *vectors.shape[1:]))
                elif not isinstance(value, Mixture):
                    _set_rows(start, name, rows, value, (len(levels), *self._start_shape(name, value)))
        for name, first in parts[0][1].items() if parts else ():
            if isinstance(first, Mixture):
                group = np.zeros(len(levels), dtype=np.intp)
                for number, (rows, _) in enumerate(parts):
                    group[rows] = number
                start[name] = first.by_row([point[name] for _, point in parts[1:]], group)
        return start

    def _rows_by_point(self, levels: NDArray[np.object_]) -> Iterator[tuple[NDArray[np.intp], dict[str, Any]]]:
        """Rows, and the point that they have."""
        names = np.array([level if level in self.levels else None for level in levels.tolist()], dtype=object)
        for level in dict.fromkeys(names.tolist()):
            rows = np.flatnonzero([name == level for name in names.tolist()])
            yield rows, self.points[0] if level is None else self.levels[level]

    def _start_shape(self, name: str, value: NDArray[Any]) -> tuple[int, ...]:
        by_row = self.layouts[name].role == "sequence"
        return value.shape[1:] if by_row else value.shape

    def _resolved(self, point: Mapping[str, Value], arrays: Arrays) -> dict[str, Any]:
        return {
            name: self._in_places(self.layouts[name], value, np.asarray(arrays[name]))
            if self.layouts[name].role == "sequence"
            else value
            for name, value in point.items()
        }

    def _in_places(self, layout: InputLayout, value: Any, ids: NDArray[Any]) -> Any:
        """`value` in every place of a list of ids; padding and special ones are their own baseline."""
        is_kept = np.isin(ids, list(layout.kept))
        if isinstance(value, Mapping):
            return {layer: self._vectors(layer, vector, ids, is_kept) for layer, vector in value.items()}
        if value.dtype.kind == "i":
            return np.where(is_kept, ids, value)
        return self._vectors(layout.layers[0], value, ids, is_kept)

    def _vectors(
        self, layer: str, vector: NDArray[Any], ids: NDArray[Any], is_kept: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        start = np.empty((*ids.shape, vector.shape[-1]))
        start[:] = vector
        if is_kept.any():
            start[is_kept] = self.embed(layer, ids[is_kept].astype(np.int64))
        return start


def _set_rows(
    into: dict[str, Any], name: str, rows: NDArray[np.intp], values: NDArray[Any], shape: tuple[int, ...]
) -> None:
    if name not in into:
        into[name] = np.empty(shape, values.dtype)
    into[name][rows] = values


def _values_of_point(point: Point, layouts: Mapping[str, InputLayout], embed: Embed) -> dict[str, Value]:
    return {name: _array(point, layout, embed) for name, layout in layouts.items()}


def _array(point: Point, layout: InputLayout, embed: Embed) -> Value:
    if layout.role in ("array", "shares"):
        if layout.name not in point.arrays:
            raise _absent(layout.name)
        return np.asarray(point.arrays[layout.name])
    missing = [f for f in layout.features if f not in point.numbers and f not in point.weights]
    if missing and layout.name not in point.arrays:
        raise _absent(missing[0])
    if layout.role == "columns":
        return np.array([point.numbers[feature] for feature in layout.features])
    if layout.layer is None:
        raise BaselineError(f"input {layout.name!r} holds ids and names no layer; add `layer:` to it in model.yaml")
    if layout.role == "sequence":
        if layout.name in point.arrays:
            return np.asarray(point.arrays[layout.name], np.int64)
        weights = point.weights[layout.features[0]]
        if len(weights) == 1:
            return np.array(next(iter(weights)), np.int64)
        vectors = {layer: _mean_embedding(weights, layer, embed) for layer in layout.layers}
        return vectors if len(vectors) > 1 else next(iter(vectors.values()))
    # What ids become on their way into the layers is the model's own affair, so that it is asked for their vectors.
    alone = layout.layers[0] if len(layout.layers) == 1 else None
    weights_of = [point.weights[feature] for feature in layout.features]
    return Mixture.of(weights_of, layout.shape, None if alone is None else lambda ids: embed(alone, ids))


def _mean_embedding(weights: Mapping[int, float], layer: str, embed: Embed) -> NDArray[np.float64]:
    ids = np.array(sorted(weights) or [0], dtype=np.int64)
    share = np.array([weights.get(int(number), 0.0) for number in ids])
    return share @ embed(layer, ids).astype(np.float64)


def _absent(feature: str) -> BaselineError:
    return BaselineError(f"baseline: there is no value for {feature!r}; fit the baseline again for this model")
