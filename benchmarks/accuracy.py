"""How wrong attributions are: the relative L1 error of each row against a reference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.results import Accuracy

__all__ = ["accuracy", "l1_errors"]

Array = npt.NDArray[np.float64]


def l1_errors(found: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """sum |found - reference| / sum |reference| of each row; a NaN counts as infinite."""
    a, b = (np.asarray(values, dtype=np.float64).reshape(len(np.asarray(values)), -1) for values in (found, reference))
    errors = np.abs(a - b).sum(axis=1) / np.maximum(np.abs(b).sum(axis=1), 1e-300)
    return np.where(np.isnan(errors), np.inf, errors)


def accuracy(
    found: npt.ArrayLike, reference: npt.ArrayLike, tolerance: float, converged: npt.NDArray[np.bool_] | None
) -> Accuracy:
    """Summary over the rows of `reference`, the first of `found`. `converged` (rows,) is what the library claims."""
    rows = len(np.asarray(reference))
    errors = l1_errors(np.asarray(found)[:rows], reference)
    claimed = None if converged is None else errors[converged[:rows]]
    return Accuracy(
        rows=rows,
        median=float(np.median(errors)),
        p99=float(np.quantile(errors, 0.99, method="higher")),
        over_1_percent=_share(errors > 0.01),
        over_5_percent=_share(errors > 0.05),
        rows_converged=None if claimed is None else len(claimed),
        over_tolerance=None if claimed is None else _share(claimed > tolerance),
        over_twice_tolerance=None if claimed is None else _share(claimed > 2 * tolerance),
    )


def _share(which: npt.NDArray[np.bool_]) -> float:
    return float(which.mean()) if which.size else 0.0
