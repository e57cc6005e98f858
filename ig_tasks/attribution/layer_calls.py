"""Rows opened for methods that look inside a model: at its layers' tensors, or at gradients with respect to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends import open_backend
from ig_tasks.attribution.backends.base import Points
from ig_tasks.attribution.batches import Batches
from ig_tasks.attribution.endpoints import find_endpoints
from ig_tasks.attribution.engine import predicted, probed
from ig_tasks.attribution.feeds import Layers, named_layers
from ig_tasks.attribution.named_inputs import NamedInputs
from ig_tasks.attribution.open_model import OpenModel
from ig_tasks.attribution.options import EngineOptions
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.problem_building import build_problem
from ig_tasks.attribution.targets import Choice, number_count, resolve

__all__ = ["EVERY", "OpenedRows", "opened_rows"]

Array = npt.NDArray[np.float64]

EVERY = "every"
"""The target that stands for every number of an output, whatever its axes."""


@dataclass(frozen=True)
class OpenedRows:
    """Rows and a baseline before an opened model."""

    model: OpenModel
    problem: Problem
    tail: tuple[int, ...]  # the output's axes behind the rows

    def at(self, share: float) -> Points:
        """Points (1, rows, ...) of all paths, a share of the way from the baseline to the row."""
        starts, ends = self.model.path_ends(self.problem)
        return {path: (starts[path] + share * (end - starts[path]))[None] for path, end in ends.items()}

    def outputs(self, share: float) -> Array:
        """The explained outputs (rows, targets) there."""
        found: Array = self.model.outputs_at(self.problem, self.at(share))[0].T
        return found

    def gradients(self, share: float, path: str) -> Array:
        """Gradients (rows, ...) of the first target there, with respect to one path's point."""
        found: Array = self.model.gradients(self.problem, self.at(share))[1][path][0, 0]
        return found


@contextmanager
def opened_rows(
    model: Any,
    named: NamedInputs,
    baseline: Any,
    *,
    options: EngineOptions,
    fixed: Mapping[str, Any] | None,
    target: Any,
    layers: Layers | None,
) -> Iterator[OpenedRows]:
    """Open a model for rows and one baseline; the arguments are those of `attribute`, or EVERY number as the target."""
    every = isinstance(target, str) and target == EVERY
    tables, choice = named_layers(layers or {}), Choice() if every else Choice.of(target)
    backend = open_backend(model, tables, options.precision, options.device)
    with backend.session():
        problem, vectors = build_problem(backend, named, baseline, fixed)
        backend.choose(choice.head)
        tail, point_bytes, route = probed(backend, problem, named=not named.bare, every=True)
        batches = Batches.within(backend.block_bytes, point_bytes, options.memory_limit, backend.out_of_memory)
        if every:
            columns = np.repeat(np.arange(number_count(tail))[:, None], problem.rows, axis=1)
        else:
            columns = resolve(
                choice, tail, problem.rows, lambda first, count: predicted(backend, problem, batches, first, count)
            )
        problem = problem.explaining(columns)
        if tables:
            problem = find_endpoints(backend, problem, vectors, route, batches).problem
        yield OpenedRows(OpenModel(backend, point_bytes, options.memory_limit), problem, tail)
