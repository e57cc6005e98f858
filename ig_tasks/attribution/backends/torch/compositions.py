"""Operations with kinks that look at several values at once, written as sums and ReLUs: max(p, q) = p + relu(q - p).

Written so, each is followed as its ReLUs are: a cell is complete to rounding, and every kink is seen, those of the
values that lead in between too. The mean of the gradients at a cell's two ends, which holds for any operation, would
be wrong by the cell's width at each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.registry import OPERATIONS, named
from ig_tasks.attribution.sorting_network import MOST_SORTED, network

__all__ = ["composed"]

_AT_ONCE = 8  # numbers that are compared in one operation
_PAIRS = {name: known.pair == "larger" for name, known in OPERATIONS.items() if known.pair}
_EXTREMES = {name: known.extreme == "largest" for name, known in OPERATIONS.items() if known.extreme}
_RANKED = named(lambda known: known.ranked)
_QUOTIENTS = named(lambda known: known.quotient)

Composed = Callable[[], Any]


def composed(
    name: str, args: Any, kwargs: dict[str, Any], live: Callable[[Any], bool], native: Callable[[Any], Any]
) -> Composed | None:
    """The operation as sums and ReLUs of its operands, to be called; None where it is not written so.

    `live` says of a value whether it is a tensor that depends on the path. `native` gives what the operation itself
    returns where that holds indices beside values: those values replaced by the ones given.
    """
    two = args[:2] if len(args) == 2 and not kwargs and all(isinstance(each, torch.Tensor) for each in args) else None
    if two and any(map(live, two)) and all(each.is_floating_point() for each in two):
        first, second = two
        if name in _PAIRS:
            return lambda: _larger(first, second) if _PAIRS[name] else _smaller(first, second)
        if name in _QUOTIENTS and live(first) and live(second):
            return lambda: first * second.reciprocal()
    if not args or not live(args[0]) or not args[0].is_floating_point():
        return None
    z, rest = args[0], args[1:]
    if name in ("clamp", "clip"):
        return _clamped(z, *_named(rest, kwargs, min=None, max=None))
    if name == "glu":
        return lambda: _gated(z, *_named(rest, kwargs, dim=-1))
    if name.startswith("adaptive_max_pool") and not _named(rest[1:], kwargs, return_indices=False)[0]:
        sizes = _named(rest, kwargs, output_size=None)[0]
        return lambda: _adaptive(z, sizes, int(name[-2]))
    if name in _EXTREMES:
        dim, keepdim = _named(rest, kwargs, dim=None, keepdim=False)
        dims = _dims(z, dim)
        if dims is None or isinstance(dim, torch.Tensor):
            return None
        return lambda: _reduced(name, z, dims, native, keepdim=keepdim)
    return _ranked(name, z, rest, kwargs, native)


def _larger(p: Any, q: Any) -> Any:
    return p + torch.relu(q - p)


def _smaller(p: Any, q: Any) -> Any:
    return p - torch.relu(p - q)


def _named(rest: Any, kwargs: dict[str, Any], **defaults: Any) -> list[Any]:
    """Arguments by position or by name."""
    return [
        kwargs.get(name, rest[place] if len(rest) > place else default)
        for place, (name, default) in enumerate(defaults.items())
    ]


def _dims(z: torch.Tensor, dim: Any) -> list[int] | None:
    """The axes `dim`, from the last to the first; None where the rows' own is among them, or none is given."""
    if dim is None:
        return None
    given = dim if isinstance(dim, tuple | list) else (dim,)
    dims = sorted({int(each) % z.dim() for each in given}, reverse=True)
    return dims if dims and dims[-1] > 0 else None


def _clamped(z: Any, least: Any, most: Any) -> Composed | None:
    """Bounds that are tensors; numbers are a function of single elements."""
    if not any(isinstance(bound, torch.Tensor) for bound in (least, most)):
        return None

    def run() -> Any:
        above = z if least is None else z + torch.relu(least - z)
        return above if most is None else above - torch.relu(above - most)

    return run


def _gated(z: Any, dim: int) -> Any:
    half = z.shape[dim] // 2
    return z.narrow(dim, 0, half) * torch.sigmoid(z.narrow(dim, half, half))


def _extreme(z: Any, dim: int, *, largest: bool) -> Any:
    """The largest or smallest along an axis, which stays: max-pooling of a few at a time, again and again.

    Beside a number that masks a place (-1e9) p + relu(q - p) would lose q; pooling takes q as it is.
    """
    moved = z.transpose(dim, -1)
    shape = moved.shape
    flat = moved.reshape(shape[0], -1, shape[-1])
    flat = flat if largest else -flat
    while flat.shape[-1] > 1:
        size = min(_AT_ONCE, flat.shape[-1])
        flat = torch.max_pool1d(flat, size, size, 0, 1, True)
    found = flat if largest else -flat
    return found.reshape(*shape[:-1], 1).transpose(dim, -1)


def _reduced(name: str, values: Any, dims: list[int], native: Callable[[Any], Any], *, keepdim: bool) -> Any:
    for dim in dims:
        values = _extreme(values, dim, largest=_EXTREMES[name])
        values = values if keepdim else values.squeeze(dim)
    return values if name in ("amax", "amin") else native(values)


def _adaptive(z: Any, sizes: Any, axes: int) -> Any:
    given = sizes if isinstance(sizes, tuple | list) else (sizes,) * axes
    for dim, size in zip(range(z.dim() - axes, z.dim()), given, strict=True):
        length = z.shape[dim]
        count = length if size is None else int(size)
        windows = [(k * length // count, -(-(k + 1) * length // count)) for k in range(count)]
        z = torch.cat([_extreme(z.narrow(dim, a, b - a), dim, largest=True) for a, b in windows], dim)
    return z


def _ranked(name: str, z: Any, rest: Any, kwargs: dict[str, Any], native: Callable[[Any], Any]) -> Composed | None:
    """Sorted numbers, or some of them."""
    if name not in _RANKED:
        return None
    if name == "sort":
        dim, descending = _named(rest, kwargs, dim=-1, descending=False)
    elif name == "median":
        dim, keepdim = _named(rest, kwargs, dim=None, keepdim=False)
    else:
        k, dim = _named(rest, kwargs, k=None, dim=-1)
        largest, keepdim = _named(rest[2:], kwargs, largest=True, keepdim=False)
        keepdim = bool(rest[2]) if name == "kthvalue" and len(rest) > 2 else keepdim
    dims = _dims(z, dim) if isinstance(dim, int) else None
    if dims is None or z.shape[dims[0]] > MOST_SORTED:
        return None
    axis, count = dims[0], z.shape[dims[0]]

    def run() -> Any:
        ascending = _sorted(z, axis)
        if name in ("median", "kthvalue"):
            place = (count - 1) // 2 if name == "median" else int(k) - 1
            values = ascending.narrow(axis, place, 1)
            values = values if keepdim else values.squeeze(axis)
        elif name == "topk":
            values = ascending.flip(axis).narrow(axis, 0, int(k)) if largest else ascending.narrow(axis, 0, int(k))
        else:
            values = ascending.flip(axis) if descending else ascending
        return native(values)

    return run


def _sorted(z: Any, dim: int) -> Any:
    """Ascending along an axis."""
    for low, high in network(int(z.shape[dim])):
        ones, others = torch.tensor(low, device=z.device), torch.tensor(high, device=z.device)
        left = [k for k in range(z.shape[dim]) if k not in low and k not in high]
        a, b = z.index_select(dim, ones), z.index_select(dim, others)
        swapped = torch.relu(a - b)
        parts = [a - swapped, b + swapped]
        if left:
            parts.append(z.index_select(dim, torch.tensor(left, device=z.device)))
        order = torch.tensor([*low, *high, *left], device=z.device).argsort()
        z = torch.cat(parts, dim).index_select(dim, order)
    return z
