"""What an explanation was computed from, so that one of its rows can be looked at again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ig_tasks.attribution import attribute_averaged
from ig_tasks.attribution.looking import AlongPath, ErrorsByRule, SeenPath
from ig_tasks.explanations.asked import Asked

__all__ = ["RuleError", "Source"]

Array = NDArray[np.float64]


class RuleError(NamedTuple):
    """A rule of fixed steps on one row, and its relative L1 error and completeness delta."""

    rule: str
    evaluations: int
    error: float
    delta: float


@dataclass(frozen=True)
class Source:
    """The rows of one call of `explain`, and its model."""

    asked: Asked

    def place(self, row: int) -> int:
        """Where a row of the explanation stands in the arrays."""
        kept = self.asked.kept
        return row if kept is None else int(np.flatnonzero(np.flatnonzero(kept) == row)[0])

    def array(self, name: str, row: int) -> NDArray[Any]:
        """A row's input as the model takes it."""
        return np.asarray(self.asked.inputs.arrays[name][self.place(row)])

    def start(self, name: str, row: int) -> NDArray[Any] | None:
        """The baseline of a row's input, the first of several; None where it is none of the input's own numbers."""
        start, shape = self.asked.starts[0].get(name), self.asked.inputs.arrays[name].shape
        if not isinstance(start, np.ndarray | int | float | np.number):
            return None
        start = np.asarray(start)
        if start.shape == shape:
            return np.asarray(start[self.place(row)])
        return np.asarray(np.broadcast_to(start.reshape(start.shape[-len(shape) + 1 :]), shape[1:]))

    def path(self, row: int, places: Sequence[float]) -> SeenPath:
        """Outputs and contributions of one row at places of its path, averaged over the baselines."""
        look = AlongPath(row=self.place(row), places=tuple(places))
        self._run(look)
        return SeenPath(*(self._mean([getattr(seen, name) for seen in look.seen]) for name in SeenPath._fields))

    def errors(self, row: int, rules: Sequence[str], steps: Sequence[int]) -> list[RuleError]:
        """The errors of rules of fixed steps on one row, against its attributions as well as they can be had."""
        look = ErrorsByRule(row=self.place(row), rules=tuple(rules), steps=tuple(steps))
        self._run(look)
        fine = self._mean(look.fine)
        size = float(np.abs(fine).sum()) or 1.0
        found = []
        for of_all in zip(*look.seen, strict=True):
            parts = self._mean([tried.attributions for tried in of_all])
            change = float(self._mean([np.asarray(tried.change) for tried in of_all]))
            delta = abs(float(parts.sum()) - change) / max(abs(change), 0.1 * size)
            spent = sum(tried.evaluations for tried in of_all)
            found.append(RuleError(of_all[0].rule, spent, float(np.abs(parts - fine).sum()) / size, delta))
        return found

    def _run(self, look: AlongPath | ErrorsByRule) -> None:
        attribute_averaged(
            self.asked.model,
            self.asked.inputs,
            self.asked.starts,
            replace(self.asked.options, method=look),
            shares=self.asked.shares,
            fixed=self.asked.fixed,
            target=self.asked.target,
            layers=self.asked.layers,
            refuse=False,
        )

    def _mean(self, arrays: Sequence[Array]) -> Array:
        return np.asarray(np.average(arrays, axis=0, weights=self.asked.shares), np.float64)
