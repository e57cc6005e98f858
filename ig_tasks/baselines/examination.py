"""What the baseline doctor measures of one candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.attribution import Lookup
from ig_tasks.attribution.mixture import Mixture
from ig_tasks.baselines.assessment import SMALL_CHANGE, BaselineFindings
from ig_tasks.baselines.examined_rows import ExaminedRows
from ig_tasks.presentation.percentages import percent

__all__ = ["examine_baseline"]


def examine_baseline(
    case: ExaminedRows,
    name: str,
    starts: list[dict[str, Any]],
    shares: Sequence[float] | None,
    tolerance: float,
    max_evaluations: int,
) -> BaselineFindings:
    """Explain the rows from one candidate, and measure what speaks against it.

    Args:
        case: the rows.
        name: the candidate's.
        starts: its baselines, averaged by their `shares`.
        tolerance, max_evaluations: of these explanations.
    """
    result = case.explain(starts, shares, tolerance, max_evaluations)
    identical = np.all([_identical(case, start) for start in starts], axis=0)
    moved = np.abs(result.output - result.baseline_output)
    small = np.where(case.spread > 0, moved <= SMALL_CHANGE * case.spread, moved == 0)
    at, percentile = _neutrality(case, result.baseline_output)
    matrix = case.matrix(result.attributions)
    matrix = matrix.reshape(-1, matrix.shape[-1])  # each output of a row counts as a row
    usable = np.isfinite(matrix).all(axis=1)
    return BaselineFindings(
        name=name,
        baselines=len(starts),
        output=at,
        percentile=percentile,
        small_share=float(np.mean(small)),
        outside=_outside(case, starts),
        identical_rows=int(identical.sum()),
        common_row=bool(identical[case.most_common[0]]),
        abs_mean=tuple(np.abs(matrix[usable]).mean(axis=0).tolist()) if usable.any() else (0.0,) * matrix.shape[1],
        converged=float(np.mean(result.status == "converged")),
        evaluations=float(np.mean(result.evaluations)),
    )


def _neutrality(case: ExaminedRows, baseline_output: NDArray[np.float64]) -> tuple[float, float]:
    """The mean output at the baseline, and its percentile among the rows' outputs.

    Each of several outputs is held against its own rows. The one told is in the middle by how far its percentile is
    from 50: a mean would hide that two probabilities, which mirror each other, are both at an end.
    """
    outputs = case.output.reshape(case.rows, -1)
    at = np.atleast_1d(np.nanmean(baseline_output, axis=0))
    percentiles = 100 * ((outputs < at).mean(axis=0) + 0.5 * (outputs == at).mean(axis=0))
    middle = np.argsort(np.abs(percentiles - 50), kind="stable")[len(at) // 2]
    return float(at[middle]), float(percentiles[middle])


def _identical(case: ExaminedRows, start: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Rows whose path has no length: they get nothing but zeros."""
    same = np.ones(case.rows, bool)
    with Lookup(case.model).opened(case.layers) as lookup:
        for name, array in case.arrays.items():
            row, begin = _coordinates(lookup, case.layers.get(name), array, start[name])
            gap = np.abs(row - np.asarray(begin, np.float64)).reshape(case.rows, -1)
            scale = np.abs(row).reshape(case.rows, -1).max(axis=1, initial=0.0)
            # A path a millionth of a row long does not exist in float32.
            same &= gap.max(axis=1, initial=0.0) <= 1e-6 * np.maximum(scale, 1e-12)
    return same


def _outside(case: ExaminedRows, starts: list[dict[str, Any]]) -> dict[str, str]:
    """{feature: what lies where no row of the data is}, of inputs of numbers."""
    outside: dict[str, str] = {}
    for name, layout in case.layouts.items():
        if layout.role not in ("columns", "array"):
            continue
        data = np.asarray(case.known[name], np.float64)
        low, high = data.min(axis=0), data.max(axis=0)
        slack = 1e-6 * np.maximum(np.abs(low), np.abs(high))
        values = [_points(start[name], low.shape) for start in starts]
        together = np.concatenate(values)
        wrong = (together < low - slack) | (together > high + slack)
        if not wrong.any():
            continue
        if layout.role == "array" and len(layout.features) == 1 and low.size > 1:
            outside[layout.features[0]] = f"{percent(wrong.mean())} of its numbers"
            continue
        for place in np.flatnonzero(wrong.any(axis=0).ravel()).tolist():
            column = together.reshape(len(together), -1)[:, place]
            value = column[wrong.reshape(len(together), -1)[:, place]][0]
            limits = f"{low.ravel()[place]:.4g} to {high.ravel()[place]:.4g}"
            outside[layout.features[min(place, len(layout.features) - 1)]] = f"{value:.4g}, where the data has {limits}"
    return outside


def _points(start: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A baseline's points (points, *shape): one that all rows share, or one per row."""
    array = np.asarray(start, np.float64)
    return array if array.ndim > len(shape) else np.broadcast_to(array, (1, *shape))


def _coordinates(lookup: Lookup, layer: Any, array: NDArray[Any], start: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """The rows of an input and their baseline in like coordinates; ids as they are where several layers embed them."""
    if layer is None:
        return np.asarray(array, np.float64), np.asarray(start)
    ids = array.astype(np.int64)
    if not isinstance(layer, str):
        single = start.single() if isinstance(start, Mixture) else None
        if single is not None and isinstance(start, Mixture):
            return ids, single if start.group is None else single[start.group]
        is_ids = isinstance(start, np.ndarray) and start.dtype.kind in "iu"
        return ids, start if is_ids else np.full(ids.shape, np.nan)  # a mean of several is no row's
    if isinstance(start, Mixture):  # looked up here: by itself it would open the model for each of a thousand tables
        start = replace(start, vectors=lambda numbers: lookup(layer, numbers))
    begin = np.asarray(start)
    if begin.dtype.kind in "iu":
        begin = lookup(layer, begin.astype(np.int64))
    return lookup(layer, ids), begin
