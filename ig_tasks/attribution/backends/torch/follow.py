"""Follow a model's operations along the path: affine ones once per row, the others by the rule that is asked for.

A TorchFunctionMode sees every torch function that the model calls, in this thread and for one forward pass; the
model itself is not touched. What bypasses it (scripted modules, extensions) leaves a result that is not known to
depend on the path, or carriers' NaN: `Follow.finished` and the look at one row refuse both.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily
from torch.overrides import TorchFunctionMode  # noqa: TID253

from ig_tasks.attribution.backends.torch.affine import (
    Affine,
    NotAffine,
    apply_affine,
    carrier,
    leaves,
    substitute,
)
from ig_tasks.attribution.backends.torch.compositions import composed
from ig_tasks.attribution.backends.torch.inplace import out_of_place, written
from ig_tasks.attribution.backends.torch.operations import (
    ATTRIBUTES,
    STEERING,
    Crossings,
    Step,
    crossings_of,
    draws,
    registered_crossings,
    spelled,
    take_registered,
    take_step,
)
from ig_tasks.attribution.backends.torch.registry import words
from ig_tasks.attribution.registration import Registration, handled_by, registered_function
from ig_tasks.attribution.structure import NotFollowed

__all__ = ["DRAWS", "REGISTERED", "Call", "Cut", "Follow", "Reached"]

DRAWS = "the model draws random numbers"
REGISTERED = "registered operation"
"""The name of calls of what users registered, which may be spelled like an operation of torch's."""

_RESHAPES = words("reshape view flatten unflatten")


@dataclass(frozen=True)
class Cut:
    """Where the affine part ends: values at all nodes as a leaf of autograd, and the delta that sums go back to."""

    base: torch.Tensor  # (1 or rows, ...)
    delta: torch.Tensor  # (rows, ...)
    leaf: torch.Tensor  # (nodes x rows, ...)


@dataclass(frozen=True)
class Call:
    """An operation that depends on the path, as it was seen."""

    name: str
    func: Any
    args: Any
    kwargs: dict[str, Any]
    step: Step
    depth: int  # nonlinear operations before it


class Reached(Exception):  # noqa: N818 - a signal: no more is asked of this pass
    """The affine part has ended."""


class Follow(TorchFunctionMode):  # type: ignore[misc]  # torch is not followed by mypy
    """One forward pass over nodes x rows points.

    `places` gives the nodes (nodes, 1 or rows), or chooses them when the first values are laid out, from where
    along each path the operation that wants them has its kinks (rows, kinks), None if it has none.
    """

    def __init__(
        self,
        rows: int,
        nodes: int,
        places: torch.Tensor | Callable[[torch.Tensor | None], torch.Tensor],
        *,
        secant: bool,
        prefix_only: bool = False,
    ) -> None:
        super().__init__()
        self.rows, self.nodes, self.secant = rows, nodes, secant
        self._prefix_only = prefix_only  # raise Reached where the affine part first ends
        self._places = places
        self._laid: dict[int, tuple[Affine, torch.Tensor]] = {}
        self._renamed: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}  # what in-place operations made of a tensor
        self._stale: set[int] = set()  # memory of those tensors, whose other views were to change with them
        self.cuts: list[Cut] = []
        self.prefix: list[str] = []
        self.operations: list[str] = []
        self.kinked = False
        self.one_layer = True
        self.calls: list[Call] | None = None  # a list: what is called is noted in it
        self.kinks_of: range | None = None  # layers whose distances from the kinks are kept
        self.distances: list[torch.Tensor] = []  # (nodes x rows, ...)
        self.output: torch.Tensor | None = None
        self.bends = False  # some operation behind the first layer has kinks that are known
        self.units = 0  # of a row, where operations have kinks that are known
        self.rough = False
        self._piecewise = True
        self._layers = 0
        self._handling: list[AbstractContextManager[None]] = []

    @property
    def pieces(self) -> int:
        """Layers of nonlinear operations where all are piecewise linear, element by element; else 0."""
        return self._layers if self._piecewise else 0

    @property
    def places(self) -> torch.Tensor:
        """The nodes (nodes, 1 or rows)."""
        if not isinstance(self._places, torch.Tensor):
            self._places = self._places(None)
        return self._places

    def carry(self, base: torch.Tensor, delta: torch.Tensor | None) -> Affine:
        return carrier(base, delta, self.nodes * self.rows, self.rows)

    def finished(self, output: torch.Tensor) -> torch.Tensor:
        """The model's output, laid out. Raises NotFollowed where the path was lost on the way."""
        output = self.output = self._laid_out(self._current(output), None)
        if _depth(output) is None:
            raise NotFollowed("the output comes from code that cannot be followed (scripted, or an extension)")
        return output

    # -- every torch function ----------------------------------------------------------------------------

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        registration = registered_function(func)
        if registration is not None and args:
            rest = args[1:]
            return self.registered(registration, lambda z: func(z, *rest, **kwargs), args[0])
        name = spelled(func)
        if name in ATTRIBUTES:
            return func(*args, **kwargs)
        if draws(name, args, kwargs):
            raise NotFollowed(f"{DRAWS} ({name})")
        if self._renamed:
            args, kwargs = substitute(args, self._current), substitute(kwargs, self._current)
        target = written(name, args, kwargs)
        if isinstance(target, Affine) and name != "__setitem__":
            name, func, args, kwargs = out_of_place(name, func, args, kwargs)
            return self._instead(target, self._done(name, func, args, kwargs, None))
        return self._done(name, func, args, kwargs, target)

    def __enter__(self) -> Follow:
        entered: Follow = super().__enter__()
        self._handling.append(handled_by(self.registered))
        self._handling[-1].__enter__()
        return entered

    def __exit__(self, *raised: Any) -> None:
        self._handling.pop().__exit__(*raised)
        super().__exit__(*raised)

    def registered(self, registration: Registration, call: Callable[[Any], Any], z: Any) -> Any:
        """An operation that a user registered."""
        with torch._C.DisableTorchFunction():
            z = self._current(z) if self._renamed else z
            if not _is_live(z):
                return call(z)
            z = self._laid_out(z, registered_crossings(registration))
            depth = _depth(z)
            if depth is None:
                return call(z)
            if self.calls is not None:
                registration.check(_on_arrays(call, z), tuple(z.shape[1:]), str(z.dtype).removeprefix("torch."))
            if not self.secant:
                return _mark(call(z), 1)
            step = take_registered(self.nodes, registration, call, z)
            return self._noted(registration.name, Call(REGISTERED, call, (z,), {}, step, depth), [z], None)

    def _done(self, name: str, func: Any, args: Any, kwargs: dict[str, Any], target: Any) -> Any:
        """An operation, which writes into `target` if there is one."""
        tensors = leaves((args, kwargs))
        if kwargs.get("out") is not None and any(isinstance(t, Affine) or _depth(t) is not None for t in tensors):
            raise NotFollowed(f"{name} writes into a given tensor")
        in_sums = None
        if self.secant and target is None:
            in_sums = composed(
                name, args, kwargs, _is_live, lambda values: self._with_indices(func, args, kwargs, values)
            )
        if in_sums is not None:
            with self:
                return in_sums()
        if any(isinstance(tensor, Affine) for tensor in tensors):
            try:
                result = apply_affine(name, func, args, kwargs, self.rows)
            except NotAffine:
                crossings = crossings_of(name, func, args, kwargs)
            else:
                if name not in self.prefix:
                    self.prefix.append(name)
                return result
            args, kwargs = (
                substitute(part, lambda tensor: self._laid_out(tensor, crossings)) for part in (args, kwargs)
            )
            tensors = leaves((args, kwargs))
        live = [tensor for tensor in tensors if _depth(tensor) is not None]
        if self.secant and live:
            return self._step(name, func, args, kwargs, live, target)
        if isinstance(target, Affine):
            args = (self._instead(target, args[0].clone()), *args[1:])  # a leaf cannot be written into
        return _mark(func(*args, **kwargs), 1 if live else None)

    def _with_indices(self, func: Any, args: Any, kwargs: dict[str, Any], values: Any) -> Any:
        """What `func` returns, values and indices, with these values."""
        with torch._C.DisableTorchFunction(), torch.no_grad():
            found = func(*substitute(args, lambda tensor: self._laid_out(tensor, None)), **kwargs)
        return type(found)((values, _mark(found[1], _depth(values))))

    def _step(
        self, name: str, func: Any, args: Any, kwargs: dict[str, Any], live: list[torch.Tensor], target: Any
    ) -> Any:
        """An operation on values that depend on the path, with the secant rule behind it."""
        if name in STEERING:
            raise NotFollowed(f"values along the path steer Python, or are written to ({name})")
        if any(tensor.grad_fn is not None and not hasattr(tensor, "_ig_depth") for tensor in leaves((args, kwargs))):
            raise NotFollowed("a value comes from code that cannot be followed (an extension's autograd)")
        if target is not None:
            name, func, args, kwargs = out_of_place(name, func, args, kwargs)
        depth = max(_depth(tensor) or 0 for tensor in live)
        step = take_step(self.nodes, name, func, args, kwargs, live)
        return self._noted(name, Call(name, func, args, kwargs, step, depth), live, target)

    def _noted(self, name: str, call: Call, live: list[torch.Tensor], target: Any) -> Any:
        """The result of an operation that was done, after what it is was noted."""
        step, depth = call.step, call.depth
        if not step.linear:
            if name not in self.operations:
                self.operations.append(name)
            self.kinked |= step.kinked
            self.one_layer &= step.exact and depth == 0
            self._piecewise &= step.piecewise
            self._layers = max(self._layers, depth + step.layers)
            self.rough |= step.kinked and not (step.exact or step.piecewise)
        if step.bends is not None:
            self.bends |= depth + step.layers > 1
            self.units += step.layers * sum(each.numel() for each in leaves([step.result])) // (self.nodes * self.rows)
        if step.bends is not None and self.kinks_of is not None:
            for inner, values in enumerate(step.bends()):
                self.distances += values if depth + inner in self.kinks_of else []
        if self.calls is not None:
            self.calls.append(call)
        most = max(tensor.shape[0] if tensor.dim() else 0 for tensor in live)
        for tensor in leaves([step.result]):
            length = tensor.shape[0] if tensor.dim() else 0
            if length != most and (name not in _RESHAPES or length == 0 or length % (self.nodes * self.rows)):
                raise NotFollowed(f"{name} moves the rows from the first axis")
        result = _mark(step.result, depth if step.linear else depth + step.layers)
        return result if target is None else self._instead(target, result)

    # -- values ------------------------------------------------------------------------------------------

    def _instead(self, target: torch.Tensor, result: torch.Tensor) -> torch.Tensor:
        """From now on `target`, which was written into, is `result`. Raises NotFollowed."""
        if result is target:
            return result
        if result.dtype != target.dtype:
            raise NotFollowed("an operation in place keeps a dtype that its result would not have")
        self._renamed[id(target)] = (target, result)
        self._stale |= _memory(target) - _memory(result)
        return result

    def _current(self, tensor: torch.Tensor) -> torch.Tensor:
        while id(tensor) in self._renamed:
            tensor = self._renamed[id(tensor)][1]
        if not self._stale.isdisjoint(_memory(tensor)):
            raise NotFollowed("a view is read of a tensor that was changed in place")
        return tensor

    def _laid_out(self, tensor: torch.Tensor, crossings: Crossings | None) -> torch.Tensor:
        """Values of a carrier at every node (nodes x rows, ...); any other tensor as it is."""
        if not isinstance(tensor, Affine):
            return tensor
        if id(tensor) not in self._laid:
            self._laid[id(tensor)] = (tensor, self._values(tensor, crossings))
        return self._laid[id(tensor)][1]

    def _values(self, tensor: Affine, crossings: Crossings | None) -> torch.Tensor:
        base, delta = tensor.base.detach(), tensor.delta
        if delta is not None and self._prefix_only:
            self.cuts.append(Cut(base, delta, delta))
            raise Reached
        if delta is None:
            return base.expand(self.nodes, self.rows, *base.shape[1:]).flatten(0, 1)
        still = delta.detach()
        if not isinstance(self._places, torch.Tensor):
            kinks = [] if crossings is None else [each.reshape(self.rows, -1) for each in crossings(base, still)]
            self._places = self._places(torch.cat(kinks, dim=1) if kinks else None)
        along = self._places.to(still.dtype)
        along = along.view(*along.shape, *[1] * (still.dim() - 1))
        leaf = torch.addcmul(base, along, still).flatten(0, 1).requires_grad_()
        self.cuts.append(Cut(base, delta, leaf))
        _mark(leaf, 0)
        return leaf


def _on_arrays(call: Callable[[Any], Any], like: torch.Tensor) -> Callable[[Any], Any]:
    def apply(points: Any) -> Any:
        with torch.no_grad():
            return call(torch.tensor(points, dtype=like.dtype, device=like.device)).double().cpu().numpy()

    return apply


def _depth(tensor: torch.Tensor) -> int | None:
    """Nonlinear operations between the path and this value; None where it does not depend on the path."""
    return getattr(tensor, "_ig_depth", None)


def _memory(tensor: torch.Tensor) -> set[int]:
    """Where the values of a tensor lie: the same place for all views of one."""
    values = tensor.base if isinstance(tensor, Affine) else tensor
    return {values.untyped_storage().data_ptr()} if values.layout == torch.strided and values.numel() else set()


def _is_live(value: Any) -> bool:
    return isinstance(value, Affine) or (isinstance(value, torch.Tensor) and _depth(value) is not None)


def _mark(result: Any, depth: int | None) -> Any:
    """Note on the tensors of a result how they depend on the path. Nothing of the model's own is marked."""
    for tensor in leaves([result]):
        if depth is not None or tensor.grad_fn is not None:
            tensor._ig_depth = depth
    return result
