"""Rows to explain: where each path starts and ends, and what is passed on as it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.targets import Columns

__all__ = ["Places", "Problem", "copied"]

Array = npt.NDArray[Any]
Places = npt.NDArray[np.intp]
"""Positions of rows."""


@dataclass(frozen=True)
class Problem:
    """Rows to explain. Arrays are numpy's, in the caller's dtype: a backend casts a batch at a time."""

    endpoints: dict[str, Array]  # (rows, ...) inputs; integer ids where a layer is named
    starts: dict[str, Array]  # baselines: leading axis 1 (shared) or rows; ids or layer outputs where a layer is named
    fixed: dict[str, Any]  # (rows, ...) arrays, or constants, passed on as they are
    rows: int
    targets: Columns  # (targets, rows) the outputs explained
    fed: dict[str, Array] = field(default_factory=dict)
    """{path in a layer's output: ids (rows, ...) that the layer is fed with at the rows}"""
    fed_starts: dict[str, Array] = field(default_factory=dict)
    """{path in a layer's output: the same at the baselines, or vectors; leading axis 1 (shared) or rows}"""

    @property
    def shared(self) -> bool:
        """Whether all rows start from one baseline."""
        return all(start.shape[0] == 1 for start in (*self.starts.values(), *self.fed_starts.values()))

    def embeds(self, key: str) -> str | None:
        """The input whose ids a layer is fed with as they are, in every row."""
        return next((name for name, end in self.endpoints.items() if end is self.fed[key]), None)

    def path_endpoints(self, name: str) -> Array:
        """The numbers, or the ids that a layer is fed with, at which paths end."""
        return self.fed[name] if name in self.fed else self.endpoints[name]

    @property
    def features(self) -> int:
        """Attributions of a row, all inputs together."""
        return sum(int(np.prod(end.shape[1:])) for end in self.endpoints.values())

    def take(self, rows: slice | npt.NDArray[np.intp]) -> Problem:
        """The problem of some rows; `rows` is a slice or an array of positions."""
        if isinstance(rows, slice) and rows == slice(0, self.rows):
            return self

        def some(starts: dict[str, Array]) -> dict[str, Array]:
            return {name: start if start.shape[0] == 1 else start[rows] for name, start in starts.items()}

        endpoints = {name: end[rows] for name, end in self.endpoints.items()}
        return Problem(
            endpoints=endpoints,
            starts=some(self.starts),
            fixed={name: value[rows] if isinstance(value, np.ndarray) else value for name, value in self.fixed.items()},
            rows=self.targets[:, rows].shape[1],
            targets=self.targets[:, rows],
            fed={
                key: ids[rows] if (name := self.embeds(key)) is None else endpoints[name]
                for key, ids in self.fed.items()
            },
            fed_starts=some(self.fed_starts),
        )

    def explaining(self, targets: Columns) -> Problem:
        """The problem of these outputs (targets, rows)."""
        return replace(self, targets=targets)

    def feature_slices(self) -> dict[str, slice]:
        """{input name: where its features lie among those of a row}."""
        slices, first = {}, 0
        for name, end in self.endpoints.items():
            size = int(np.prod(end.shape[1:]))
            slices[name] = slice(first, first + size)
            first += size
        return slices

    def split(self, flat: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
        """(..., features) into {input name: (..., the input's own shape)}."""
        return {
            name: flat[..., some].reshape(*flat.shape[:-1], *self.endpoints[name].shape[1:])
            for name, some in self.feature_slices().items()
        }


def copied(value: Any) -> Any:
    """A constant with memory of its own, as far as it is made of arrays, tensors and Python's containers."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if hasattr(value, "detach"):  # a tensor of torch's
        return value.detach().clone()
    if type(value) is dict:
        return {key: copied(each) for key, each in value.items()}
    return type(value)(map(copied, value)) if type(value) in (list, tuple, set) else value
