"""Keras on TensorFlow: points along paths through `model(...)`, gradients by tape inside a traced function.

Imported only when the model to explain is a keras.Model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras  # noqa: TID253 - this module is the framework's own, loaded lazily
import numpy as np
import numpy.typing as npt
import tensorflow as tf  # noqa: TID253

from ig_tasks.attribution.backends.base import Edges, Points, ids_within
from ig_tasks.attribution.backends.keras.inspection import inspect_model
from ig_tasks.attribution.backends.keras.model import (
    cast_copy,
    declared_shapes,
    embedding_layers,
    fits,
    float_dtype,
    functional_inputs,
    keyword_names,
    layers_by_name,
    output_names,
    point_bytes,
)
from ig_tasks.attribution.backends.keras.program import Arguments, Program, program_for
from ig_tasks.attribution.backends.keras.signature import Signature, cast_float
from ig_tasks.attribution.backends.keras.state import kept_on, may_differ, remembered, require_stateless, writes
from ig_tasks.attribution.feeds import Fed, Route, Tables
from ig_tasks.attribution.repeating import require_same
from ig_tasks.attribution.structure import PLAIN, Segment, Structure
from ig_tasks.attribution.targets import Head
from ig_tasks.errors import InputError, LayerError, ModelError, brief, suggest

if TYPE_CHECKING:
    from ig_tasks.attribution.problem import Problem

__all__ = ["KerasBackend"]

Array = npt.NDArray[np.float64]

_EPSILONS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
_CPU_BLOCK = 24 << 20
_GPU_BLOCK = 1 << 30  # TensorFlow takes a device's memory whole and does not say what is left of it


class KerasBackend:
    """A keras.Model on TensorFlow. See `Backend` for what the methods promise."""

    framework = "tensorflow"
    targets_at_once = 8  # backward passes are traced one by one, which takes a while
    padding_epsilon = 0.0  # every length of a sequence would be traced anew

    def __init__(self, model: Any, layers: dict[str, Tables], precision: str, device: str | None) -> None:
        if keras.backend.backend() != "tensorflow":
            raise InputError(
                f"model: Keras runs on {keras.backend.backend()}; set KERAS_BACKEND=tensorflow before importing it"
            )
        if precision == "bfloat16":
            raise InputError(
                "precision: a Keras model's is its dtype policy; build it with 'mixed_bfloat16', or use 'model'"
            )
        require_stateless(model)
        self.model = cast_copy(model) if precision == "float64" else model
        self.layers, self.precision = layers, precision
        known = layers_by_name(self.model)
        named = list(dict.fromkeys(name for tables in layers.values() for name in tables.names))
        for name in named:
            if name not in known:
                listed = embedding_layers(self.model) or list(known)
                raise LayerError(f"layers: the model has no layer '{name}'{suggest(name, listed, noun='layers')}")
        self._layers = {name: known[name] for name in (*named, *(embedding_layers(self.model) if layers else ()))}
        self.route = Route()
        self._tail: tuple[int, ...] | None = None  # the output's axes behind the rows, once they are known
        self._dtype = float_dtype(self.model)
        self.rounding = _EPSILONS.get(self._dtype, 0.0)
        self._place = None if device is None else _device(device)
        gpus = tf.config.list_logical_devices("GPU")
        self.device = device or ("gpu:0" if gpus else "cpu")
        self.folded, self.lanes = 0, 1
        self.block_bytes = _GPU_BLOCK if "gpu" in self.device.lower() else _CPU_BLOCK
        self._given: tuple[str, ...] = ()  # names of inputs; empty where the model is called with one array
        self._placed: tuple[str, ...] = ()
        self._output: Head = None
        self._programs: dict[Signature, Program] = {}
        self._structure = PLAIN
        self.epsilon = _EPSILONS.get(self._dtype, _EPSILONS["float32"])
        self._restore: Callable[[], None] | None = None  # what calls of the model leave in its variables

    @contextmanager
    def lane(self) -> Iterator[KerasBackend]:
        yield self

    @contextmanager
    def session(self) -> Iterator[None]:
        try:
            with nullcontext() if self._place is None else tf.device(self._place):
                yield
        finally:
            if self._restore is not None:
                self._restore()
                self._restore = None

    def check_names(self, inputs: Sequence[str], fixed: Sequence[str], placed: Sequence[str] = ()) -> None:
        self._given, self._placed = (*inputs, *fixed) if inputs else (), tuple(placed)
        known, keywords = functional_inputs(self.model, self._given), keyword_names(self.model)
        if not inputs or placed or known:
            for name in (*inputs, *fixed):
                if name in known and not inputs:
                    raise InputError("inputs: with fixed= give the inputs by name, as a dict")
                if name not in known and name not in keywords and name not in placed:
                    listed = [*known, *keywords]
                    raise InputError(f"inputs: the model takes no '{name}'{suggest(name, listed, noun='inputs')}")
        if not inputs:
            if len(known) > 1:
                raise InputError(f"inputs: the model takes {len(known)}, {', '.join(known)}; give a dict by input name")
            return
        for name in known:
            if name not in inputs and name not in fixed:
                raise InputError(f"inputs: the model's '{name}' is missing; explain it, or pass it in fixed=")

    def takes_floats(self, name: str) -> bool:
        known = functional_inputs(self.model, self._given)
        if known:
            dtype = known[name] if self._given else next(iter(known.values()))
            return "int" not in dtype
        return not self.embedding_layers()

    def embedding_layers(self) -> list[str]:
        return embedding_layers(self.model)

    def check_ids(self, layer: str, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return ids_within(ids, getattr(self._layers[layer], "input_dim", None), layer)

    def gives_vectors(self, layer: str) -> bool:
        return isinstance(self._layers[layer], keras.layers.Embedding)

    def padding_ids(self) -> list[int]:
        return [0] if any(getattr(layer, "mask_zero", False) for layer in self._layers.values()) else []

    def choose(self, output: Head) -> None:
        self._output = output

    def take_route(self, route: Route) -> None:
        self.route = route

    def watch(self, rows: Problem) -> tuple[Array, list[Fed]]:
        program, arguments = self._as_it_is(rows)
        self._keep_state(program, arguments)
        outputs, calls = program.watch(arguments)
        self._tail = program.tail(arguments)
        if len(outputs) != rows.rows:
            raise ModelError(f"model: {rows.rows} rows went in, {len(outputs)} came out; it mixes rows")
        found = []
        for seen, fed in calls:
            ids = None if fed is None else np.asarray(np.rint(fed)).astype(np.int64)
            given = {**rows.endpoints, **rows.fixed}[seen.same] if seen.same is not None else ids
            size = getattr(self._layers[seen.layer], "input_dim", None)
            if given is not None and isinstance(size, int):
                ids_within(np.asarray(given).astype(np.int64), size, seen.layer)
            found.append(Fed(seen.layer, seen.call, seen.same, ids))
        return np.asarray(outputs), found

    def embed(self, layer: str, ids: npt.NDArray[np.int64]) -> Array:
        try:
            vectors = self._layers[layer](tf.constant(ids), training=False)
        except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            raise LayerError(f"layers: '{layer}' does not take ids on its own: {brief(error)}") from error
        if not tf.is_tensor(vectors) or tuple(vectors.shape[: ids.ndim]) != ids.shape:
            raise LayerError(
                f"layers: '{layer}' does not return one vector per id, so attributions cannot be summed to ids"
            )
        return np.asarray(vectors, dtype=np.float64)

    def probe(self, row: Problem) -> tuple[tuple[int, ...], int]:
        if self.layers:
            self.watch(row)
        else:
            program, arguments = self._program(row)
            self._keep_state(program, arguments)
            self._tail = program.tail(arguments)
        tail = self._tail or ()
        self.require_repeats(row)
        width = sum(int(np.prod(end.shape[1:])) for end in row.endpoints.values())
        return tail, point_bytes(self.model, width)

    def require_repeats(self, rows: Problem) -> None:
        program, arguments = self._as_it_is(rows)
        if may_differ(program.kinds(arguments) or frozenset()):
            first, again = (self.watch(rows)[0] if self.layers else self.outputs(rows) for _ in range(2))
            require_same(first, again, self.epsilon)
        if kept_on(self.model):
            first, again = (np.asarray(program.as_called(arguments), np.float64) for _ in range(2))
            require_same(first, again, self.epsilon)

    def _as_it_is(self, rows: Problem) -> tuple[Program, Arguments]:
        """The program of the model with nothing put in place of a layer's output."""
        bare = replace(rows, starts={}, fed={}, fed_starts={}, targets=rows.targets[:1]) if self.layers else rows
        return self._program(bare, Route())

    def _keep_state(self, program: Program, arguments: Arguments) -> None:
        """Before the model runs for the first time: what its calls write is taken back at the end of the session."""
        if self._restore is None:
            kinds = program.kinds(arguments)
            if kinds is None or writes(kinds):
                self._restore = remembered(self.model.variables)

    def misfit(self, row: Problem) -> tuple[str, str] | None:
        declared = declared_shapes(self.model, self._given)
        if not self._given:
            declared = dict(zip(row.endpoints, declared.values(), strict=False)) if len(declared) == 1 else {}
        for name, end in (row.endpoints | row.fixed).items():
            if name in declared and isinstance(end, np.ndarray) and not fits(end.shape, declared[name]):
                sizes = ["any" if size is None else str(size) for size in declared[name]]
                return name, f"(rows, {', '.join(sizes)})" if sizes else "(rows,)"
        return None

    def inspect(self, row: Problem) -> Structure:
        self._structure = inspect_model(*self._program(row))
        return self._structure

    def recall(self, rows: Problem) -> None:  # noqa: ARG002 - a look is kept with the traced functions
        return None

    def plain(self, reason: str) -> Structure:
        self._structure = Structure(reason=reason)
        return self._structure

    def outputs(self, batch: Problem, *, at_start: bool = False) -> Array:
        program, arguments = self._program(batch)
        return np.asarray(program.outputs(arguments, at_start))

    def path_ends(self, batch: Problem) -> tuple[Points, Points]:
        program, arguments = self._program(batch)
        starts, endpoints = program.path_ends(arguments)
        return _float64(starts), _float64(endpoints)

    def outputs_at(self, batch: Problem, points: Points) -> Array:
        program, arguments = self._program(batch)
        return np.asarray(program.outputs_at(arguments, points))

    def gradients(self, batch: Problem, points: Points) -> tuple[Array, Points]:
        program, arguments = self._program(batch)
        values, found = program.gradients(arguments, points)
        return np.asarray(values), _float64(found)

    def start_gradient(self, row: Problem) -> Any:
        program, arguments = self._program(row)
        return program.start_gradient(arguments)

    def evaluate(
        self,
        batch: Problem,
        nodes: Array,
        weights: Array,
        start_gradient: Any = None,
        start_weights: Array | None = None,
    ) -> tuple[Array, Array]:
        program, arguments = self._program(batch)
        values, sums = program.evaluate(arguments, nodes, weights, self._structure.followed)
        if start_gradient is None or start_weights is None:
            return np.asarray(values), np.asarray(sums)
        first = np.asarray(program.start_contributions(arguments, start_gradient))
        with np.errstate(invalid="ignore"):  # a row that is not finite
            return np.asarray(values), np.asarray(sums) + start_weights[:, None, None, None] * first

    def unfold(self, batch: Problem, sums: npt.NDArray[np.floating[Any]]) -> Array:  # noqa: ARG002
        return np.asarray(sums, dtype=np.float64)

    def secant(self, batch: Problem, edges: Edges, segments: Sequence[Segment]) -> tuple[Array, Array]:
        program, arguments = self._program(batch)
        values, sums = program.secant(arguments, edges, segments)
        return np.asarray(values), np.asarray(sums)

    def knots(self, batch: Problem, places: Array, layers: range) -> Iterator[tuple[slice, Array]]:
        program, arguments = self._program(batch)
        yield slice(0, batch.rows), np.asarray(program.knots(arguments, places, layers))

    def out_of_memory(self, error: BaseException) -> bool:
        return isinstance(error, tf.errors.ResourceExhaustedError | MemoryError)

    # -- arrays ------------------------------------------------------------------------------------------

    def _arguments(self, batch: Problem) -> Arguments:
        """Starts, ends, fixed inputs and targets in the dtypes in which the program takes them."""
        known = functional_inputs(self.model, self._given) if self._given else {}

        def points(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
            fed = name in batch.fed
            if fed and array.dtype.kind in "iub":
                return array
            return array.astype(cast_float(self._dtype if fed else known.get(name, self._dtype)), copy=False)

        endpoints = {
            name: points(name, end) for name, end in (batch.endpoints | batch.fed).items() if name not in self.layers
        }
        started = {**batch.starts, **batch.fed_starts}
        starts = {name: points(name, start) for name, start in started.items() if name not in self.layers}
        # Keras hands the tensor of an input on to a layer as it is, if it has the input's own dtype.
        given = {**batch.fixed, **{name: batch.endpoints[name] for name in self.layers}}
        fixed = {
            name: value.astype(known.get(name, value.dtype), copy=False) if isinstance(value, np.ndarray) else value
            for name, value in given.items()
        }
        return starts, endpoints, fixed, batch.targets

    def _program(self, batch: Problem, route: Route | None = None) -> tuple[Program, Arguments]:
        """The traced functions for a batch like this, and its arguments."""
        arguments = self._arguments(batch)
        signature = Signature.of(
            *arguments[:3],
            explained=batch.endpoints,
            route=self.route if route is None else route,
            output=self._output,
            named=bool(self._given),
            names=output_names(self.model),
            placed=self._placed,
        )
        if signature not in self._programs:
            program = self._programs[signature] = program_for(self.model, signature, self._layers)
            if program.caller.tail is None:
                program.caller.tail = self._tail
        return self._programs[signature], arguments


def _float64(tensors: dict[str, Any]) -> Points:
    return {name: np.asarray(tensor, dtype=np.float64) for name, tensor in tensors.items()}


def _device(name: str) -> str:
    """The device as TensorFlow names it: "cuda:0" is its "GPU:0". Raises InputError."""
    wanted = name.upper().replace("CUDA", "GPU")
    known = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    if wanted not in known and f"{wanted}:0" not in known:
        raise InputError(f"device: '{name}' is not there{suggest(wanted, known, noun='devices')}")
    return f"/device:{wanted if ':' in wanted else f'{wanted}:0'}"
