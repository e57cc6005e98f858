"""How far an explanation moves where the inputs hardly do: max-sensitivity.

Yeh, Hsieh, Suggala, Inouye & Ravikumar 2019, "On the (In)fidelity and Sensitivity of Explanations", definition 3.1,
over the length of the explanation itself, so that no unit is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["max_sensitivity", "moved_at_random", "scales"]

Floats = npt.NDArray[np.float64]
Arrays = Mapping[str, npt.NDArray[Any]]


def max_sensitivity(explain: Callable[[Arrays], Floats], arrays: Arrays, moves: Iterator[dict[str, Any]]) -> Floats:
    """The farthest that (rows, elements) attributions move, over their length; (rows,), NaN where that is 0.

    max |phi(y) - phi(x)| / |phi(x)| over the moves y, in the Euclidean norm: a lower bound of the true maximum.

    Args:
        explain: attributions of such arrays, flattened.
        moves: the arrays moved, draw by draw.
    """
    own = explain(arrays)
    farthest = np.zeros(len(own))
    for moved in moves:
        farthest = np.maximum(farthest, np.linalg.norm(explain(moved) - own, axis=1))  # NaN stays
    length = np.linalg.norm(own, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(length > 0, farthest / length, np.nan), dtype=np.float64)


def moved_at_random(
    arrays: Arrays, scale: Mapping[str, Floats], *, radius: float, draws: int, seed: int
) -> Iterator[dict[str, Any]]:
    """The arrays with every number of the inputs in `scale` moved by up to `radius` of its scale, either way."""
    random = np.random.default_rng(seed)
    for _ in range(draws):
        moved = dict(arrays)
        for name, sizes in scale.items():
            step = random.uniform(-radius, radius, size=np.shape(arrays[name]))
            moved[name] = np.asarray(arrays[name], np.float64) + step * sizes
        yield moved


def scales(arrays: Arrays, names: Iterator[str]) -> dict[str, Floats]:
    """The standard deviation of each number over the rows, {input: (row's shape)}; 1 of a single row."""
    found = {}
    for name in names:
        values = np.asarray(arrays[name], np.float64)
        found[name] = values.std(axis=0) if len(values) > 1 else np.ones(values.shape[1:])
    return found
