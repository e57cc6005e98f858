"""PyTorch: points along paths through `model(...)`, gradients by autograd.

Imported only when the model to explain is a torch.nn.Module.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.base import Edges, ids_within
from ig_tasks.attribution.backends.torch_along import quadrature, secant_edges, secant_sums
from ig_tasks.attribution.backends.torch_follow import Follow
from ig_tasks.attribution.backends.torch_look import look
from ig_tasks.attribution.backends.torch_model import (
    accepted_names,
    as_wanted,
    cast_copy,
    embedding_layers,
    float_dtype,
    saved_bytes,
)
from ig_tasks.attribution.backends.torch_paths import Paths
from ig_tasks.attribution.problem import UNNAMED
from ig_tasks.attribution.structure import PLAIN, NotFollowed, Segment, Structure
from ig_tasks.attribution.targets import output_count, pick_output
from ig_tasks.errors import InputError, LayerError, ModelError, suggest

if TYPE_CHECKING:
    from ig_tasks.attribution.problem import Problem

__all__ = ["TorchBackend"]

Array = npt.NDArray[np.float64]

_CPU_BLOCK = 12 << 20  # about what the last-level cache of one socket's core pair keeps
# Freeing a block of this size tells glibc's allocator to keep blocks up to it on its heap. Without it, every
# activation of a batch is mapped, zeroed and unmapped by the system, which takes longer than most operations do.
_HEAP = 31 << 20
_GPU_SHARE = 4  # a quarter of what is free on a device


class TorchBackend:
    """A torch.nn.Module. See `Backend` for what the methods promise."""

    framework = "torch"

    def __init__(self, model: torch.nn.Module, layers: dict[str, str], precision: str, device: str | None) -> None:
        model = getattr(model, "_orig_mod", model)  # hooks do not reach into compiled graphs
        self.model = cast_copy(model, torch.float64 if precision == "float64" else None, device)
        self.layers, self.precision = layers, precision
        self._dtype = float_dtype(self.model)
        self._device = next((p.device for p in self.model.parameters()), torch.device(device or "cpu"))
        self.device = str(self._device)
        modules = dict(self.model.named_modules())
        for name in layers.values():
            if name not in modules or not name:
                known = embedding_layers(self.model) or [key for key in modules if key]
                raise LayerError(f"layers: the model has no layer '{name}'{suggest(name, known, noun='layers')}")
        self._layers = {name: modules[name] for name in layers.values()}
        self._paths = Paths(layers, self._layers)
        self._named = True
        self._output: str | None = None
        self._structure = PLAIN
        self.block_bytes = _CPU_BLOCK
        if self._device.type == "cuda":
            self.block_bytes = int(torch.cuda.mem_get_info(self._device)[0]) // _GPU_SHARE

    @contextmanager
    def session(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(mode=False))
            stack.enter_context(torch.enable_grad())
            torch.empty(_HEAP, dtype=torch.uint8)
            stack.enter_context(as_wanted(self.model, self._device))
            stack.enter_context(self._paths.hooked())
            if self.precision == "bfloat16":
                stack.enter_context(torch.autocast(self._device.type, torch.bfloat16))
            yield

    def check_names(self, inputs: Sequence[str], fixed: Sequence[str]) -> None:
        self._named = bool(inputs)
        known, required, open_ended = accepted_names(self.model)
        if open_ended and not known:
            return
        for name in (*inputs, *fixed):
            if name not in known and not open_ended:
                raise InputError(f"inputs: the model takes no '{name}'{suggest(name, known, noun='inputs')}")
        if self._named:
            for name in required:
                if name not in inputs and name not in fixed:
                    raise InputError(f"inputs: the model's '{name}' is missing; explain it, or pass it in fixed=")

    def takes_floats(self, name: str) -> bool:  # noqa: ARG002
        return not self.embedding_layers()

    def embedding_layers(self) -> list[str]:
        return embedding_layers(self.model)

    def check_ids(self, layer: str, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return ids_within(ids, getattr(self._layers[layer], "num_embeddings", None), layer)

    def embed(self, layer: str, ids: npt.NDArray[np.int64]) -> Array:
        return _float64(self._embed(layer, torch.as_tensor(ids, device=self._device)))

    def _embed(self, layer: str, ids: torch.Tensor) -> torch.Tensor:
        with torch.no_grad(), self._paths.paused():
            try:
                vectors = self._layers[layer](ids)
            except (RuntimeError, TypeError) as error:
                raise LayerError(f"layers: '{layer}' does not take ids on its own: {_first_line(error)}") from error
        if not isinstance(vectors, torch.Tensor) or vectors.shape[: ids.ndim] != ids.shape:
            raise LayerError(f"layers: '{layer}' gives not one vector an id, so attributions cannot be summed to ids")
        return vectors.detach()

    def probe(self, row: Problem, output: str | None) -> tuple[int, int]:
        self._output = output
        ends = self._ends(row)
        with torch.no_grad(), self._paths.comparing():
            outputs = self._call(ends, row, 1)
        if not outputs.is_floating_point():
            raise ModelError(
                f"model: its output is {outputs.dtype}, which has no gradient; explain logits or probabilities"
            )
        with saved_bytes(self.model) as saved:
            points = {name: end.clone().requires_grad_() for name, end in ends.items()}
            outputs = self._call(points, row, 1)
        if not outputs.requires_grad:
            raise ModelError(
                "model: its output does not depend on the inputs through differentiable operations (detach inside?)"
            )
        own = sum(end.numel() * end.element_size() for end in ends.values())
        # Beside what is saved for the backward pass there are the points, their gradients and the sums.
        return outputs.shape[1], sum(saved.values()) + 6 * own

    def look(self, row: Problem) -> Structure:
        self._structure = PLAIN
        if self.precision == "bfloat16":
            return Structure(reason="sums in bfloat16 are taken at the inputs")
        self._structure = look(self, row)
        if self._structure.followed and self._device.type == "cpu":
            self.block_bytes = 2 * _CPU_BLOCK  # points at the inputs, which `probe` counts, are not laid out
        return self._structure

    def plain(self, reason: str) -> Structure:
        self._structure = Structure(reason=reason)
        return self._structure

    def outputs(self, batch: Problem, *, at_start: bool = False) -> Array:
        points = self._ends(batch)
        if at_start:
            points = {name: start.expand_as(points[name]) for name, start in self._starts(batch).items()}
        with torch.no_grad():
            return _float64(self._call(points, batch, 1))

    def start_gradient(self, row: Problem) -> dict[str, torch.Tensor]:
        points = {name: start.clone().requires_grad_() for name, start in self._starts(row).items()}
        return self._gradients(points, row, 1)[1]

    def evaluate(
        self,
        batch: Problem,
        nodes: Array,
        weights: Array,
        start_gradient: dict[str, torch.Tensor] | None = None,
        start_weights: Array | None = None,
    ) -> tuple[Array, Array]:
        ends, starts = self._ends(batch), self._starts(batch)
        deltas = {name: end - starts[name] for name, end in ends.items()}
        count = nodes.size
        matrix = torch.as_tensor(weights, device=self._device)
        # A prefix pays where sums pulled back are far fewer than nodes; else the plain path takes less.
        if self._structure.followed and count >= 2 * len(matrix):
            places = torch.as_tensor(nodes, device=self._device)[:, None]
            follow, values = self.followed(batch, starts, deltas, count, places, secant=False)
            contributions, sums = quadrature(
                follow, values, deltas, matrix, lambda gradients: self._contributions(gradients, deltas, batch)
            )
        else:
            points = {}
            for name, delta in deltas.items():
                along = torch.as_tensor(nodes, dtype=delta.dtype, device=self._device).view(-1, *[1] * delta.ndim)
                points[name] = torch.addcmul(starts[name], along, delta).flatten(0, 1).requires_grad_()
            values, found_here = self._gradients(points, batch, count)
            gradients = {name: g.view(count, batch.rows, *g.shape[1:]) for name, g in found_here.items()}
            contributions = self._contributions(gradients, deltas, batch)
            sums = matrix @ contributions.double().flatten(1)
        if start_gradient is not None and start_weights is not None:
            first = self._contributions({name: g[None] for name, g in start_gradient.items()}, deltas, batch)
            sums = sums + torch.as_tensor(start_weights, device=self._device)[:, None] * first.double().flatten(1)
        return _float64(values.view(count, batch.rows)), _float64(sums.view(len(weights), *contributions.shape[1:]))

    def secant(self, batch: Problem, edges: Edges, segments: Sequence[Segment]) -> tuple[Array, Array]:
        ends, starts = self._ends(batch), self._starts(batch)
        deltas = {name: end - starts[name] for name, end in ends.items()}
        count = sum(segment.edges for segment in segments)
        places = secant_edges(edges, next(iter(deltas.values())))
        follow, values = self.followed(batch, starts, deltas, count, places, secant=True)
        if self._structure.exact and not (follow.one_layer or not follow.operations):
            raise NotFollowed("rows take different ways through the model")
        gradients = secant_sums(follow, values, deltas, segments)
        sums = self._contributions(gradients, deltas, batch)
        last = np.cumsum([segment.edges for segment in segments]) - 1
        outer = np.stack([last - [segment.edges - 1 for segment in segments], last], axis=1)
        return _float64(values.detach().view(count, batch.rows)[outer]), _float64(sums)

    def knots(self, batch: Problem, places: Array, layer: int) -> Array:
        raise NotImplementedError  # never chosen yet: no structure has pieces

    def out_of_memory(self, error: BaseException) -> bool:
        words = str(error).lower()
        ours = isinstance(error, torch.OutOfMemoryError | MemoryError) or (
            isinstance(error, RuntimeError) and ("out of memory" in words or "can't allocate memory" in words)
        )
        if ours and self._device.type == "cuda":
            torch.cuda.empty_cache()
        return ours

    # -- points ------------------------------------------------------------------------------------------

    def _ends(self, batch: Problem) -> dict[str, torch.Tensor]:
        return {
            name: self._embed(self.layers[name], torch.as_tensor(end, device=self._device))
            if name in self.layers
            else self._floats(end)
            for name, end in batch.ends.items()
        }

    def _starts(self, batch: Problem) -> dict[str, torch.Tensor]:
        return {
            name: self._embed(self.layers[name], torch.as_tensor(start, device=self._device))
            if name in self.layers and start.dtype.kind in "iub"
            else self._floats(start)
            for name, start in batch.starts.items()
        }

    def _floats(self, array: npt.NDArray[Any]) -> torch.Tensor:
        dtype = self._dtype or (
            torch.float64 if array.dtype == np.float64 or self.precision == "float64" else torch.float32
        )
        return torch.as_tensor(np.ascontiguousarray(array)).to(device=self._device, dtype=dtype)

    # -- forward and backward ----------------------------------------------------------------------------

    def followed(
        self, batch: Problem, starts: Any, deltas: Any, nodes: int, places: Any, *, secant: bool
    ) -> tuple[Follow, torch.Tensor]:
        """The model followed along the paths, and values (nodes x rows,) of the explained output.

        `deltas` get gradients, for sums to be pulled back to. Raises NotFollowed.
        """
        follow = Follow(batch.rows, nodes, places, secant=secant)
        points = {name: follow.carry(starts[name], delta.requires_grad_()) for name, delta in deltas.items()}
        return follow, self._explained(self._call(points, batch, nodes, follow), batch, nodes)

    def _call(
        self, points: dict[str, torch.Tensor], batch: Problem, repeat: int, follow: Follow | None = None
    ) -> torch.Tensor:
        """All outputs (repeat x rows, outputs) at `points`."""

        def repeated(tensor: torch.Tensor) -> torch.Tensor:
            if follow is not None:
                return follow.carry(tensor, None)
            return tensor if repeat == 1 else tensor.expand(repeat, *tensor.shape).flatten(0, 1)

        given = dict(points)
        for name in self.layers:
            given[name] = repeated(torch.as_tensor(batch.ends[name], device=self._device))
        self._paths.override({name: (given[name], points[name]) for name in self.layers})
        fixed = {
            name: repeated(self._tensor(value)) if isinstance(value, np.ndarray) else value
            for name, value in batch.fixed.items()
        }
        with follow or nullcontext():
            raw = self.model(**given, **fixed) if self._named else self.model(given[UNNAMED], **fixed)
        self._paths.check_used()
        outputs = pick_output(raw, self._output)
        if not isinstance(outputs, torch.Tensor):
            raise ModelError(f"model: its output is a {type(outputs).__name__}, not a tensor")
        if follow is not None:
            outputs = follow.finished(outputs)
        width = output_count(outputs.shape)
        if outputs.shape[0] != repeat * batch.rows:
            raise ModelError(f"model: {repeat * batch.rows} rows went in, {outputs.shape[0]} came out; it mixes rows")
        return outputs.reshape(-1, width)

    def _tensor(self, value: npt.NDArray[Any]) -> torch.Tensor:
        return self._floats(value) if value.dtype.kind == "f" else torch.as_tensor(value, device=self._device)

    def _explained(self, outputs: torch.Tensor, batch: Problem, repeat: int) -> torch.Tensor:
        """Of all outputs the one that each row explains, (repeat x rows,)."""
        columns = batch.columns
        if (columns == columns[0]).all():
            return outputs[:, int(columns[0])]
        index = torch.as_tensor(np.tile(columns, repeat), device=self._device)
        return outputs.gather(1, index[:, None])[:, 0]

    def _gradients(
        self, points: dict[str, torch.Tensor], batch: Problem, repeat: int
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Values (repeat x rows,) of the explained output, and its gradients at the points."""
        values = self._explained(self._call(points, batch, repeat), batch, repeat)
        found = torch.autograd.grad(values, list(points.values()), torch.ones_like(values), allow_unused=True)
        gradients = {
            name: torch.zeros_like(point) if gradient is None else gradient
            for (name, point), gradient in zip(points.items(), found, strict=True)
        }
        return values.detach(), gradients

    def _contributions(
        self, gradients: dict[str, torch.Tensor], deltas: dict[str, torch.Tensor], batch: Problem
    ) -> torch.Tensor:
        """gradient x (end - start), (nodes, rows, features): an embedding's width is summed."""
        parts = []
        for name, gradient in gradients.items():
            product = gradient * deltas[name]
            axes = batch.ends[name].ndim + 1
            if product.ndim > axes:
                product = product.flatten(axes).sum(-1)
            parts.append(product.flatten(2) if product.ndim > 2 else product[..., None])
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)


def _float64(tensor: torch.Tensor) -> Array:
    return np.asarray(tensor.detach().to(device="cpu", dtype=torch.float64).numpy())


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
