"""`attribute`: the engine's one door. Arrays in, `AttributionResult` out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends import as_model, open_backend
from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.attribution.endpoints import PathEndpoints, find_endpoints, first_endpoints
from ig_tasks.attribution.feeds import Layers, Refusal, Route, named_layers
from ig_tasks.attribution.methods import MethodResult, choose_method
from ig_tasks.attribution.named_inputs import NamedInputs
from ig_tasks.attribution.open_model import OpenModel
from ig_tasks.attribution.options import EngineOptions
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.problem_building import build_problem
from ig_tasks.attribution.result import AttributionResult
from ig_tasks.attribution.routing import find_route
from ig_tasks.attribution.rows import Rows
from ig_tasks.attribution.targets import Choice, resolve
from ig_tasks.errors import IgTasksError, InputError, LayerError

__all__ = ["attribute", "predicted", "probed"]

_UNSAID: dict[str, Any] = {"integrator": "", "reason": "", "affine_prefix": [], "steps": "", "padding": None}
"""Details of a method that says nothing of them."""


def attribute(
    model: Any,
    inputs: Any,
    baseline: Any,
    *,
    options: EngineOptions | None = None,
    fixed: Mapping[str, Any] | None = None,
    target: Any = None,
    layers: Layers | None = None,
    refuse: bool = True,
    **settings: Any,
) -> AttributionResult:
    """Attribute a model's output to its inputs, relative to a baseline.

    Args:
        model: a torch.nn.Module or a keras.Model.
        inputs: (rows, ...) arrays. One array is passed as `model(x)`, a dict by name, a tuple or list of arrays by
            position; its attributions are a dict by the names of the model's own parameters.
        baseline: has one row's shape (shared) or the inputs'. Where `layers` names the layers that embed an input, the
            input is ids, its baseline ids (integers), a `Mixture` of ids or layer outputs (floats; with several layers
            {layer: outputs}), the path runs in the layers' outputs between what the model itself gives on the row and
            on the baseline, and attributions are summed over their width.
        options: how the integral is computed.
        fixed: {input name: value} passed on as they are.
        target: the output to explain.
        layers: {input name: the layer or layers in whose output its path runs}.
        refuse: every row's path ends at the model's own output. Where it does not, the call is refused; with False
            such rows are `not_finite`, and `refused` says why.
        settings: fields of `options`, each in place of the one given there.

    Raises:
        InputError, BaselineError, LayerError, TargetError, ModelError: for what does not fit together.
        ResourceError: where one row at one node is too much for the memory.
    """
    options = replace(options or EngineOptions(), **settings)
    chosen, tolerances = choose_method(options.method), options.tolerances
    choice = Choice.of(target)
    every = choice.every  # also where there are no rows
    for field, value in (("fixed", fixed), ("layers", layers)):
        if not isinstance(value, Mapping | None):
            raise InputError(f"{field}: {value!r:.80} is not a dict by input name, {field}={{'input name': ...}}")
    model = as_model(model, inputs)
    tables = named_layers(layers or {})
    backend = open_backend(model, tables, options.precision, options.device)
    with backend.session():
        named = NamedInputs.of(model, inputs)
        problem, vectors = build_problem(backend, named, baseline, fixed)
        endpoints = PathEndpoints(problem)
        if problem.rows:
            backend.choose(choice.head)
            tail, point_bytes, route = probed(backend, problem, named=not named.bare, every=refuse)
        else:
            if choice.every:
                raise InputError("inputs: there are no rows, so that 'all' outputs are unknown; target one column")
            tail, point_bytes, choice, route = (), 1, Choice(), Route()
        forward = Batches.within(backend.block_bytes, point_bytes, options.memory_limit, backend.out_of_memory)
        columns = resolve(
            choice, tail, problem.rows, lambda first, count: predicted(backend, problem, forward, first, count)
        )
        problem = problem.explaining(columns)
        endpoints = PathEndpoints(problem)
        if tables and problem.rows:
            endpoints = find_endpoints(backend, problem, vectors, route, forward)
            problem = endpoints.problem
            _refuse(endpoints.refused, refuse=refuse)
        tolerances = replace(tolerances, epsilon=backend.rounding)
        opened = OpenModel(backend, point_bytes, options.memory_limit)
        found = chosen.run(opened, problem, options, tolerances) if problem.rows else _nothing(problem)
    result, batches = found.rows, opened.batches
    refused = {**endpoints.refused, **endpoints.differing(result, tolerances, backend.epsilon)}
    _refuse(refused, refuse=refuse)
    result.without(refused)
    details = {
        "method": chosen.name,
        **_UNSAID,
        **found.details,
        "tolerance": options.tolerance,
        "framework": backend.framework,
        "device": backend.device,
        "precision": backend.precision,
        "layers": {name: table.written for name, table in tables.items()},
        "below_rounding": int(result.below_rounding.sum()),
        "epsilon": backend.rounding,
        "rows_by_evaluations": dict(sorted(result.by_level.items())),
        "batches": {"count": batches.count, "largest_points": batches.largest, "halvings": batches.halvings},
        "seed": options.seed,
    }
    explained = _explanation(problem, result, details, named, every=every)
    return replace(explained, refused={row: why.name for row, why in sorted(refused.items())}) if refused else explained


def _refuse(refused: Mapping[int, Refusal], *, refuse: bool) -> None:
    """Raise LayerError for the first row whose path has other ends than the model."""
    if refused and refuse:
        row = min(refused)
        more = f" (and {len(refused) - 1} rows more)" if len(refused) > 1 else ""
        raise LayerError(f"{refused[row].words}{more}")


def probed(backend: Backend, problem: Problem, *, named: bool, every: bool) -> tuple[tuple[int, ...], int, Route]:
    """The output's axes behind the rows, bytes per point, and where paths run in layers.

    Raises:
        InputError: where the first row fails because of an input's shape; other errors are the model's own.
    """
    row, route = problem.take(slice(0, 1)), Route()
    try:
        if backend.layers:
            route = find_route(backend, problem, backend.layers, every=every)
            backend.take_route(route)
            row = first_endpoints(backend, row, route, Batches(1, backend.out_of_memory))
        return *backend.probe(row), route
    except Exception as error:
        if isinstance(error, IgTasksError) or backend.out_of_memory(error):
            raise
        misfit = backend.misfit(row)
        if misfit is None:
            raise
        name, takes = misfit
        field = "fixed" if name in problem.fixed else "inputs"
        shape = {**problem.fixed, **problem.endpoints}[name].shape
        where = f"{field}['{name}']" if named else "inputs"
        raise InputError(f"{where}: has shape {shape}, and the model takes {takes}") from error


def _nothing(problem: Problem) -> MethodResult:
    return MethodResult(Rows.empty(problem), {"reason": "there are no rows"})


def predicted(
    backend: Backend, problem: Problem, batches: Batches, first: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.int64]:
    """Each row's arg-max (rows,); of a row whose output is not finite any, which the run will say of it."""
    columns = first.copy()
    embedded = bool(backend.layers)

    def evaluate(part: Rectangle) -> None:
        some = slice(part.row, part.row_end)
        among = first[some, None] + np.arange(count)
        few = problem.take(some)
        outputs = backend.watch(few)[0] if embedded else backend.outputs(few)
        columns[some] = first[some] + np.argmax(np.take_along_axis(outputs, among, axis=1), axis=1)

    batches.run(problem.rows, 1, evaluate)
    return columns


def _explanation(
    problem: Problem, result: Rows, details: dict[str, Any], inputs: NamedInputs, *, every: bool
) -> AttributionResult:
    def shaped(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Rows first; the outputs second where `every` one is explained."""
        return np.swapaxes(array, 0, 1) if every else array[0]

    evaluations = result.evaluations
    return AttributionResult(
        attributions=inputs.as_given(problem.split(shaped(result.attributions))),
        output=shaped(result.output),
        baseline_output=shaped(result.baseline_output),
        convergence_delta=shaped(result.delta),
        relative_delta=shaped(result.relative_delta),
        error_estimate=shaped(result.error_estimate),
        evaluations=np.repeat(evaluations[:, None], len(problem.targets), axis=1) if every else evaluations,
        status=shaped(result.status),
        details=details,
    )
