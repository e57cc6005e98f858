"""PyTorch: points along paths through `model(...)`, gradients by autograd.

Imported only when the model to explain is a torch.nn.Module.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.base import Edges, Points, ids_within
from ig_tasks.attribution.backends.torch.call import Caller, Tensors
from ig_tasks.attribution.backends.torch.causes import causes_named, require_weights
from ig_tasks.attribution.backends.torch.chain import Chain
from ig_tasks.attribution.backends.torch.follow import DRAWS
from ig_tasks.attribution.backends.torch.gradient_loss import where_gradient_is_lost
from ig_tasks.attribution.backends.torch.inspection import inspect_model
from ig_tasks.attribution.backends.torch.misfit import first_misfit
from ig_tasks.attribution.backends.torch.model import (
    accepted_names,
    as_wanted,
    cast_copy,
    embedding_layers,
    float_dtype,
    saved_bytes,
)
from ig_tasks.attribution.backends.torch.path_sums import (
    Lines,
    cells,
    cells_by_chain,
    distances,
    folded_by_chain,
    nodes_behind_prefix,
    nodes_by_chain,
    nodes_plain,
    unfolded,
)
from ig_tasks.attribution.backends.torch.recall import FEW_ROWS, recalled
from ig_tasks.attribution.backends.torch.state import Remembered
from ig_tasks.attribution.feeds import Fed, Route, Tables
from ig_tasks.attribution.repeating import require_same
from ig_tasks.attribution.structure import PLAIN, Segment, Structure
from ig_tasks.attribution.targets import Head
from ig_tasks.errors import InputError, LayerError, ModelError, suggest

if TYPE_CHECKING:
    from ig_tasks.attribution.problem import Problem

__all__ = ["TorchBackend"]

Array = npt.NDArray[np.float64]

_CPU_BLOCK = 12 << 20  # about what the last-level cache of one socket's core pair keeps
_CHAIN_BLOCK = 64 << 20  # a chain cuts its batch into blocks of its own; only rows are laid out whole
# Freeing a block of this size tells glibc's allocator to keep blocks up to it on its heap. Without it, every
# activation of a batch is mapped, zeroed and unmapped by the system, which takes longer than most operations do.
_HEAP = 31 << 20
_CERTAIN = 1e-6  # with a coarser epsilon, what padding does is lost in rounding
_EMBEDS = (torch.nn.Embedding, torch.nn.EmbeddingBag)
_GUESSED = 64  # times the bytes of its inputs that a point may save where that cannot be counted
_GPU_SHARE = 4  # a quarter of what is free on a device


class TorchBackend:
    """A torch.nn.Module. See `Backend` for what the methods promise."""

    framework = "torch"
    targets_at_once = 1 << 20  # backward passes are taken one after the other

    def __init__(self, model: torch.nn.Module, layers: dict[str, Tables], precision: str, device: str | None) -> None:
        model = getattr(model, "_orig_mod", model)  # hooks do not reach into compiled graphs
        require_weights(model)
        self.model = cast_copy(model, torch.float64 if precision == "float64" else None, device)
        self.layers, self.precision = layers, precision
        self._device = next((p.device for p in self.model.parameters()), torch.device(device or "cpu"))
        self.device = str(self._device)
        modules = dict(self.model.named_modules())
        named = list(dict.fromkeys(name for tables in layers.values() for name in tables.names))
        for name in named:
            if name not in modules or not name:
                known = embedding_layers(self.model) or [key for key in modules if key]
                raise LayerError(f"layers: the model has no layer '{name}'{suggest(name, known, noun='layers')}")
        embeds = [name for name, module in modules.items() if name and isinstance(module, _EMBEDS)] if layers else []
        self._layers = {name: modules[name] for name in (*named, *embeds)}
        self._caller = Caller(
            self.model, layers, self._layers, self._device, float_dtype(self.model), double=precision == "float64"
        )
        epsilon = torch.finfo(float_dtype(self.model) or torch.float32).eps
        self.padding_epsilon = epsilon if precision != "bfloat16" and epsilon < _CERTAIN else 0.0
        self.epsilon = epsilon if precision != "bfloat16" else torch.finfo(torch.bfloat16).eps
        self._structure = PLAIN
        self._chain: Chain | None = None
        self._remembered: Remembered | None = None
        self._latest: Lines | None = None  # sums are unfolded right after they were taken
        self.folded, self.lanes, self.rounding = 0, 1, 0.0
        self.block_bytes = _CPU_BLOCK
        if self._device.type == "cuda":
            self.block_bytes = int(torch.cuda.mem_get_info(self._device)[0]) // _GPU_SHARE

    @contextmanager
    def session(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(mode=False))
            stack.enter_context(torch.enable_grad())
            torch.empty(_HEAP, dtype=torch.uint8)
            self._remembered = stack.enter_context(as_wanted(self.model, self._device))
            stack.enter_context(self._caller.paths.hooked())
            if self.precision == "bfloat16":
                stack.enter_context(torch.autocast(self._device.type, torch.bfloat16))
            yield

    @contextmanager
    def lane(self) -> Iterator[TorchBackend]:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # in this thread
        own = copy(self)
        own._caller, own._latest = self._caller.copy(), None
        try:
            with own.session():
                yield own
        finally:
            torch.set_num_threads(threads)

    def check_names(self, inputs: Sequence[str], fixed: Sequence[str], placed: Sequence[str] = ()) -> None:
        self._caller.named, self._caller.placed = bool(inputs), tuple(placed)
        known, required, open_ended = accepted_names(self.model)
        if open_ended and not known:
            return
        for name in (*inputs, *fixed):
            if name not in known and name not in placed and not open_ended:
                raise InputError(f"inputs: the model takes no '{name}'{suggest(name, known, noun='inputs')}")
        left = [] if inputs else [name for name in required if name not in fixed]
        if len(left) > 1:
            listed = ", ".join(left)
            raise InputError(f"inputs: the model takes {len(left)}, {listed}; give a tuple in this order, or a dict")
        if self._caller.named:
            for name in required:
                if name not in inputs and name not in fixed:
                    raise InputError(f"inputs: the model's '{name}' is missing; explain it, or pass it in fixed=")

    def takes_floats(self, name: str) -> bool:  # noqa: ARG002
        return not self.embedding_layers()

    def embedding_layers(self) -> list[str]:
        return embedding_layers(self.model)

    def gives_vectors(self, layer: str) -> bool:
        return isinstance(self._layers[layer], torch.nn.Embedding)

    def padding_ids(self) -> list[int]:
        found = [getattr(module, "padding_idx", None) for module in self._layers.values()]
        return [index for index in found if isinstance(index, int)]

    def check_ids(self, layer: str, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return ids_within(ids, getattr(self._layers[layer], "num_embeddings", None), layer)

    def choose(self, output: Head) -> None:
        self._caller.output = output

    def watch(self, rows: Problem) -> tuple[Array, list[Fed]]:
        outputs, fed = self._caller.watch(rows)
        return _float64(outputs), fed

    @property
    def route(self) -> Route:
        return self._caller.route

    def take_route(self, route: Route) -> None:
        self._caller.route, self._latest = route, None

    def embed(self, layer: str, ids: npt.NDArray[np.int64]) -> Array:
        return _float64(self._caller.embed(layer, torch.tensor(ids, device=self._device)))

    def probe(self, row: Problem) -> tuple[tuple[int, ...], int]:
        endpoints = self._caller.endpoints(row)
        with torch.no_grad():
            outputs = self._caller.call(endpoints, row, 1)
            self._caller.require_row_axis(row)
        points = {name: end.clone().requires_grad_() for name, end in endpoints.items()}
        own = sum(end.numel() * end.element_size() for end in endpoints.values())
        with causes_named():
            try:
                with saved_bytes(self.model) as saved:
                    values = self._caller.call(points, row, 1)
            except RuntimeError as error:
                if "saved tensor hooks" not in str(error):
                    raise
                # torch.func inside the model allows none: what it saves is guessed.
                values, saved = self._caller.call(points, row, 1), dict.fromkeys(range(_GUESSED), own)
            depends = _depends(values, list(points.values()))
        if outputs.is_floating_point() and not torch.equal(outputs, values.detach()):
            with torch.no_grad():
                again = self._caller.call(endpoints, row, 1)
            require_same(_float64(outputs), _float64(again), torch.finfo(outputs.dtype).eps)
        if not (outputs.is_floating_point() and depends):
            whole = f"its output is {outputs.dtype}, which has no gradient; explain logits or probabilities"
            detached = "its output does not depend on the inputs through differentiable operations"
            float_out = outputs.is_floating_point()
            lost = where_gradient_is_lost(
                self.model, points.values(), lambda: self._caller.call(points, row, 1), advise=float_out
            )
            raise ModelError(f"model: {detached if float_out else whole}{lost}")
        self.rounding = torch.finfo(outputs.dtype).eps
        # Beside what is saved for the backward pass there are the points, their gradients and the sums.
        return self._caller.tail, sum(saved.values()) + 6 * own

    def require_repeats(self, rows: Problem) -> None:
        looked_at = self._structure is not PLAIN
        if not looked_at or self._structure.reason.startswith(DRAWS) or (self._remembered and self._remembered.changed):
            epsilon = torch.finfo(float_dtype(self.model) or torch.float32).eps
            require_same(self.outputs(rows), self.outputs(rows), epsilon)

    def misfit(self, row: Problem) -> tuple[str, str] | None:
        endpoints = {name: end.clone() for name, end in self._caller.endpoints(row).items()}
        given = {name: end for name, end in endpoints.items() if name in row.endpoints}
        with torch.no_grad():
            return first_misfit(self.model, given, lambda: self._caller.call(endpoints, row, 1, lend=True))

    def inspect(self, rows: Problem) -> Structure:
        self._structure, self._chain, self.folded, self.lanes = PLAIN, None, 0, 1
        if self.precision == "bfloat16":
            return Structure(reason="sums in bfloat16 are taken at the inputs")
        self._take(*inspect_model(self._caller, rows, self.out_of_memory))
        self._fold(rows)
        return self._structure

    def recall(self, rows: Problem) -> Structure | None:
        if rows.rows > FEW_ROWS or self.precision == "bfloat16":
            return None
        self._latest = Lines.of(self._caller, rows)
        try:
            found = recalled(self._latest)
        except Exception as error:
            if not self.out_of_memory(error):
                raise
            found = None
        if found is None:
            return None
        self._take(*found)
        self._fold(rows)
        return self._structure

    def _take(self, structure: Structure, chain: Chain | None) -> None:
        self._structure, self._chain = structure, chain
        if self._structure.followed and self._device.type == "cpu":
            # Points at the inputs, which `probe` counts, are not laid out.
            self.block_bytes = 2 * _CPU_BLOCK if self._chain is None else _CHAIN_BLOCK
        self.lanes = torch.get_num_threads() if self._chain is not None and self._device.type == "cpu" else 1

    def _fold(self, rows: Problem) -> None:
        """Sums are taken where the affine part ends, if there are far fewer units than features."""
        if self._chain is not None:
            units = sum(cut.delta.shape[1] for cut in self._lines(rows).cuts(self._chain))
            self.folded = units if 2 * units <= rows.features else 0

    def plain(self, reason: str) -> Structure:
        self._structure, self._chain = Structure(reason=reason), None
        self.folded, self.lanes = 0, 1
        return self._structure

    def outputs(self, batch: Problem, *, at_start: bool = False) -> Array:
        points = self._caller.endpoints(batch)
        if at_start:
            points = {name: start.expand_as(points[name]) for name, start in self._caller.starts(batch).items()}
        with torch.no_grad():
            return _float64(self._caller.call(points, batch, 1))

    def path_ends(self, batch: Problem) -> tuple[Points, Points]:
        starts, endpoints = self._caller.starts(batch), self._caller.endpoints(batch)
        return (
            {name: _float64(start) for name, start in starts.items()},
            {name: _float64(end) for name, end in endpoints.items()},
        )

    def outputs_at(self, batch: Problem, points: Points) -> Array:
        count = _nodes(points)
        with torch.no_grad():
            outputs = self._caller.call(self._caller.at(points), batch, count)
            values = self._caller.explained(outputs, batch, count)
        return _float64(values.view(len(values), count, batch.rows).transpose(0, 1))

    def gradients(self, batch: Problem, points: Points) -> tuple[Array, Points]:
        count = _nodes(points)
        at = {name: point.requires_grad_() for name, point in self._caller.at(points).items()}
        values, found = self._caller.gradients(at, batch, count)
        return _float64(values.view(len(values), count, batch.rows).transpose(0, 1)), {
            name: _float64(each.view(len(each), count, batch.rows, *each.shape[2:]).transpose(0, 1))
            for name, each in found.items()
        }

    def start_gradient(self, row: Problem) -> Tensors:
        points = {name: start.clone().requires_grad_() for name, start in self._caller.starts(row).items()}
        return self._caller.gradients(points, row, 1)[1]

    def evaluate(
        self,
        batch: Problem,
        nodes: Array,
        weights: Array,
        start_gradient: Tensors | None = None,
        start_weights: Array | None = None,
    ) -> tuple[Array, Array]:
        lines = self._lines(batch)
        places, matrix = self._tensor(nodes)[:, None], self._tensor(weights)
        if self._chain is not None and self.folded:
            values, sums = folded_by_chain(lines, self._chain, places, matrix)
        elif self._chain is not None:
            values, sums = nodes_by_chain(lines, self._chain, places, matrix)
        # A prefix pays where sums pulled back are far fewer than nodes; else the plain path takes less.
        elif self._structure.followed and nodes.size >= 2 * len(matrix):
            values, sums = nodes_behind_prefix(lines, places, matrix)
        else:
            values, sums = nodes_plain(lines, places, matrix)
        if start_gradient is not None and start_weights is not None:
            first = lines.contributions({name: gradient[None] for name, gradient in start_gradient.items()})[0]
            sums = sums.double()
            for level in np.flatnonzero(start_weights):
                sums[level] += start_weights[level] * first
        return _float64(values), _float64(sums)

    def unfold(self, batch: Problem, sums: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
        if not self.folded or self._chain is None:
            return sums
        return np.asarray(unfolded(self._lines(batch), self._chain, self._tensor(sums)).detach().cpu().numpy())

    def secant(self, batch: Problem, edges: Edges, segments: Sequence[Segment]) -> tuple[Array, Array]:
        if self._chain is not None:
            values, sums = cells_by_chain(self._lines(batch), self._chain, edges, segments)
        else:
            values, sums = cells(Lines.of(self._caller, batch), self._structure, edges, segments)
        return _float64(values), _float64(sums)

    def knots(self, batch: Problem, places: Array, layers: range) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
        for rows, found in distances(Lines.of(self._caller, batch), self._chain, self._tensor(places), layers):
            yield rows, np.asarray(found.detach().cpu().numpy())

    def out_of_memory(self, error: BaseException) -> bool:
        words = str(error).lower()
        ours = isinstance(error, torch.OutOfMemoryError | MemoryError) or (
            isinstance(error, RuntimeError) and ("out of memory" in words or "can't allocate memory" in words)
        )
        if ours and self._device.type == "cuda":
            torch.cuda.empty_cache()
        return ours

    def _tensor(self, array: npt.NDArray[np.floating[Any]]) -> torch.Tensor:
        return torch.as_tensor(array, device=self._device)

    def _lines(self, batch: Problem) -> Lines:
        if self._latest is None or self._latest.batch is not batch:
            self._latest = Lines.of(self._caller, batch)
        return self._latest


def _depends(values: torch.Tensor, points: list[torch.Tensor]) -> bool:
    """Whether gradients flow from `values` to any of the points; the model's own weights may require some, too."""
    if not values.requires_grad:
        return False
    found = torch.autograd.grad(values, points, torch.ones_like(values), allow_unused=True)
    return any(gradient is not None for gradient in found)


def _nodes(points: Points) -> int:
    return len(next(iter(points.values())))


def _float64(tensor: torch.Tensor) -> Array:
    # A copy: a model may write its next output where this one lies.
    return np.asarray(tensor.detach().to(device="cpu", dtype=torch.float64, copy=True).numpy())
