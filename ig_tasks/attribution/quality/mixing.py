"""Rows of which some features are at the baseline: other ones in each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.mixture import Mixture
from ig_tasks.errors import InputError

__all__ = ["Coordinates", "rows_of_start"]

Array = npt.NDArray[Any]
Embed = Callable[[str, npt.NDArray[np.int64]], npt.NDArray[np.float64]]


class Coordinates:
    """Rows and one of their baselines in coordinates in which each element of a row may be either's.

    Args:
        arrays: {input: (rows, ...)}.
        start: the baseline, as the engine takes it.
        layers: {input: the layer that embeds it}, as the engine takes it.
        embed: `embed(layer, ids)` gives vectors.
    """

    def __init__(
        self, arrays: Mapping[str, Array], start: Mapping[str, Any], layers: Mapping[str, Any], embed: Embed
    ) -> None:
        self._ends: dict[str, tuple[Array, Any]] = {}
        for name, own in arrays.items():
            self._ends[name] = _alike(name, np.asarray(own), start[name], layers.get(name), embed)

    def mixed(self, replaced: Mapping[str, npt.NDArray[np.bool_]]) -> dict[str, Any]:
        """The rows with the elements at the baseline where `replaced`, {input: (rows, ...)}, says so."""
        mixed: dict[str, Any] = {}
        for name, (own, begin) in self._ends.items():
            where = replaced[name]
            if isinstance(begin, Mixture):
                mixed[name] = _of_ids(own, begin, where)
            else:
                deeper = where.reshape(*where.shape, *[1] * (own.ndim - where.ndim))
                mixed[name] = np.where(deeper, begin, own)
        return mixed


def _alike(name: str, own: Array, start: Any, layer: Any, embed: Embed) -> tuple[Array, Any]:
    """A row's array and its baseline: both numbers, both ids, both vectors, or ids and a mixture of them."""
    if layer is None:
        return own.astype(np.float64), np.asarray(start, np.float64)
    ids = own.astype(np.int64)
    if isinstance(start, Mixture):
        single = start.single()
        if single is not None:
            return ids, single if start.group is None else single[start.group]
        if not isinstance(layer, str):
            return ids, start
    elif not isinstance(start, Mapping) and np.asarray(start).dtype.kind in "iub":
        return ids, np.asarray(start).astype(np.int64)
    if not isinstance(layer, str):
        raise InputError(f"baseline['{name}']: vectors of several layers cannot stand beside ids of the same row")
    own, vectors = embed(layer, ids), _vectors(start, layer, embed)
    if own.shape[: ids.ndim] != ids.shape:
        raise InputError(f"inputs['{name}']: layer '{layer}' sums its ids; none of them has a baseline of its own")
    return own, vectors


def _vectors(start: Any, layer: str, embed: Embed) -> Array:
    if isinstance(start, Mixture):
        groups, count = start.ids.shape[:2]
        vectors = embed(layer, start.ids.reshape(groups * count, *start.row_shape))
        vectors = vectors.reshape(groups, count, *vectors.shape[1:])
        shares = start.weights.reshape(*start.weights.shape, *[1] * (vectors.ndim - start.weights.ndim))
        mean = np.asarray((shares * vectors).sum(axis=1))
        return mean[0] if start.group is None else mean[start.group]
    return np.asarray(start[layer] if isinstance(start, Mapping) else start, np.float64)


def _of_ids(own: Array, mixture: Mixture, replaced: npt.NDArray[np.bool_]) -> Mixture:
    """A mixture for each row: its own ids, and the baseline's where they are replaced."""
    rows, most = len(own), mixture.ids.shape[1]
    group = np.zeros(rows, np.intp) if mixture.group is None else mixture.group
    ids = np.repeat(own[:, None], most, axis=1)
    weights = np.zeros(ids.shape)
    weights[:, 0] = 1.0
    where = replaced[:, None]
    return Mixture(
        np.where(where, mixture.ids[group], ids),
        np.where(where, mixture.weights[group], weights),
        np.arange(rows, dtype=np.intp),
        mixture.vectors,
    )


def rows_of_start(
    start: Mapping[str, Any],
    arrays: Mapping[str, Array],
    layers: Mapping[str, Any],
    rows: npt.NDArray[np.intp],
) -> dict[str, Any]:
    """The baseline of some rows of `arrays`; what all rows share stays as it is."""
    taken: dict[str, Any] = {}
    for name, value in start.items():
        own, embedded = np.asarray(arrays[name]), name in layers
        if isinstance(value, Mixture):
            group = None if value.group is None else value.group[rows]
            taken[name] = replace(value, group=group)
        elif isinstance(value, Mapping):
            taken[name] = {
                layer: _of_rows(np.asarray(each), own, rows, embedded=embedded) for layer, each in value.items()
            }
        else:
            taken[name] = _of_rows(np.asarray(value), own, rows, embedded=embedded)
    return taken


def _of_rows(value: Array, own: Array, rows: npt.NDArray[np.intp], *, embedded: bool) -> Array:
    """One baseline per row has an axis more than one that the rows share; vectors have another one behind ids."""
    row_axes = own.ndim - 1 + int(embedded and value.dtype.kind == "f")
    return value[rows] if value.ndim > row_axes and len(value) == len(own) else value
