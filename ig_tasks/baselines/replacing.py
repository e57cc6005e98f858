"""Rows with some features at the baseline, and all others as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.attribution.mixture import Mixture
from ig_tasks.baselines.input_layouts import InputLayout
from ig_tasks.data.features import Feature

__all__ = ["features_at_baseline", "rows_at_once"]

_LOOKED_UP = 1 << 20
"""Ids that are looked up at once, where each row has a mixture of its own."""

Arrays = Mapping[str, NDArray[Any]]


def features_at_baseline(
    arrays: Arrays,
    start: Mapping[str, Any],
    chosen: Sequence[tuple[Feature, int]],
    layouts: Mapping[str, InputLayout],
) -> dict[str, Any]:
    """The rows as a baseline of their own, with some features from another.

    Args:
        arrays: the encoded rows, {input: (rows, ...)}.
        start: the baseline, as `PlacedBaseline.starts` gives it.
        chosen: the features, each with its place: of one that is a column of its input, which column.
        layouts: of the inputs.
    """
    replaced: dict[str, Any] = dict(arrays)
    for name in dict.fromkeys(feature.input for feature, _ in chosen):
        own, from_baseline, layout = np.asarray(arrays[name]), start[name], layouts[name]
        replaced_features = [(feature, place) for feature, place in chosen if feature.input == name]
        if any(_is_whole(own, feature, layout) for feature, _ in replaced_features):
            replaced[name] = from_baseline
        elif isinstance(from_baseline, Mixture):
            replaced[name] = _of_ids(own, from_baseline, [place for _, place in replaced_features])
        else:
            for feature, place in replaced_features:
                own = _replaced(own, from_baseline, feature, place, layout)
            replaced[name] = own
    return replaced


def rows_at_once(starts: Sequence[Mapping[str, Any]], layouts: Mapping[str, InputLayout]) -> int:
    """How many rows may have one column of ids at the baseline at once: each looks up all that the baseline mixes."""
    cells = [
        start[name].ids[0].size
        for start in starts
        for name, layout in layouts.items()
        if isinstance(start[name], Mixture) and len(layout.features) > 1
    ]
    return max(1, _LOOKED_UP // max(cells, default=1))


def _is_whole(own: NDArray[Any], feature: Feature, layout: InputLayout) -> bool:
    """Whether a feature is all of its input."""
    return feature.elements == () or (feature.elements is None and (own.ndim == 1 or len(layout.features) == 1))


def _replaced(own: NDArray[Any], from_baseline: Any, feature: Feature, place: int, layout: InputLayout) -> NDArray[Any]:
    at: tuple[Any, ...] = (..., place)
    if feature.elements is not None:
        at = (slice(None), *(slice(None) if span is None else slice(*span) for span in feature.elements))
    array = np.asarray(from_baseline)
    if layout.role == "ids" and array.dtype.kind not in "iu":
        raise AssertionError(f"{layout.name}: a baseline of ids is ids, or a mixture of them")
    full = np.broadcast_to(array, own.shape)
    replaced = np.array(own, dtype=own.dtype if layout.role == "ids" else np.float64)
    replaced[at] = full[at]
    return replaced


def _of_ids(own: NDArray[Any], mixture: Mixture, places: list[int]) -> Mixture:
    """A mixture for each row: its own ids, and the baseline's in some places."""
    rows, most = len(own), mixture.ids.shape[1]
    group = np.zeros(rows, np.intp) if mixture.group is None else mixture.group
    ids = np.repeat(own[:, None].astype(np.int64), most, axis=1)
    weights = np.zeros((rows, most, *own.shape[1:]))
    weights[:, 0] = 1.0
    ids[..., places], weights[..., places] = mixture.ids[group][..., places], mixture.weights[group][..., places]
    return Mixture(ids, weights, np.arange(rows, dtype=np.intp), mixture.vectors)
