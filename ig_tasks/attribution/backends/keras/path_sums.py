"""Sums along paths through a model's graph: quadrature and secant cells behind an affine prefix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras.call import Caller, by_node, explained
from ig_tasks.attribution.backends.keras.graph import Graph
from ig_tasks.attribution.backends.keras.values import Affine, Lengths, Still, Value
from ig_tasks.attribution.backends.keras.walk import Cut, Walk

__all__ = ["PathSums", "Paths"]

Tensors = dict[str, Any]


class Paths:
    """A batch of paths as the inputs of a graph. Sums of gradients, `many` a row, are pulled back to them."""

    def __init__(self, caller: Caller, starts: Any, endpoints: Any, fixed: Any, rows: Any) -> None:
        self.starts, points = caller.points(starts, endpoints)
        self._caller = caller
        # In the signature's order: a traced function may be given its dicts in another.
        self.deltas: Tensors = {name: points[name] - self.starts[name] for name, _, _ in caller.signature.endpoints}
        self.rows = rows
        self._still = [fixed[name] for name, _, _ in caller.signature.fixed]
        self._pulled: Tensors = {}

    def lengths(self, nodes: Any, many: Any = None) -> Lengths:
        eager = tf.executing_eagerly()
        base = self.rows if eager else tf.constant(1)
        for start in self.starts.values():
            base = start.shape[0] if eager else tf.maximum(base, tf.shape(start)[0])
        if eager:
            base = max(start.shape[0] for start in self.starts.values())
        return Lengths(base, self.rows, nodes * self.rows, nodes, None if many is None else many * self.rows)

    def inputs(self, lengths: Lengths) -> list[Value]:
        """The graph's inputs: points on the path, then what is the same all along it."""

        def moving(name: str) -> Affine:
            delta = self.deltas[name]
            dims = tuple(delta.shape[1:])

            def base(kind: str) -> Any:
                return tf.broadcast_to(self.starts[name], (lengths.of(kind), *dims))

            def step(kind: str) -> Any:
                return delta if kind == "rows" else self._pulled[name]

            return Affine(base, step, shared=True, lead=1, dims=dims)

        return [*(moving(name) for name in self.deltas), *(Still(tensor, lengths) for tensor in self._still)]

    def pulled_back(self, gradients: Sequence[Sequence[tuple[Cut, Any]]], many: Any) -> Any:
        """Contributions (many, targets, rows, features) of sums of gradients at cuts, by target (many x rows, ...)."""
        total = many * len(gradients)
        self._pulled = {
            name: tf.zeros((total * self.rows, *delta.shape[1:]), delta.dtype) for name, delta in self.deltas.items()
        }
        found = dict.fromkeys(self.deltas)
        cuts = list({id(cut): cut for one in gradients for cut, _ in one}.values())
        if cuts:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(self._pulled)
                endpoints = [cut.affine.delta("many") for cut in cuts]
            found = tape.gradient(
                endpoints, self._pulled, output_gradients=[_all_targets(cut, gradients) for cut in cuts]
            )
        at_inputs = {
            name: tf.reshape(zeros if found[name] is None else found[name], (total, self.rows, *zeros.shape[1:]))
            for name, zeros in self._pulled.items()
        }
        parts = self._caller.contributions(at_inputs, self.deltas)
        by_target = tf.reshape(parts, (len(gradients), many, self.rows, parts.shape[2]))
        return tf.transpose(by_target, (1, 0, 2, 3))


class PathSums:
    """Functions of a batch of paths through one graph, to be traced."""

    def __init__(self, caller: Caller, graph: Graph) -> None:
        self._caller, self.graph = caller, graph

    def quadrature(self, single: bool) -> Callable[..., Any]:
        """Outputs (nodes, targets, rows), and weighted sums (levels, targets, rows, features) of contributions.

        `single`: gradients of single nodes are pulled back to the inputs, else those of the levels' sums.
        """

        def run(starts: Any, endpoints: Any, fixed: Any, targets: Any, nodes: Any, weights: Any) -> Any:
            paths, count = self._paths(starts, endpoints, fixed, targets), _length(nodes)
            many = count if single else _length(weights)
            values, gradients = self._walked(paths, targets, nodes[:, None], count, many)
            if not single:
                gradients = [[(cut, _summed(weights, each, cut)) for cut, each in found] for found in gradients]
            parts = tf.cast(paths.pulled_back(gradients, many), tf.float64)
            if single:
                total = tf.matmul(weights, tf.reshape(parts, (count, -1)))
                parts = tf.reshape(total, (-1, parts.shape[1], paths.rows, parts.shape[3]))
            return by_node(values, count), parts

        return run

    def affine(self, starts: Any, endpoints: Any, fixed: Any, targets: Any) -> Any:
        """Bases and deltas at the cuts, and places (rows, kinks) where the first operations have their kinks."""
        paths = self._paths(starts, endpoints, fixed, targets)
        lengths = paths.lengths(1)
        walk = Walk(self.graph, lengths, None, secant=True, watch=lambda leaf: None)  # noqa: ARG005
        walk.run(paths.inputs(lengths), until=self.graph.cuts)
        ends_of = [walk.values[key] for key in self.graph.cuts]
        parts = [(each.base(), each.delta("rows")) for each in ends_of if isinstance(each, Affine)]
        kinks = []
        for cuts, places in self.graph.kinks:
            kinks += [tf.reshape(each, (paths.rows, -1)) for each in places(*(parts[cut] for cut in cuts))]
        return parts, tf.concat(kinks, 1) if kinks else tf.zeros((paths.rows, 0))

    def cells(self, long: bool) -> Callable[..., Any]:
        """Outputs (segments, 2, targets, rows) at outer edges, and contributions (segments, targets, rows, features).

        `places` and `widths` (edges, rows): where cells begin, and what a cell counts, 0 at a segment's last edge;
        `segments` (segments, edges) has ones where an edge is of that segment; `outer` (segments, 2). `long`: sums are
        taken in double precision.
        """

        def run(
            starts: Any,
            endpoints: Any,
            fixed: Any,
            targets: Any,
            parts: Any,
            places: Any,
            widths: Any,
            segments: Any,
            outer: Any,
        ) -> Any:
            paths, count, many = self._paths(starts, endpoints, fixed, targets), _length(places), _length(segments)
            values, gradients = self._walked(paths, targets, places, count, many, parts, widths)
            weights = segments if long else tf.cast(segments, tf.float32)
            gradients = [[(cut, _summed(weights, each, cut)) for cut, each in found] for found in gradients]
            return tf.gather(by_node(values, count), outer), tf.cast(paths.pulled_back(gradients, many), tf.float64)

        return run

    def knots(self, layers: range) -> Callable[..., Any]:
        """How far the operations of these layers are from their kinks, (places, rows, units x kinks)."""

        def run(starts: Any, endpoints: Any, fixed: Any, targets: Any, places: Any) -> Any:
            paths, count = self._paths(starts, endpoints, fixed, targets), _length(places)
            walk = self._walk(paths, places, count, lambda leaf: None)  # noqa: ARG005
            found = [
                tf.reshape(each, (count, paths.rows, -1))
                for knots in walk.knots
                if any(knots.depth + inner in layers for inner in range(knots.layers))
                for inner, values in enumerate(knots.bends())
                if knots.depth + inner in layers
                for each in values
            ]
            return tf.concat(found, 2) if found else tf.zeros((count, paths.rows, 0), tf.float32)

        return run

    def inspect(self, starts: Any, endpoints: Any, fixed: Any, targets: Any, *, secant: bool) -> Walk:
        """Follow a few rows eagerly: what the graph is made of."""
        paths = self._paths(starts, endpoints, fixed, targets)
        places = tf.linspace(tf.constant(0.0, tf.float64), 1.0, 3)[:, None]
        lengths = paths.lengths(3)
        walk = Walk(self.graph, lengths, places, secant=secant, watch=lambda leaf: None)  # noqa: ARG005
        walk.run(paths.inputs(lengths))
        walk.finished()
        return walk

    def _paths(self, starts: Any, endpoints: Any, fixed: Any, targets: Any) -> Paths:
        return Paths(self._caller, starts, endpoints, fixed, _length(targets[0]))

    def _walk(
        self,
        paths: Paths,
        places: Any,
        count: Any,
        watch: Any,
        given: Any = None,
        *,
        secant: bool = True,
        many: Any = None,
    ) -> Walk:
        lengths = paths.lengths(count, many)
        walk = Walk(self.graph, lengths, places, secant=secant, watch=watch, given=given)
        walk.run(paths.inputs(lengths))
        return walk

    def _walked(
        self, paths: Paths, targets: Any, places: Any, count: Any, many: Any, parts: Any = None, widths: Any = None
    ) -> tuple[list[Any], list[list[tuple[Cut, Any]]]]:
        """Explained values (nodes x rows,), and their gradients (times `widths`) where the affine part ends, by target.

        The model goes forward once for all targets.
        """
        several = targets.shape[0]
        with tf.GradientTape(watch_accessed_variables=False, persistent=several > 1) as tape:
            secant = widths is not None
            walk = self._walk(paths, places, count, tape.watch, parts, secant=secant, many=several * many)
            values = explained(walk.finished(), targets, count)
        wanted = None if widths is None else tf.cast(tf.reshape(widths, [-1]), values[0].dtype)
        leaves = [cut.leaf for cut in walk.cuts]
        found = [tape.gradient(each, leaves, output_gradients=wanted) for each in values]
        del tape
        return values, [
            [(cut, each) for cut, each in zip(walk.cuts, one, strict=True) if each is not None] for one in found
        ]


def _summed(weights: Any, gradient: Any, cut: Cut) -> Any:
    """Weighted sums (sums x rows, ...) over the nodes, in the precision of the weights or the gradient's, if less."""
    by_node = tf.reshape(gradient, (tf.shape(weights)[1], -1))
    dtype = weights.dtype if by_node.dtype.size < weights.dtype.size else by_node.dtype
    total = tf.matmul(tf.cast(weights, dtype), tf.cast(by_node, dtype))
    return tf.cast(tf.reshape(total, (-1, *cut.affine.dims)), gradient.dtype)


def _all_targets(cut: Cut, gradients: Sequence[Sequence[tuple[Cut, Any]]]) -> Any:
    """Gradients (targets x many x rows, ...) at one cut, target by target; zero where an output passes it by."""
    own = [next((gradient for other, gradient in one if other is cut), None) for one in gradients]
    some = next(gradient for gradient in own if gradient is not None)
    return tf.concat([tf.zeros_like(some) if gradient is None else gradient for gradient in own], 0)


def _length(tensor: Any) -> Any:
    return tensor.shape[0] if tf.executing_eagerly() else tf.shape(tensor)[0]
