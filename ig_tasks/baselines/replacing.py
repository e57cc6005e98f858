"""Rows with one feature at the baseline, and all others as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.attribution.mixture import Mixture
from ig_tasks.baselines.input_layouts import InputLayout
from ig_tasks.data.features import Feature

__all__ = ["feature_at_baseline", "rows_at_once"]

_LOOKED_UP = 1 << 20
"""Ids that are looked up at once, where each row has a mixture of its own."""

Arrays = Mapping[str, NDArray[Any]]


def feature_at_baseline(
    arrays: Arrays, start: Mapping[str, Any], feature: Feature, place: int, layout: InputLayout
) -> dict[str, Any]:
    """The rows as a baseline of their own, with one feature from another.

    Args:
        arrays: the encoded rows, {input: (rows, ...)}.
        start: the baseline, as `PlacedBaseline.starts` gives it.
        place: of a feature that is one column of its input, which one.
        layout: of the feature's input.
    """
    given, own = start[feature.input], np.asarray(arrays[feature.input])
    return {**arrays, feature.input: _replaced(own, given, feature, place, layout)}


def rows_at_once(starts: Sequence[Mapping[str, Any]], layouts: Mapping[str, InputLayout]) -> int:
    """How many rows may have one column of ids at the baseline at once: each looks up all that the baseline mixes."""
    cells = [
        start[name].ids[0].size
        for start in starts
        for name, layout in layouts.items()
        if isinstance(start[name], Mixture) and len(layout.features) > 1
    ]
    return max(1, _LOOKED_UP // max(cells, default=1))


def _replaced(own: NDArray[Any], given: Any, feature: Feature, place: int, layout: InputLayout) -> Any:
    whole = feature.elements == () or (feature.elements is None and (own.ndim == 1 or len(layout.features) == 1))
    if whole:
        return given
    at: tuple[Any, ...] = (..., place)
    if feature.elements is not None:
        at = (slice(None), *(slice(None) if span is None else slice(*span) for span in feature.elements))
    if isinstance(given, Mixture):
        return _of_ids(own, given, place)
    array = np.asarray(given)
    if layout.role == "ids" and array.dtype.kind not in "iu":
        raise AssertionError(f"{layout.name}: a baseline of ids is ids, or a mixture of them")
    full = np.broadcast_to(array, own.shape)
    replaced = np.array(own, dtype=own.dtype if layout.role == "ids" else np.float64)
    replaced[at] = full[at]
    return replaced


def _of_ids(own: NDArray[Any], given: Mixture, place: int) -> Mixture:
    """A mixture for each row: its own ids, and the baseline's in one place."""
    rows, most = len(own), given.ids.shape[1]
    group = np.zeros(rows, np.intp) if given.group is None else given.group
    ids = np.repeat(own[:, None].astype(np.int64), most, axis=1)
    weights = np.zeros((rows, most, *own.shape[1:]))
    weights[:, 0] = 1.0
    ids[..., place], weights[..., place] = given.ids[group][..., place], given.weights[group][..., place]
    return Mixture(ids, weights, np.arange(rows, dtype=np.intp), given.vectors)
