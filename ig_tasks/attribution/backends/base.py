"""What a framework does for the engine: little more than forward and backward from given points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.feeds import Fed, Route, Tables
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.structure import Segment, Structure
from ig_tasks.attribution.targets import Head
from ig_tasks.errors import InputError

__all__ = ["Backend", "Edges", "Points", "ids_within"]

Array = npt.NDArray[np.float64]
Points = dict[str, Array]
"""{path: numbers}. A path is an input of floats, or a call of a layer whose output is on a path (`Route.keys`)."""
Edges = Callable[[npt.NDArray[np.floating[Any]] | None], Array]


class Backend(Protocol):
    """One model, opened for one call of the engine. Used by one thread; several may share the model.

    Every batch is node-major: the model sees nodes x rows points, node by node. Results are float64.
    """

    framework: str
    device: str
    precision: str
    layers: dict[str, Tables]  # {input name: the layers named for it}
    epsilon: float  # machine epsilon of what the model computes in
    block_bytes: int  # activations that a batch may take: what stays in cache, or fills a device
    targets_at_once: int  # that share the forward passes of a batch
    padding_epsilon: float  # machine epsilon of a model whose sequences may come in any length; 0: leave them alone
    rounding: float  # machine epsilon of the outputs' dtype, once `probe` has seen one; 0 before
    folded: int  # units of sums that `evaluate` leaves where the affine prefix ends; 0: they are contributions

    @property
    def route(self) -> Route:
        """The calls of layers whose outputs are on paths."""
        ...

    @property
    def lanes(self) -> int:
        """Threads that rows may be divided among, each with a `lane` of its own."""
        ...

    def lane(self) -> AbstractContextManager[Backend]:
        """This backend for another thread, as it is after `inspect`, with the same model."""
        ...

    def session(self) -> AbstractContextManager[None]:
        """The model as it is wanted (inference mode, hooks), and as it was found on the way out."""
        ...

    def check_names(self, inputs: Sequence[str], fixed: Sequence[str], placed: Sequence[str] = ()) -> None:
        """Raise InputError for a name that the model does not take, or for one that is missing.

        `inputs` are empty where the model is called with one array; those `placed` are passed by position.
        """
        ...

    def takes_floats(self, name: str) -> bool:
        """Whether integers given for input `name` may be cast to floats: nothing embeds them."""
        ...

    def embedding_layers(self) -> list[str]:
        """Names of the layers in whose output a path can run."""
        ...

    def check_ids(self, layer: str, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """`ids`, if `layer` has all of them. Raises InputError."""
        ...

    def embed(self, layer: str, ids: npt.NDArray[np.int64]) -> Array:
        """Output of `layer` for `ids`: (*ids.shape, width)."""
        ...

    def gives_vectors(self, layer: str) -> bool:
        """Whether an embedding layer gives one vector per id, and does not pool them."""
        ...

    def padding_ids(self) -> list[int]:
        """Ids that layers declare as padding."""
        ...

    def choose(self, output: Head) -> None:
        """Keep the output to explain, by its name or place; None where there is one."""
        ...

    def watch(self, rows: Problem) -> tuple[Array, list[Fed]]:
        """The model itself on the rows: all outputs (rows, outputs), and what its layers that embed are fed with.

        Raises InputError for ids that a layer does not have, TargetError for an output not there.
        """
        ...

    def take_route(self, route: Route) -> None:
        """The calls of layers whose outputs are put on paths from now on; every problem is laid along them."""
        ...

    def probe(self, row: Problem) -> tuple[tuple[int, ...], int]:
        """Run one row forward: the output's axes behind the rows, bytes that a point's activations take."""
        ...

    def require_repeats(self, rows: Problem) -> None:
        """Raise ModelError where two calls on these rows differ. A model in which nothing can is not called."""
        ...

    def misfit(self, row: Problem) -> tuple[str, str] | None:
        """The input whose shape the model does not take, and what it takes in words. Asked when `probe` has failed.

        None where that cannot be said for sure: the error is then the model's own.
        """
        ...

    def inspect(self, rows: Problem) -> Structure:
        """Follow a few rows through the model. What is found is used by `evaluate`, and is what `secant` needs."""
        ...

    def recall(self, rows: Problem) -> Structure | None:
        """What `inspect` found before, if the model still gives those numbers on all of these rows; else None.

        `rows` are all that are explained. None where there are many, beside which `inspect` takes little time.
        """
        ...

    def plain(self, reason: str) -> Structure:
        """Follow the model no longer, for this reason."""
        ...

    def outputs(self, batch: Problem, *, at_start: bool = False) -> Array:
        """All outputs (rows, outputs) at the inputs, or at the baselines."""
        ...

    def path_ends(self, batch: Problem) -> tuple[Points, Points]:
        """Where the paths start (1 or rows, ...) and end (rows, ...): an embedded input's are its layer's vectors."""
        ...

    def outputs_at(self, batch: Problem, points: Points) -> Array:
        """The explained outputs (nodes, targets, rows) at any points (nodes, rows, ...) of the paths."""
        ...

    def gradients(self, batch: Problem, points: Points) -> tuple[Array, Points]:
        """The same outputs, and their gradients (nodes, targets, rows, ...) with respect to the points."""
        ...

    def start_gradient(self, row: Problem) -> Any:
        """Gradient of the explained output at a shared baseline, in whatever form `evaluate` takes it."""
        ...

    def evaluate(
        self,
        batch: Problem,
        nodes: Array,
        weights: Array,
        start_gradient: Any = None,
        start_weights: Array | None = None,
    ) -> tuple[Array, Array]:
        """Outputs (nodes, targets, rows) along the paths, and sums (levels, targets, rows, features).

        `weights` is (levels, nodes); a contribution is gradient x (end - start), summed over an embedding's
        width. A `start_gradient` counts as one more node, with `start_weights` (levels,).

        Where the model is `folded`, the sums are of gradients behind the affine prefix, (levels, targets, rows, units),
        and there is no start gradient: a baseline that rows share is one row of the node at 0.
        """
        ...

    def unfold(self, batch: Problem, sums: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
        """Contributions (levels, targets, rows, features) of sums that `evaluate` gave, in the model's precision."""
        ...

    def secant(self, batch: Problem, edges: Edges, segments: Sequence[Segment]) -> tuple[Array, Array]:
        """Outputs (segments, 2, targets, rows) at the outer edges of segments, and sums over them.

        `edges` chooses each row's own edges, in [0, 1] and ascending within a segment: (all segments' edges, rows).
        It is given the places (rows, kinks) where the first nonlinear operation has its kinks along each path
        (those off the path too; not finite where a unit has no kink), or None if the model has no kinks.
        Raises NotFollowed where rows take a way that `inspect` did not see.
        """
        ...

    def knots(
        self, batch: Problem, places: Array, layers: range
    ) -> Iterator[tuple[slice, npt.NDArray[np.floating[Any]]]]:
        """How far operations are from their kinks, block by block.

        A block is rows and their (places, rows, units x kinks); `places` are (places, rows). `layers` count layers of
        nonlinear operations from 0 (`Structure.pieces` has their number). An element changes its sign where its
        operation changes its slope.
        """
        ...

    def out_of_memory(self, error: BaseException) -> bool:
        """Whether `error` says that memory ran out, and cleans up if so."""
        ...


def ids_within(ids: npt.NDArray[np.int64], size: int | None, layer: str) -> npt.NDArray[np.int64]:
    """`ids`, if an embedding of `size` rows (None: unknown) has all of them. Raises InputError.

    On a device an id from outside reads whatever lies there, so that it is never left to the framework.
    """
    if size is not None and ids.size and (ids.min() < 0 or ids.max() >= size):
        wrong = int(ids.min() if ids.min() < 0 else ids.max())
        raise InputError(f"inputs: id {wrong} is outside layer '{layer}', which has 0 to {size - 1}")
    return ids
