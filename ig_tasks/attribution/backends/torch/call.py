"""The model called at points along the paths: arrays to tensors, embedded inputs overridden, gradients by autograd."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext, suppress
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.causes import causes_named
from ig_tasks.attribution.backends.torch.follow import Cut, Follow, Reached
from ig_tasks.attribution.backends.torch.paths import Paths
from ig_tasks.attribution.feeds import Fed, Route
from ig_tasks.attribution.problem import copied
from ig_tasks.attribution.structure import NotFollowed
from ig_tasks.attribution.targets import Head, number_count, pick_output
from ig_tasks.errors import LayerError, ModelError, brief

if TYPE_CHECKING:
    from ig_tasks.attribution.problem import Problem

__all__ = ["Caller", "Tensors", "backward"]

Tensors = dict[str, torch.Tensor]


class Caller:
    """A module, and how it is called: by name or not, with which output, on which device and in which dtype."""

    def __init__(
        self,
        model: torch.nn.Module,
        embedded: Collection[str],
        modules: dict[str, torch.nn.Module],
        device: torch.device,
        dtype: torch.dtype | None,
        *,
        double: bool,
    ) -> None:
        self.model, self._embedded, self._modules = model, embedded, modules
        self.device, self._dtype, self._double = device, dtype, double
        self.paths = Paths(modules, Route())
        self.named = True
        self.placed: tuple[str, ...] = ()  # inputs that are passed by position
        self.output: Head = None
        self.tail: tuple[int, ...] = ()  # the output's axes behind the rows
        self._squeezed = False  # the latest output had no axis of rows, as that of a single row may

    def copy(self) -> Caller:
        """For another thread."""
        own = copy(self)
        own.paths = Paths(self._modules, self.route)
        return own

    @property
    def route(self) -> Route:
        """The calls of layers whose outputs are put on paths."""
        return self.paths.route

    @route.setter
    def route(self, route: Route) -> None:
        self.paths.route = route

    def embed(self, layer: str, ids: torch.Tensor) -> torch.Tensor:
        with torch.no_grad(), self.paths.paused():
            try:
                vectors = self._modules[layer](ids)
            except (RuntimeError, TypeError) as error:
                raise LayerError(f"layers: '{layer}' does not take ids on its own: {brief(error)}") from error
        if not isinstance(vectors, torch.Tensor) or vectors.shape[: ids.ndim] != ids.shape:
            raise LayerError(
                f"layers: '{layer}' does not return one vector per id, so attributions cannot be summed to ids"
            )
        return vectors.detach()

    def lines(self, batch: Problem) -> tuple[Tensors, Tensors]:
        """Starts (1 or rows, ...) and deltas, end - start (rows, ...), of the paths."""
        endpoints, starts = self.endpoints(batch), self.starts(batch)
        return starts, {name: end - starts[name] for name, end in endpoints.items()}

    def endpoints(self, batch: Problem) -> Tensors:
        return self._points({**batch.endpoints, **batch.fed})

    def starts(self, batch: Problem) -> Tensors:
        return self._points({**batch.starts, **batch.fed_starts})

    def _points(self, arrays: dict[str, npt.NDArray[Any]]) -> Tensors:
        """The arrays that are on the path: vectors where layers are fed with ids."""
        feeds = {feed.key: feed for feed in self.route.feeds}
        return {
            name: self.embed(feeds[name].layer, torch.tensor(array, device=self.device))
            if name in feeds and array.dtype.kind in "iub"
            else self._floats(array)
            for name, array in arrays.items()
            if name not in self._embedded
        }

    def _floats(self, array: npt.NDArray[Any]) -> torch.Tensor:
        dtype = self._dtype or (torch.float64 if array.dtype == np.float64 or self._double else torch.float32)
        return torch.as_tensor(np.ascontiguousarray(array)).to(device=self.device, dtype=dtype)

    def at(self, points: dict[str, npt.NDArray[np.float64]]) -> Tensors:
        """Points (nodes, rows, ...) of the paths as the model takes them (nodes x rows, ...)."""
        return {name: self._floats(point).flatten(0, 1) for name, point in points.items()}

    def followed(self, batch: Problem, starts: Tensors, deltas: Tensors, follow: Follow) -> torch.Tensor:
        """Values (targets, nodes x rows) of the explained outputs, the model followed along the paths.

        `deltas` get gradients, for sums to be pulled back to. Raises NotFollowed.
        """
        points = {name: follow.carry(starts[name], delta.requires_grad_()) for name, delta in deltas.items()}
        return self.explained(self.call(points, batch, follow.nodes, follow), batch, follow.nodes)

    def prefix(self, batch: Problem, starts: Tensors, deltas: Tensors, cuts: int) -> list[Cut]:
        """Where the affine part ends, of the rows alone; `cuts` places were seen. Raises NotFollowed."""
        start = torch.zeros((1, 1), device=self.device)
        follow = Follow(batch.rows, 1, start, secant=True, prefix_only=cuts == 1)
        with suppress(Reached):
            self.followed(batch, starts, deltas, follow)
        if len(follow.cuts) != cuts:
            raise NotFollowed("rows take different ways through the model")
        return follow.cuts

    def call(
        self, points: Tensors, batch: Problem, repeat: int, follow: Follow | None = None, *, lend: bool = False
    ) -> torch.Tensor:
        """All outputs (repeat x rows, outputs) at `points`.

        A model may change in place what it is given, so that every call gets tensors of its own: none shares memory
        with the caller's arrays, with `points`, or with those of another call. `lend`: it gets `points` themselves.
        """

        def own(array: npt.NDArray[Any]) -> torch.Tensor:
            tensor = self._tensor(array)
            if follow is None and repeat > 1:
                return tensor.expand(repeat, *tensor.shape).flatten(0, 1)
            return tensor.clone() if follow is None else follow.carry(tensor.clone(), None)

        if follow is None and not lend:
            points = {name: point.clone() for name, point in points.items()}
        given = {name: own(end) if name in self._embedded else points[name] for name, end in batch.endpoints.items()}
        self.paths.override(points)
        fixed = {
            name: own(value) if isinstance(value, np.ndarray) else copied(value) for name, value in batch.fixed.items()
        }
        with follow or nullcontext():
            raw = self._raw({**given, **fixed}) if self.named else self.model(*given.values(), **fixed)
        self.paths.check_used()
        return self._outputs(raw, repeat * batch.rows, follow)

    def watch(self, batch: Problem) -> tuple[torch.Tensor, list[Fed]]:
        """The model itself on the rows: all outputs, and what its layers that embed are fed with."""
        given = {
            name: self._tensor(end).clone() if name in self._embedded else self._floats(end).clone()
            for name, end in batch.endpoints.items()
        }
        fixed = {
            name: self._tensor(value).clone() if isinstance(value, np.ndarray) else copied(value)
            for name, value in batch.fixed.items()
        }
        inputs = {**given, **{name: value for name, value in fixed.items() if isinstance(value, torch.Tensor)}}
        with torch.no_grad(), self.paths.watching(inputs) as seen:
            raw = self._raw({**given, **fixed}) if self.named else self.model(*given.values(), **fixed)
        return self._outputs(raw, batch.rows, None), seen

    def _outputs(self, raw: Any, points: int, follow: Follow | None) -> torch.Tensor:
        """All outputs (points, outputs) of what the model returned."""
        outputs = pick_output(raw, self.output)
        if not isinstance(outputs, torch.Tensor):
            raise ModelError(f"model: its output is a {type(outputs).__name__}, not a tensor")
        if follow is not None:
            outputs = follow.finished(outputs)
        self._squeezed = points == 1 and outputs.shape[:1] != (1,)
        if self._squeezed:
            outputs = outputs[None]  # the model squeezed the axis of its only row, too
        if outputs.shape[:1] != (points,):
            came = outputs.shape[0] if outputs.ndim else "a single number"
            raise ModelError(f"model: {points} rows went in, {came} came out; it mixes rows")
        self.tail = tuple(outputs.shape[1:])
        return outputs.reshape(points, number_count(self.tail))

    def require_row_axis(self, row: Problem) -> None:
        """After a call with one row: an axis of rows that was not there must be there when the row is given twice."""
        if self._squeezed:
            one = self.tail
            self.call({name: torch.cat((end, end)) for name, end in self.endpoints(row).items()}, row, 2)
            if self.tail != one:
                raise ModelError(
                    f"model: its output has shape {one} for one row and {(2, *self.tail)} for two; it mixes rows"
                )

    def _raw(self, given: dict[str, Any]) -> Any:
        placed = [given.pop(name) for name in self.placed]
        return self.model(*placed, **given)

    def _tensor(self, value: npt.NDArray[Any]) -> torch.Tensor:
        return self._floats(value) if value.dtype.kind == "f" else torch.as_tensor(value, device=self.device)

    def explained(self, outputs: torch.Tensor, batch: Problem, repeat: int) -> torch.Tensor:
        """The outputs that each row explains (targets, repeat x rows), out of (repeat x rows, outputs)."""
        targets = batch.targets
        if (targets == targets[:, :1]).all():
            return outputs[:, targets[:, 0].tolist()].t()
        index = torch.as_tensor(np.tile(targets, repeat), device=self.device)
        return outputs.gather(1, index.t()).t()

    def gradients(self, points: Tensors, batch: Problem, repeat: int) -> tuple[torch.Tensor, Tensors]:
        """Values (targets, repeat x rows) of the explained outputs, and their gradients (targets, repeat x rows, ...).

        One pass forward, and one backward for each target.
        """
        with causes_named():
            values = self.explained(self.call(points, batch, repeat), batch, repeat)
            found = backward(values, list(points.values()), torch.ones_like(values))
        gradients = {
            name: torch.zeros((len(values), *point.shape), dtype=point.dtype, device=point.device) if g is None else g
            for (name, point), g in zip(points.items(), found, strict=True)
        }
        return values.detach(), gradients


def backward(values: torch.Tensor, at: list[torch.Tensor], wanted: torch.Tensor) -> list[torch.Tensor | None]:
    """Gradients of each of `values` (targets, points) at the tensors `at`: (targets, ...).

    None where a value does not depend on a tensor.
    """
    last = len(values) - 1
    each = [
        torch.autograd.grad(value, at, one, retain_graph=place < last, allow_unused=True)
        for place, (value, one) in enumerate(zip(values, wanted, strict=True))
    ]
    return [None if all(g is None for g in of) else _stacked(of) for of in zip(*each, strict=True)]


def _stacked(gradients: tuple[torch.Tensor | None, ...]) -> torch.Tensor:
    if len(gradients) == 1 and gradients[0] is not None:
        return gradients[0][None]
    like = next(g for g in gradients if g is not None)
    return torch.stack([torch.zeros_like(like) if g is None else g for g in gradients])
