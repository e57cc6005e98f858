"""Sequences without their padding: every batch is as long as its longest row.

A batch of texts is as long as its longest, the rest is padding that a mask tells the model to look away from, and
that it computes all the same: half of all positions, usually. Rows of about one length go together, and the positions
behind the longest of them are cut off before the model sees them. Attributions there are 0.

Whether the model does look away is not taken on trust: for a few rows, from the shortest to the longest, its outputs at
both ends of the path and its gradients on the way are compared with and without padding. Where they differ, it stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.backends.wrapper import BackendWrapper
from ig_tasks.attribution.problem import Places, Problem
from ig_tasks.presentation.percentages import percent

__all__ = ["Unpadded", "without_padding"]

Array = npt.NDArray[Any]

_WORTH = 0.05  # of all positions; with less to save, the comparison costs as much
_COMPARED = 6  # rows: one, alone, takes ten times as long as a row of a batch
_ON_THE_WAY, _ONE = np.array([0.4]), np.ones((1, 1))
_ROUNDINGS = 512  # machine epsilons of the largest value: arrays of other shapes are summed in another order


@dataclass(frozen=True)
class Sequence:
    """Arrays of a problem that run along the positions of one sequence, on axis 1, and which of them mask it."""

    width: int  # positions
    masks: tuple[str, ...]  # names of fixed inputs (rows, width) of ones and zeros
    inputs: tuple[str, ...]
    fixed: tuple[str, ...]

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

        starts, endpoints = short(problem.starts, self.inputs), short(problem.endpoints, self.inputs)
        embedded = {key: name for key in problem.fed if (name := problem.embeds(key)) is not None}
        return replace(
            problem,
            starts=starts,
            endpoints=endpoints,
            fixed=short(problem.fixed, self.fixed),
            fed={key: endpoints[name] for key, name in embedded.items()},
            fed_starts=short(problem.fed_starts, tuple(key for key, name in embedded.items() if name in self.inputs)),
        )


def sequences_in(problem: Problem) -> list[Sequence]:
    """One of each width, the longest first, with a fixed input that masks the end of one that is explained."""
    masks = {name: value.shape[1] for name, value in problem.fixed.items() if _is_mask(value)}

    def along(arrays: dict[str, Any], width: int) -> tuple[str, ...]:
        return tuple(name for name, a in arrays.items() if isinstance(a, np.ndarray) and a.shape[1:2] == (width,))

    return [
        Sequence(
            width, tuple(name for name, size in masks.items() if size == width), inputs, along(problem.fixed, width)
        )
        for width in sorted(set(masks.values()), reverse=True)
        if (inputs := along(problem.endpoints, width))
    ]


class Unpadded(BackendWrapper):
    """A backend whose batches are cut to the longest of their rows. All else is the backend's."""

    def __init__(self, backend: Backend, sequences: list[Sequence]) -> None:
        super().__init__(backend)
        self._sequences = sequences

    def order(self, problem: Problem) -> Places:
        """Rows of about one length next to each other."""
        return np.lexsort([sequence.lengths(problem) for sequence in reversed(self._sequences)])

    def outputs(self, batch: Problem, *, at_start: bool = False) -> Array:
        """As the backend's `outputs`, on rows that are cut to the longest of the batch."""
        return self._backend.outputs(self._cut(batch), at_start=at_start)

    def evaluate(self, batch: Problem, *arguments: Any, **named: Any) -> tuple[Array, Array]:
        """As the backend's `evaluate`, on cut rows; the sums are 0 at the padding."""
        short = self._cut(batch)
        outputs, sums = self._backend.evaluate(short, *arguments, **named)
        return outputs, _with_padding(batch, short, sums)

    def secant(self, batch: Problem, edges: Callable[[Any], Any], segments: Any) -> tuple[Array, Array]:
        """As the backend's `secant`, on cut rows; the sums are 0 at the padding."""
        short = self._cut(batch)
        outputs, sums = self._backend.secant(short, edges, segments)
        return outputs, _with_padding(batch, short, sums)

    def _cut(self, batch: Problem) -> Problem:
        for sequence in self._sequences:
            batch = sequence.cut(batch)
        return batch


class WithoutPadding(NamedTuple):
    """How a problem with padding is run."""

    backend: Backend
    order: Places
    """All rows, those next to each other that go into one batch."""
    words: str | None
    """What was done with the padding; None where there is too little to matter."""


def without_padding(backend: Backend, problem: Problem) -> WithoutPadding:
    """The backend for `problem`, which leaves its padding out where the outputs do not depend on it."""
    order = np.arange(problem.rows)
    sequences = sequences_in(problem)
    if not sequences or not backend.padding_epsilon or backend.folded:
        return WithoutPadding(backend, order, None)
    shown = sum(sequence.lengths(problem).mean() for sequence in sequences)
    share = 1.0 - shown / sum(sequence.width for sequence in sequences)
    if share < _WORTH:
        return WithoutPadding(backend, order, None)
    names = ", ".join(f"'{name}'" for sequence in sequences for name in sequence.masks)
    if any(problem.embeds(key) is None for key in problem.fed):
        return WithoutPadding(backend, order, "kept: the model changes its ids before it embeds them")
    unpadded = Unpadded(backend, sequences)
    try:
        same = _same_results(backend, unpadded, problem)
    except Exception:  # noqa: BLE001 - whatever a model says of a shape that it does not take
        said = f"kept: the model does not run without the positions that {names} masks"
        return WithoutPadding(backend, order, said)
    if not same:
        return WithoutPadding(backend, order, f"kept: the output depends on positions that {names} masks")
    said = f"left out: {percent(share)} of all positions, masked by {names}"
    return WithoutPadding(unpadded, unpadded.order(problem), said)


def _same_results(backend: Backend, unpadded: Unpadded, problem: Problem) -> bool:
    """Whether a few rows' outputs and gradients are the same when each is cut to its own lengths, up to rounding."""
    order = unpadded.order(problem)
    few = problem.take(order[np.linspace(0, problem.rows - 1, min(_COMPARED, problem.rows)).astype(np.intp)])
    for row in range(few.rows):
        row_problem = few.take(slice(row, row + 1))
        padded, short = (
            (
                each.outputs(row_problem),
                each.outputs(row_problem, at_start=True),
                *each.evaluate(row_problem, _ON_THE_WAY, _ONE),
            )
            for each in (backend, unpadded)
        )
        if not all(_close(a, b, backend.padding_epsilon) for a, b in zip(padded, short, strict=True)):
            return False
    return True


def _with_padding(problem: Problem, short: Problem, flat: Array) -> Array:
    """(..., features) of the `short` problem as those of the whole one: 0 where it was cut off."""
    if short is problem:
        return flat
    lead, parts = flat.shape[:-1], []
    for name, part in short.split(flat).items():
        full = np.zeros((*lead, *problem.endpoints[name].shape[1:]), dtype=flat.dtype)
        full[(slice(None),) * len(lead) + tuple(slice(size) for size in part.shape[len(lead) :])] = part
        parts.append(full.reshape(*lead, -1))
    return np.concatenate(parts, axis=-1)


def _close(padded: Array, short: Array, epsilon: float) -> bool:
    size = np.max(np.abs(padded), initial=0.0, where=np.isfinite(padded))
    return np.allclose(short, padded, rtol=0.0, atol=_ROUNDINGS * epsilon * size, equal_nan=True)


def _is_mask(value: Any) -> bool:
    """Whether these are rows of ones and zeros, of which some end in zeros."""
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype.kind not in "bif" or not value.size:
        return False
    return bool(np.isin(value, (0, 1)).all() and not value[:, -1].all())
