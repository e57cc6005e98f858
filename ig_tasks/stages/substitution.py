"""One column's values replaced by those of another period, while each row keeps its place among the rows.

Numbers go by rank: the smallest becomes the other period's smallest, and so on. Categories change in as few rows as
possible. What is drawn at random (ties, which rows change) is drawn by a seed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["given_another", "substituted"]

_MISSING = object()


def substituted(column: pd.Series, other: pd.Series, *, numbers: bool, seed: int) -> pd.Series:
    """`column` (rows,) with the distribution of `other` (other rows,).

    Args:
        numbers: map numbers by rank, missing ones apart; else map categories.
    """
    random = np.random.default_rng(seed)
    values = _numbers(column, other, random) if numbers else _categories(column, other, random)
    return pd.Series(values, index=column.index, name=column.name)


def given_another(column: pd.Series, values: pd.Series, *, numbers: bool) -> NDArray[np.bool_]:
    """Which rows (rows,) of a column have another value after a substitution; a missing one is the same as another."""
    missing = column.isna().to_numpy(), values.isna().to_numpy()
    if numbers:
        before, after = (side.to_numpy(dtype=np.float64, na_value=np.nan) for side in (column, values))
        same = before == after
    else:
        pairs = zip(column.to_numpy(dtype=object), values.to_numpy(dtype=object), *missing, strict=True)
        same = np.array([not (gap or now) and bool(first == second) for first, second, gap, now in pairs], dtype=bool)
    return np.asarray(~(same | (missing[0] & missing[1])), dtype=bool)


def _numbers(column: pd.Series, other: pd.Series, random: np.random.Generator) -> NDArray[np.float64]:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    other_values = other.to_numpy(dtype=np.float64, na_value=np.nan)
    pool = np.sort(other_values[np.isfinite(other_values)])
    result = np.full(len(values), np.nan)
    if not len(pool) or not len(values):
        return result
    missing = np.isnan(values)
    wanted = round(len(values) * float(np.isnan(other_values).mean()))
    if wanted > missing.sum():
        lost = random.choice(np.flatnonzero(~missing), wanted - int(missing.sum()), replace=False)
        present = np.setdiff1d(np.flatnonzero(~missing), lost)
    else:
        present = np.flatnonzero(~missing)
        filled = random.choice(np.flatnonzero(missing), int(missing.sum()) - wanted, replace=False)
        result[filled] = random.choice(pool, len(filled))
    # Ties at random: shuffled first, then sorted stably.
    shuffled = random.permutation(present)
    order = shuffled[np.argsort(values[shuffled], kind="stable")]
    places = (np.arange(len(order)) + 0.5) / max(len(order), 1) * len(pool)
    result[order] = pool[places.astype(np.int64)]
    return result


def _categories(column: pd.Series, other: pd.Series, random: np.random.Generator) -> NDArray[np.object_]:
    result = column.to_numpy(dtype=object).copy()
    levels_here = np.array([_MISSING if pd.isna(value) else value for value in result], dtype=object)
    other_levels = pd.Series(
        [_MISSING if pd.isna(value) else value for value in other.to_numpy(dtype=object)], dtype=object
    )
    counts = other_levels.value_counts(sort=False)
    if not len(counts) or not len(levels_here):
        return result
    levels = sorted(counts.index, key=str)
    wanted = dict(
        zip(
            levels,
            _apportioned(np.array([counts[level] for level in levels], dtype=np.float64), len(levels_here)),
            strict=True,
        )
    )
    leaving: list[NDArray[np.int64]] = []
    arriving: list[object] = []
    for level in sorted({*levels_here, *levels}, key=str):
        rows = np.flatnonzero(levels_here == level)
        excess = len(rows) - wanted.get(level, 0)
        if excess > 0:
            leaving.append(random.choice(rows, excess, replace=False))
        else:
            arriving += [level] * -excess
    if leaving:
        rows = random.permutation(np.concatenate(leaving))
        for row, level in zip(rows, arriving, strict=True):
            result[row] = None if level is _MISSING else level
    return result


def _apportioned(counts: NDArray[np.float64], rows: int) -> NDArray[np.int64]:
    """Whole numbers of `rows` in proportion to counts, by largest remainders."""
    exact = counts / counts.sum() * rows
    apportioned: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    left = rows - int(apportioned.sum())
    apportioned[np.argsort(apportioned - exact, kind="stable")[:left]] += 1
    return apportioned
