"""Tensors that are affine in the place along the path: z(a) = base + a * delta, computed once per row.

The model runs once, on carriers in the shape of the whole batch (nodes x rows, ...) that hold base and delta of
the rows alone. Operations that keep z affine act on both; at the first one that does not, the values at the
nodes are laid out (`Points.at`), and from there the model computes as it always does.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.registry import OPERATIONS, named

__all__ = ["SPECTRA", "Affine", "NotAffine", "apply_affine", "carrier", "leaves", "moves_rows", "substitute"]


class NotAffine(Exception):  # noqa: N818 - a signal between two functions, not an error
    """The operation does not keep its operands affine, or it is not known to."""


class Affine(torch.Tensor):  # type: ignore[misc]  # torch is not followed by mypy
    """A carrier: shape and dtype of the batch, no values (NaN, should some operation read them after all)."""

    base: torch.Tensor  # (1 or rows, ...)
    delta: torch.Tensor | None  # (rows, ...); None: the same at every node
    points: int  # nodes x rows, the length of the carrier's first axis
    __torch_function__ = torch._C._disabled_torch_function_impl


def carrier(base: torch.Tensor, delta: torch.Tensor | None, points: int, rows: int) -> Affine:
    """The affine value base + a * delta of a batch of points (nodes x rows); a delta of None stands for zero."""
    shape = base.shape if delta is None else delta.shape
    if not shape or shape[0] != rows or (delta is None and base.shape[0] != rows):
        raise NotAffine
    if delta is not None and (base.shape[1:] != shape[1:] or base.shape[0] not in (1, rows)):
        raise NotAffine
    known = base.is_floating_point() or base.is_complex()
    filler = torch.full((), float("nan") if known else -1, device=base.device).to(base.dtype)
    made: Affine = filler.expand(points, *shape[1:]).as_subclass(Affine)
    made.base, made.delta, made.points = base, delta, points
    return made


def leaves(values: Any) -> list[torch.Tensor]:
    """Tensors among the arguments of an operation, also inside lists, tuples and dicts."""
    found: list[torch.Tensor] = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, tuple | list):
            found += leaves(value)
        elif isinstance(value, dict):
            found += leaves(value.values())
    return found


def substitute(value: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """`value` with every tensor in it changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)(substitute(each, change) for each in value)
    if isinstance(value, dict):
        return {key: substitute(each, change) for key, each in value.items()}
    if isinstance(value, tuple):  # what torch.max and others return, or a named tuple
        parts = [substitute(each, change) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


_TRANSFORMS = {name: known.spectrum for name, known in OPERATIONS.items() if known.spectrum is not None}
SPECTRA = frozenset(_TRANSFORMS)
_HOMOGENEOUS = named(lambda known: known.affine == "scales")
_BIASED = named(lambda known: known.affine == "biased")
_SHIFTS = named(lambda known: known.affine == "shifts")
_DROPOUT = named(lambda known: known.dropout) - {"feature_dropout"}
_CONSTANT = named(lambda known: known.once or known.affine in ("scales", "shifts"))
_ONE_DIM = named(lambda known: known.one_dim)
_DIMENSIONS = ("dim", "dims", "dim0", "dim1", "start_dim", "axis", "source", "destination")
_WITH_DIM = {name: known.dim for name, known in OPERATIONS.items() if known.dim is not None}


def apply_affine(name: str, func: Any, args: Any, kwargs: dict[str, Any], rows: int) -> Any:
    """The affine result of an operation with Affine operands. Raises NotAffine."""
    tensors = leaves((args, kwargs))
    operands = [tensor for tensor in tensors if isinstance(tensor, Affine)]
    # With one node, or one row, a value that depends on the path has the shape of a constant.
    if any(getattr(tensor, "_ig_depth", None) is not None for tensor in tensors if not isinstance(tensor, Affine)):
        raise NotAffine
    points = operands[0].points
    moving = [tensor for tensor in operands if tensor.delta is not None]
    if name in _DROPOUT and not kwargs.get("training", args[2] if len(args) > 2 else True):
        return args[0]
    call = _Call(name, func, args, kwargs, points, rows)
    if not moving:
        if name not in _CONSTANT:
            raise NotAffine
        call.check()
        return call.carried(call.run(lambda t: t.base), None)
    if name in _BIASED and len(moving) == 1 and args and args[0] is moving[0] and len(operands) == 1:
        args, kwargs = list(args), dict(kwargs)
        base = call.run(lambda t: t.base)
        if len(args) > 2:
            args[2] = None
        kwargs.pop("bias", None)
        free = _Call(name, func, tuple(args), kwargs, points, rows)
        return call.carried(base, free.run(lambda t: t.delta, graph=True))
    if name == "batch_norm" and args[0] is moving[0] and not kwargs.get("training", args[5] if len(args) > 5 else True):
        base = call.run(lambda t: t.base)
        shift = func(*[torch.zeros_like(moving[0].delta[:1]), *args[1:]], **kwargs)
        return call.carried(base, call.run(lambda t: t.delta, graph=True) - shift)
    if name in _SHIFTS:
        return _shifted(call, operands, moving)
    if name in _HOMOGENEOUS:
        joins = name in ("cat", "concat", "concatenate", "stack")
        if not joins and (len(moving) > 1 or _divides_by(name, args, moving[0])):
            raise NotAffine
        call.check()
        return call.carried(call.run(call.base_of), call.run(call.delta_of, graph=True))
    raise NotAffine


def _divides_by(name: str, args: Any, operand: Affine) -> bool:
    return name in ("div", "__truediv__", "divide", "true_divide") and args[0] is not operand


def _shifted(call: _Call, operands: list[Affine], moving: list[Affine]) -> Any:
    """Sums and differences: constants move the base alone."""
    if any(isinstance(value, bool | complex) for value in call.args) or "alpha" in call.kwargs or len(call.args) != 2:
        raise NotAffine
    if len({tensor.dim() for tensor in operands}) > 1:
        raise NotAffine
    base = call.run(lambda t: t.base)
    if len(moving) == 2:
        return call.carried(base, call.run(lambda t: t.delta, graph=True))
    first = call.args[0] is moving[0]
    minus = call.name in ("sub", "__sub__", "subtract")
    negative = (minus and not first) or (call.name in ("__rsub__", "rsub") and first)
    delta = moving[0].delta
    assert delta is not None  # noqa: S101 - it is one of those that move
    if base.shape[1:] != delta.shape[1:]:
        delta = delta.expand(delta.shape[0], *base.shape[1:])
    return call.carried(base, -delta if negative else delta)


@dataclass(frozen=True)
class _Call:
    """One operation on carriers, as it is done on the rows behind them."""

    name: str
    func: Any
    args: Any
    kwargs: dict[str, Any]
    points: int
    rows: int

    def check(self) -> None:
        """Refuse what touches the axis of the rows, or has a value a point. Raises NotAffine."""
        given = leaves((self.args, self.kwargs))
        axes = {tensor.dim() for tensor in given if isinstance(tensor, Affine)}
        if len(axes) > 1 or moves_rows(
            self.name, self.args, self.kwargs, next(t for t in given if isinstance(t, Affine))
        ):
            raise NotAffine
        most = max(axes)
        for other in given:
            if isinstance(other, Affine) or self.name == "embedding":
                continue
            if other.dim() > most or (other.dim() == most and other.shape[0] == self.points > 1):
                raise NotAffine

    def base_of(self, tensor: Affine) -> torch.Tensor:
        whole = tensor.base.shape[0] == 1 and self.name in ("cat", "concat", "concatenate", "stack") and self._uneven
        return tensor.base.expand(self.rows, *tensor.base.shape[1:]) if whole else tensor.base

    def delta_of(self, tensor: Affine) -> torch.Tensor:
        if tensor.delta is not None:
            return tensor.delta
        joins = self.name in ("cat", "concat", "concatenate", "stack")
        return torch.zeros_like(tensor.base).expand(self.rows, *tensor.base.shape[1:]) if joins else tensor.base

    @cached_property
    def _uneven(self) -> bool:
        # Once per operation: joining a thousand inputs asks it a thousand times.
        lengths = {t.base.shape[0] for t in leaves((self.args, self.kwargs)) if isinstance(t, Affine)}
        return len(lengths) > 1

    def run(self, take: Callable[[Affine], Any], *, graph: bool = False) -> Any:
        """The operation on what is taken of each carrier; `graph`: sums are pulled back through it."""
        lengths: list[int] = []

        def change(tensor: torch.Tensor) -> Any:
            if not isinstance(tensor, Affine):
                return tensor
            taken = take(tensor)
            lengths.append(taken.shape[0])
            return taken

        args, kwargs = substitute(self.args, change), substitute(self.kwargs, change)
        if self.name in ("reshape", "view", "expand"):
            args = (args[0], *_resized(args[1:], self.points, max(lengths)))
        elif self.name in ("expand_as", "view_as"):
            raise NotAffine
        try:
            with torch.set_grad_enabled(graph):
                return self.func(*args, **kwargs)
        except (RuntimeError, TypeError, IndexError) as error:
            raise NotAffine from error

    def carried(self, base: Any, delta: Any) -> Any:
        """Carriers for a result that is a tensor, or a tuple of tensors."""
        if isinstance(base, tuple | list):
            deltas = [None] * len(base) if delta is None else delta
            return type(base)(self.carried(b, d) for b, d in zip(base, deltas, strict=True))
        return carrier(base, delta, self.points, self.rows)


def moves_rows(name: str, args: Any, kwargs: dict[str, Any], operand: torch.Tensor) -> bool:
    """Whether an operation touches the first axis of `operand`, which the rows and nodes have."""
    dims: list[Any] = [kwargs[key] for key in _DIMENSIONS if key in kwargs]
    if name in _WITH_DIM:
        first = _WITH_DIM[name]
        dims += list(args[first : first + 1] if name in _ONE_DIM else args[first:])
        if not dims:
            return True  # over all axes, or (cat, stack, flatten, unbind) over the first
    if name in SPECTRA:
        over = kwargs.get("dim", args[2] if len(args) > 2 else None)
        most = _TRANSFORMS[name]
        dims = list(range(-(most or operand.dim()), 0)) if over is None else [over]
    if name in ("T", "t", "H", "mT", "adjoint", "roll", "repeat", "tile"):
        return name not in ("mT", "adjoint") or operand.dim() < 3
    if name == "permute":
        order = args[1] if isinstance(args[1], tuple | list) else args[1:]
        return bool(order[0] != 0)
    if name == "__getitem__":
        return not _keeps_rows(args[1], operand)
    if name in ("matmul", "__matmul__", "mm", "bmm") and args[0] is not operand and operand.dim() < 3:
        return True
    axes = operand.dim() + (name in ("unsqueeze", "stack"))
    return any(dim in (0, -axes) for dim in _integers(dims))


def _keeps_rows(index: Any, operand: torch.Tensor) -> bool:
    first = index[0] if isinstance(index, tuple) and index else index
    whole = isinstance(first, builtins.slice) and first == slice(None)
    if not (whole or (first is Ellipsis and operand.dim() > 1)):
        return False
    return not any(isinstance(part, torch.Tensor | list) for part in (index if isinstance(index, tuple) else ()))


def _integers(values: list[Any]) -> list[int]:
    found: list[int] = []
    for value in values:
        if isinstance(value, bool):
            continue
        if isinstance(value, int):
            found.append(value)
        elif isinstance(value, tuple | list):
            found += _integers(list(value))
    return found


def _resized(shape: tuple[Any, ...], points: int, length: int) -> tuple[Any, ...]:
    """Arguments of a reshape with the batch's length, where it comes first, in the rows' own."""
    if not shape:
        return shape
    first = shape[0]
    if isinstance(first, tuple | list):
        return (tuple(_resized(tuple(first), points, length)), *shape[1:])
    return (length if first == points else first, *shape[1:])
