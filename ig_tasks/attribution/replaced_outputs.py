"""The model's output where a part of the inputs is at a baseline: of one feature after another, without gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends import as_model, open_backend
from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.endpoints import find_endpoints
from ig_tasks.attribution.engine import predicted, probed
from ig_tasks.attribution.feeds import Layers, named_layers
from ig_tasks.attribution.named_inputs import NamedInputs
from ig_tasks.attribution.options import EngineOptions
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.problem_building import build_problem
from ig_tasks.attribution.targets import Choice, resolve
from ig_tasks.errors import TargetError

__all__ = ["outputs_at", "predicted_columns"]

Array = npt.NDArray[np.float64]


def outputs_at(
    model: Any,
    inputs: Mapping[str, Any] | NamedInputs,
    starts: Iterable[Mapping[str, Any]],
    *,
    options: EngineOptions,
    fixed: Mapping[str, Any] | None = None,
    target: Any = None,
    layers: Layers | None = None,
) -> Iterator[Array]:
    """The explained output (rows,) at each of several baselines; three forwards per row and baseline.

    Args:
        inputs: the rows, as for `attribute`.
        starts: the baselines, as for `attribute`: of each row its own with one feature replaced, for instance.
        model, options, fixed, target, layers: as for `attribute`.

    Yields:
        The outputs; NaN of rows whose baseline the model does not take as it is.

    Raises:
        UserError: what `attribute` raises.
    """
    tables, choice = named_layers(layers or {}), Choice.of(target)
    model = as_model(model, inputs)
    backend = open_backend(model, tables, options.precision, options.device)
    with backend.session():
        named = NamedInputs.of(model, inputs)
        route = batches = columns = None
        for start in starts:
            problem, vectors = build_problem(backend, named, named.as_given(dict(start)), fixed)
            if route is None or batches is None or columns is None:
                backend.choose(choice.head)
                tail, point_bytes, route = probed(backend, problem, named=not named.bare, every=False)
                batches = Batches.within(backend.block_bytes, point_bytes, options.memory_limit, backend.out_of_memory)
                columns = resolve(choice, tail, problem.rows, _no_choice)
            problem = problem.explaining(columns)
            refused: Iterable[int] = ()
            if tables:
                endpoints = find_endpoints(backend, problem, vectors, route, batches)
                problem, refused = endpoints.problem, endpoints.refused
            replaced = _outputs(backend, problem, batches)
            replaced[list(refused)] = np.nan
            yield replaced


def predicted_columns(
    model: Any,
    inputs: Any,
    start: Mapping[str, Any],
    *,
    options: EngineOptions,
    fixed: Mapping[str, Any] | None = None,
    target: Any = "predicted",
    layers: Layers | None = None,
) -> npt.NDArray[np.int64]:
    """The column (rows,) that "predicted" stands for in each row, of an output (rows, columns).

    Raises:
        TargetError: for an output of more axes, whose columns have no number of their own.
    """
    tables, choice = named_layers(layers or {}), Choice.of(target)
    if choice.position is not None:
        raise TargetError("target: 'predicted' at a position; give the columns as numbers")
    backend = open_backend(as_model(model, inputs), tables, options.precision, options.device)
    with backend.session():
        named = NamedInputs.of(model, inputs)
        problem, _ = build_problem(backend, named, named.as_given(dict(start)), fixed)
        backend.choose(choice.head)
        tail, point_bytes, _ = probed(backend, problem, named=not named.bare, every=False)
        batches = Batches.within(backend.block_bytes, point_bytes, options.memory_limit, backend.out_of_memory)
        columns = resolve(
            choice, tail, problem.rows, lambda first, count: predicted(backend, problem, batches, first, count)
        )
    return np.asarray(columns[0])


def _outputs(backend: Backend, problem: Problem, batches: Batches) -> Array:
    """The explained output of each row at its baseline."""
    outputs_found = np.empty(problem.rows)

    def evaluate(part: Rectangle) -> None:
        some = slice(part.row, part.row_end)
        few = problem.take(some)
        outputs = backend.outputs(few, at_start=True)
        outputs_found[some] = np.take_along_axis(outputs, few.targets[0][:, None], axis=1)[:, 0]

    batches.run(problem.rows, 1, evaluate)
    return outputs_found


def _no_choice(first: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    raise AssertionError(f"a target of {count} columns at {first[:1]} is named, not predicted")
