"""Keras on TensorFlow: points along paths through `model(...)`, gradients by tape inside a traced function.

Imported only when the model to explain is a keras.Model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import keras  # noqa: TID253 - this module is the framework's own, loaded lazily
import numpy as np
import numpy.typing as npt
import tensorflow as tf  # noqa: TID253

from ig_tasks.attribution.backends.base import Edges, ids_within
from ig_tasks.attribution.backends.keras.look import look
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
from ig_tasks.attribution.repeating import require_same
from ig_tasks.attribution.structure import PLAIN, Segment, Structure
from ig_tasks.attribution.targets import Head
from ig_tasks.errors import InputError, LayerError, suggest

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

    def __init__(self, model: Any, layers: dict[str, str], precision: str, device: str | None) -> None:
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
        for name in layers.values():
            if name not in known:
                listed = embedding_layers(self.model) or list(known)
                raise LayerError(f"layers: the model has no layer '{name}'{suggest(name, listed, noun='layers')}")
        self._layers = {name: known[name] for name in layers.values()}
        self._dtype = float_dtype(self.model)
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
        self._epsilon = _EPSILONS.get(self._dtype, _EPSILONS["float32"])
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

    def embed(self, layer: str, ids: npt.NDArray[np.int64]) -> Array:
        try:
            vectors = self._layers[layer](tf.constant(ids), training=False)
        except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            raise LayerError(f"layers: '{layer}' does not take ids on its own: {str(error).splitlines()[0]}") from error
        if not tf.is_tensor(vectors) or tuple(vectors.shape[: ids.ndim]) != ids.shape:
            raise LayerError(f"layers: '{layer}' gives not one vector an id, so attributions cannot be summed to ids")
        return np.asarray(vectors, dtype=np.float64)

    def probe(self, row: Problem, output: Head) -> tuple[tuple[int, ...], int]:
        self._output = output
        program, arguments = self._program(row)
        kinds = program.kinds(arguments)
        if self._restore is None and (kinds is None or writes(kinds)):
            self._restore = remembered(self.model)
        program.check_layers(arguments)
        tail = program.tail(arguments)
        self.require_repeats(row)
        width = sum(int(np.prod(end.shape[1:])) for end in row.ends.values())
        return tail, point_bytes(self.model, width)

    def require_repeats(self, rows: Problem) -> None:
        program, arguments = self._program(rows)
        if may_differ(program.kinds(arguments) or frozenset()):
            require_same(self.outputs(rows), self.outputs(rows), self._epsilon)
        if kept_on(self.model):
            first, again = (np.asarray(program.as_called(arguments), np.float64) for _ in range(2))
            require_same(first, again, self._epsilon)

    def misfit(self, row: Problem) -> tuple[str, str] | None:
        declared = declared_shapes(self.model, self._given)
        if not self._given:
            declared = dict(zip(row.ends, declared.values(), strict=False)) if len(declared) == 1 else {}
        for name, end in (row.ends | row.fixed).items():
            if name in declared and isinstance(end, np.ndarray) and not fits(end.shape, declared[name]):
                sizes = ["any" if size is None else str(size) for size in declared[name]]
                return name, f"(rows, {', '.join(sizes)})" if sizes else "(rows,)"
        return None

    def look(self, row: Problem) -> Structure:
        self._structure = look(*self._program(row))
        return self._structure

    def plain(self, reason: str) -> Structure:
        self._structure = Structure(reason=reason)
        return self._structure

    def outputs(self, batch: Problem, *, at_start: bool = False) -> Array:
        program, arguments = self._program(batch)
        return np.asarray(program.outputs(arguments, at_start))

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
        last = np.cumsum([segment.edges for segment in segments]) - 1
        first = last - [segment.edges - 1 for segment in segments]
        place = np.arange(last[-1] + 1)
        within = (place >= first[:, None]) & (place <= last[:, None])
        inner = np.isin(place, last, invert=True)
        cells = (inner.astype(np.float64), within.astype(np.float64), np.stack([first, last], axis=1))
        values, sums = program.secant(arguments, edges, cells)
        return np.asarray(values), np.asarray(sums)

    def knots(self, batch: Problem, places: Array, layer: int) -> Iterator[tuple[slice, Array]]:
        program, arguments = self._program(batch)
        yield slice(0, batch.rows), np.asarray(program.knots(arguments, places, layer))

    def out_of_memory(self, error: BaseException) -> bool:
        return isinstance(error, tf.errors.ResourceExhaustedError | MemoryError)

    # -- arrays ------------------------------------------------------------------------------------------

    def _arguments(self, batch: Problem) -> Arguments:
        """Starts, ends, fixed inputs and targets in the dtypes in which the program takes them."""
        known = functional_inputs(self.model, self._given) if self._given else {}

        def points(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
            if name in self.layers and array.dtype.kind in "iub":
                # The dtype of the model's own input, so that Keras hands the same tensor on to the layer.
                return array.astype(known.get(name, array.dtype), copy=False)
            declared = self._dtype if name in self.layers else known.get(name, self._dtype)
            return array.astype(cast_float(declared), copy=False)

        ends = {name: points(name, end) for name, end in batch.ends.items()}
        starts = {name: points(name, start) for name, start in batch.starts.items()}
        fixed = {
            name: value.astype(known.get(name, value.dtype), copy=False) if isinstance(value, np.ndarray) else value
            for name, value in batch.fixed.items()
        }
        return starts, ends, fixed, batch.targets

    def _program(self, batch: Problem) -> tuple[Program, Arguments]:
        """The traced functions for a batch like this, and its arguments."""
        arguments = self._arguments(batch)
        signature = Signature.of(
            *arguments[:3],
            layers=self.layers,
            output=self._output,
            named=bool(self._given),
            names=output_names(self.model),
            placed=self._placed,
        )
        if signature not in self._programs:
            self._programs[signature] = program_for(self.model, signature, self._layers)
        return self._programs[signature], arguments


def _device(name: str) -> str:
    """The device as TensorFlow names it: "cuda:0" is its "GPU:0". Raises InputError."""
    wanted = name.upper().replace("CUDA", "GPU")
    known = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    if wanted not in known and f"{wanted}:0" not in known:
        raise InputError(f"device: '{name}' is not there{suggest(wanted, known, noun='devices')}")
    return f"/device:{wanted if ':' in wanted else f'{wanted}:0'}"
