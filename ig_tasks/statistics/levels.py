"""A column of categories as numbers, made out once for all that counts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

__all__ = ["MISSING", "Levels", "as_levels"]

MISSING = "(missing)"


class Levels(NamedTuple):
    """The categories of a column.

    codes: (rows,) into `names`, which are sorted, distinct, and each the name of a row.
    """

    codes: NDArray[np.intp]
    names: list[str]

    @classmethod
    def of_codes(cls, codes: NDArray[np.integer], names: Sequence[str]) -> Levels:
        """Of codes (rows,) into names that may repeat, or be those of no row; -1 is the level `(missing)`."""
        if not len(codes):
            return cls(np.empty(0, dtype=np.intp), [])
        candidates = [*names, MISSING]
        places = np.where(codes < 0, len(names), codes)
        used = np.bincount(places, minlength=len(candidates)) > 0
        levels = sorted({name for name, is_used in zip(candidates, used, strict=True) if is_used})
        position = {level: index for index, level in enumerate(levels)}
        # 1 and "1" are one level: they would be one word in a report.
        recoded = np.array([position.get(name, -1) for name in candidates], dtype=np.intp)
        return cls(recoded[places], levels)

    def texts(self) -> pa.Array:
        """The names of the rows (rows,)."""
        return pa.array(self.names, pa.string()).take(pa.array(self.codes))


def as_levels(values: ArrayLike | Levels) -> Levels:
    """The categories of (rows,) values, as strings; a missing value is the level `(missing)`."""
    if isinstance(values, Levels):
        return values
    codes, distinct = pd.factorize(np.asarray(values, dtype=object), use_na_sentinel=False)
    names = [
        MISSING if is_missing else str(value) for value, is_missing in zip(distinct, pd.isna(distinct), strict=True)
    ]
    return Levels.of_codes(codes, names)
