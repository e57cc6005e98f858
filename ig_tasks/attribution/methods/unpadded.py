"""Sequences without their padding: every batch is as long as its longest row.

A batch of texts is as long as its longest, the rest is padding that a mask tells the model to look away from, and
that it computes all the same: half of all positions, usually. Rows of about one length go together, and the positions
behind the longest of them are cut off before the model sees them. Attributions there are 0.

Whether the model does look away is not taken on trust: its outputs with and without padding are compared for every
row, and its outputs and gradients half-way along the paths of a few. Where they differ, the padding stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.problem import Places, Problem

__all__ = ["Padding", "Unpadded", "without_padding"]

Array = npt.NDArray[Any]

_WORTH = 0.05  # of all positions; with less to save, the comparison costs as much
_COMPARED = 4  # rows of which gradients are compared
_HALF_WAY, _ONE = np.array([0.5]), np.ones((1, 1))
_ROUNDINGS = 512  # machine epsilons of the largest value: arrays of other shapes are summed in another order


@dataclass(frozen=True)
class Padding:
    """Which arrays of a problem run along the positions of a sequence, on axis 1, and which of them mask it."""

    width: int  # positions
    masks: tuple[str, ...]  # names of fixed inputs (rows, width) of ones, then zeros
    inputs: tuple[str, ...]
    fixed: tuple[str, ...]

    @classmethod
    def of(cls, problem: Problem) -> Padding | None:
        """None where no fixed input is a mask that ends in zeros."""
        found = {name: value.shape[1] for name, value in problem.fixed.items() if _is_mask(value)}
        if not found:
            return None
        width = next(iter(found.values()))

        def along(arrays: dict[str, Any]) -> tuple[str, ...]:
            return tuple(n for n, a in arrays.items() if isinstance(a, np.ndarray) and a.shape[1:2] == (width,))

        masks = tuple(name for name, size in found.items() if size == width)
        return cls(width, masks, along(problem.ends), along(problem.fixed))

    def lengths(self, problem: Problem) -> npt.NDArray[np.intp]:
        """Positions (rows,) up to the last that a mask shows, at least one."""
        shown = np.any([problem.fixed[name] != 0 for name in self.masks], axis=0)
        last = self.width - np.argmax(shown[:, ::-1], axis=1)
        return np.where(shown.any(axis=1), last, 1)

    def cut(self, problem: Problem) -> Problem:
        """All rows as long as the longest of them."""
        length = int(self.lengths(problem).max())
        if length == self.width:
            return problem

        def short(arrays: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
            return {name: array[:, :length] if name in names else array for name, array in arrays.items()}

        starts, ends = short(problem.starts, self.inputs), short(problem.ends, self.inputs)
        return replace(problem, starts=starts, ends=ends, fixed=short(problem.fixed, self.fixed))

    def widened(self, problem: Problem, short: Problem, flat: Array) -> Array:
        """(..., features) of the `short` problem as those of the whole one: 0 where it was cut off."""
        if short is problem:
            return flat
        lead, parts = flat.shape[:-1], []
        for name, part in short.split(flat).items():
            whole = np.zeros((*lead, *problem.ends[name].shape[1:]), dtype=flat.dtype)
            if name in self.inputs:
                whole[(slice(None),) * len(lead) + (slice(part.shape[len(lead)]),)] = part
            else:
                whole[...] = part
            parts.append(whole.reshape(*lead, -1))
        return np.concatenate(parts, axis=-1)


class Unpadded:
    """A backend whose batches are cut to the longest of their rows. All else is the backend's."""

    lanes = 1

    def __init__(self, backend: Backend, padding: Padding) -> None:
        self._backend, self._padding = backend, padding

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def order(self, problem: Problem) -> Places:
        """Rows of about one length next to each other."""
        return np.argsort(self._padding.lengths(problem), kind="stable")

    def outputs(self, batch: Problem, *, at_start: bool = False) -> Array:
        return self._backend.outputs(self._padding.cut(batch), at_start=at_start)

    def evaluate(self, batch: Problem, *arguments: Any, **named: Any) -> tuple[Array, Array]:
        short = self._padding.cut(batch)
        outputs, sums = self._backend.evaluate(short, *arguments, **named)
        return outputs, self._padding.widened(batch, short, sums)

    def secant(self, batch: Problem, edges: Callable[[Any], Any], segments: Any) -> tuple[Array, Array]:
        short = self._padding.cut(batch)
        outputs, sums = self._backend.secant(short, edges, segments)
        return outputs, self._padding.widened(batch, short, sums)


def without_padding(backend: Backend, problem: Problem, batches: Batches) -> tuple[Any, str | None]:
    """The backend for `problem`, and what became of its padding; None where there is none to speak of."""
    padding = Padding.of(problem)
    if padding is None or not backend.padding_epsilon or backend.folded:
        return backend, None
    share = 1.0 - padding.lengths(problem).mean() / padding.width
    if share < _WORTH:
        return backend, None
    names = ", ".join(f"'{name}'" for name in padding.masks)
    unpadded = Unpadded(backend, padding)
    try:
        same = _same(backend, unpadded, problem, padding, batches)
    except Exception as error:  # whatever a model says of a shape that it does not take
        if backend.out_of_memory(error):
            raise
        return backend, f"kept: the model does not run without the positions that {names} masks"
    if not same:
        return backend, f"kept: the output depends on positions that {names} masks"
    return unpadded, f"left out: {share:.0%} of all positions, masked by {names}"


def _same(backend: Backend, unpadded: Unpadded, problem: Problem, padding: Padding, batches: Batches) -> bool:
    """Whether outputs, and gradients, agree with rows cut to their own lengths, up to rounding."""
    lengths = padding.lengths(problem)
    few = np.argsort(lengths, kind="stable")[np.linspace(0, problem.rows - 1, _COMPARED).astype(np.intp)]
    for length in np.unique(lengths[few]):
        batch = problem.take(few[lengths[few] == length])
        found = (each.evaluate(batch, _HALF_WAY, _ONE) for each in (backend, unpadded))
        if not all(_close(whole, short, backend.padding_epsilon) for whole, short in zip(*found, strict=True)):
            return False
    agree = True
    for length in np.unique(lengths):
        rows = problem.take(np.flatnonzero(lengths == length))

        def compare(part: Rectangle, rows: Problem = rows) -> None:
            nonlocal agree
            batch = rows.take(slice(part.row, part.row_end))
            agree &= _close(backend.outputs(batch), unpadded.outputs(batch), backend.padding_epsilon)

        batches.run(rows.rows, 1, compare)
        if not agree:
            return False
    return True


def _close(whole: Array, short: Array, epsilon: float) -> bool:
    size = np.max(np.abs(whole), initial=0.0, where=np.isfinite(whole))
    return np.allclose(short, whole, rtol=0.0, atol=_ROUNDINGS * epsilon * size, equal_nan=True)


def _is_mask(value: Any) -> bool:
    """Whether these are rows of ones, then zeros, and some end in zeros."""
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype.kind not in "bif" or not value.size:
        return False
    return bool(np.isin(value, (0, 1)).all() and not value[:, -1].all())
