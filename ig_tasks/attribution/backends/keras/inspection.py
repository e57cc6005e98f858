"""One row followed before all others: what the model is made of. Whether its sums are the model's own is seen later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras.graph import Graph
from ig_tasks.attribution.backends.keras.path_sums import PathSums
from ig_tasks.attribution.backends.keras.program import Arguments, Kind, Program
from ig_tasks.attribution.structure import NotFollowed, Segment, Structure
from ig_tasks.errors import brief

__all__ = ["inspect_model"]

_NODES = 7
_CLOSE = {"float64": 1e-9}
_CLOSE_SINGLE = 1e-3
_CLOSE_SLOPES = 1e-6  # some derivatives have constants in single precision
_LOST = (ValueError, TypeError, AttributeError, NotImplementedError, tf.errors.OpError, LookupError)


def inspect_model(program: Program, arguments: Arguments) -> Structure:
    """What the program's model is made of, without `followed` where it cannot be followed along paths.

    It is a matter of the model's graph, so that one row's answer holds for all calls of the program. Sums along the
    graph are held against the model's own when they are first asked for: each would be traced for nothing else.
    """
    with program.alone():
        if program.structure is None:
            try:
                program.structure = _walked(program, arguments)
            except NotFollowed as reason:
                program.structure = Structure(reason=str(reason))
            except tf.errors.ResourceExhaustedError:
                raise
            except _LOST as error:
                program.structure = Structure(reason=f"following it failed: {brief(error)}")
            if not program.structure.followed:
                program.path_sums = None
        return program.structure


def _walked(program: Program, arguments: Arguments) -> Structure:
    two = _two_rows(arguments)
    given = program.constants(two)
    path_sums = program.path_sums = PathSums(program.caller, _graph(program, given))
    program.comparison = _TwoRows(two)
    try:
        walk = path_sums.inspect(*given, secant=True)
    except NotFollowed as reason:
        # Without the operations' names nothing is known to be linear, or to have no kinks.
        walk = path_sums.inspect(*given, secant=False)
        return Structure(followed=True, prefix=tuple(walk.prefix), operations=("unknown",), reason=str(reason))
    path_sums.graph.cuts = tuple(cut.affine.key for cut in walk.cuts)
    path_sums.graph.kinks = tuple(walk.kinks)
    return Structure(
        followed=True,
        prefix=tuple(walk.prefix),
        operations=tuple(walk.operations),
        kinked=walk.kinked,
        one_layer=walk.one_layer,
        secant=True,
        pieces=walk.deepest if walk.bent and walk.operations else 0,
        bends=any(each.depth + each.layers > 1 for each in walk.knots),
        units=sum(each.units for each in walk.knots),
        rough=walk.rough,
    )


@dataclass(frozen=True)
class _TwoRows:
    """Rows, and places on their paths, at which sums along a graph must be the model's own."""

    arguments: Arguments

    def differs(self, program: Program, path_sums: PathSums, kind: Kind) -> str | None:
        nodes = (np.arange(_NODES) + 0.37123) / _NODES  # where hardly a kink lies, at which either side is right
        weights = np.stack([np.full(_NODES, 1.0 / _NODES), nodes])
        single = min((start.dtype for start in self.arguments[0].values()), key=lambda dtype: dtype.itemsize)
        within = _CLOSE.get(single.name, _CLOSE_SINGLE)
        own = [each.numpy() for each in program.plain(self.arguments, nodes, weights)]
        try:
            if kind == "nodes":
                found = [each.numpy() for each in program.quadrature(path_sums, self.arguments, nodes, weights)]
                right = all(_same(*pair, within) for pair in zip(own, found, strict=True))
                return None if right else "following it does not give the model's own numbers"
            slopes = self._derivatives(program, path_sums, nodes, weights)
        except tf.errors.ResourceExhaustedError:
            return "there is not the memory to follow two rows"
        except _LOST as error:
            return f"following it failed: {brief(error)}"
        right = _same(own[1], slopes, max(within, _CLOSE_SLOPES))
        return None if right else "slopes over cells are not the model's own gradients"

    def _derivatives(self, program: Program, path_sums: PathSums, nodes: Any, weights: Any) -> Any:
        """The sums (levels, targets, rows, features) that quadrature gives, by slopes over cells without width.

        Any width would take in kinks beside the nodes.
        """
        edges = np.tile(np.repeat(nodes, 2)[:, None], (1, self.arguments[3].shape[1]))
        segments = [Segment(1, 0, 1)] * len(nodes)
        _, sums = program.cells(path_sums, self.arguments, lambda kinks: edges, segments, unit=True)  # noqa: ARG005
        return np.tensordot(weights, sums.numpy(), axes=1)


def _graph(program: Program, given: Any) -> Graph:
    """The model's graph from path points, ids and fixed inputs to all its outputs."""
    caller = program.caller
    starts, endpoints, fixed, _ = given
    _, points = caller.points(starts, endpoints)
    points = {name: points[name] for name, _, _ in caller.signature.endpoints}
    tensors = [*points.values(), *fixed.values()]

    def run(*given: Any) -> Any:
        left = iter(given)
        path = {name: next(left) for name in points}
        return caller.call(path, caller.constants({name: next(left) for name in fixed}))

    return Graph.of(run, [tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in tensors])


def _two_rows(arguments: Arguments) -> Arguments:
    """The first row given, and one that ends half-way: rows that were mixed up would show."""
    starts, endpoints, fixed, targets = arguments

    def twice(array: Any) -> Any:
        return np.repeat(array[:1], 2, axis=0) if isinstance(array, np.ndarray) else array

    first = {name: start[:1] for name, start in starts.items()}
    doubled = {name: twice(end) for name, end in endpoints.items()}
    for name, end in doubled.items():
        if end.dtype.kind == "f":
            end[1] = 0.5 * (end[0] + first[name][0])
    return first, doubled, {name: twice(value) for name, value in fixed.items()}, np.repeat(targets[:1, :1], 2, axis=1)


def _same(one: Any, other: Any, within: float) -> bool:
    size = np.abs(one).max(initial=0.0)
    return bool(np.isfinite(one).all() and (np.abs(one - other) <= within * size + 1e-12).all())
