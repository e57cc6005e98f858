"""Max-pooling behind the secant rule: a window's maximum is a tournament of pairs, each of them max(p, q)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch_slopes import relu_cells

__all__ = ["MaxPool", "Windows"]

Function: Any = torch.autograd.Function


@dataclass(frozen=True)
class Windows:
    """Windows over the last axes of a tensor, one number an axis."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    @classmethod
    def of(cls, axes: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Windows:
        """From the arguments of torch.nn.functional.max_pool1d, 2d or 3d behind the input."""
        names = ("kernel_size", "stride", "padding", "dilation")
        given = {**dict(zip(names, args, strict=False)), **{key: kwargs[key] for key in names if key in kwargs}}

        def numbers(name: str, default: Any) -> tuple[int, ...]:
            value = given.get(name)
            value = default if value is None or value == [] else value
            return (int(value),) * axes if isinstance(value, int) else tuple(int(each) for each in value)

        size = numbers("kernel_size", None)
        size = size if len(size) == axes else size * axes
        return cls(size, numbers("stride", size), numbers("padding", 0), numbers("dilation", 1))

    def padded(self, z: torch.Tensor, out: torch.Size) -> torch.Tensor:
        """`z` with a border that never wins, so that every window of the result `out` is whole."""
        axes, pads = len(self.size), []
        for axis in reversed(range(axes)):
            need = (out[axis - axes] - 1) * self.stride[axis] + (self.size[axis] - 1) * self.dilation[axis] + 1
            before = self.padding[axis]
            pads += [before, max(0, need - z.shape[axis - axes] - before)]
        if not any(pads):
            return z
        return torch.nn.functional.pad(z, pads, value=torch.finfo(z.dtype).min / 4)

    def members(self, padded: torch.Tensor, out: torch.Size) -> list[torch.Tensor]:
        """Views of `padded`, one for each place within a window, each in the shape of the result."""
        axes, views = len(self.size), []
        for offset in itertools.product(*(range(size) for size in self.size)):
            view = padded
            for axis, place in enumerate(offset):
                start = place * self.dilation[axis]
                stop = start + (out[axis - axes] - 1) * self.stride[axis] + 1
                index = [slice(None)] * view.dim()
                index[axis - axes] = slice(start, stop, self.stride[axis])
                view = view[tuple(index)]
            views.append(view)
        return views


class MaxPool(Function):  # type: ignore[misc]
    """max(p, q) = q + relu(p - q): of the gradient over a cell, the share of it in which p leads goes to p.

    Pair by pair the cell is complete to rounding, as it is for ReLU.
    """

    @staticmethod
    def forward(ctx: Any, nodes: int, call: Callable[[Any], Any], windows: Windows, z: torch.Tensor) -> Any:
        value = call(z)
        ctx.save_for_backward(z)
        ctx.nodes, ctx.windows, ctx.out = nodes, windows, value.shape
        return value

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        (z,) = ctx.saved_tensors
        windows: Windows = ctx.windows
        n = z.shape[0] // ctx.nodes
        padded = windows.padded(z, ctx.out)
        result = torch.zeros_like(padded)
        rounds, players = [], windows.members(padded, ctx.out)
        while len(players) > 1:
            shares, winners = [], []
            for p, q in zip(players[::2], players[1::2], strict=False):
                lead = p - q
                shares.append(relu_cells(lead[:-n], lead[n:], torch.empty_like(lead[n:])))
                winners.append(torch.maximum(p, q))
            rounds.append(shares)
            players = winners + players[len(players) - len(players) % 2 :]
        flows = [gradient[:-n]]
        for shares in reversed(rounds):
            back = []
            for flow, share in zip(flows, shares, strict=False):
                first = flow * share
                back += [first, flow - first]
            flows = back + flows[len(shares) :]
        for into, flow in zip(windows.members(result[:-n], ctx.out), flows, strict=True):
            into += flow
        if result.shape == z.shape:
            return None, None, None, result
        inner = [slice(None)] * z.dim()
        for axis, before in enumerate(windows.padding):
            place = axis - len(windows.padding)
            inner[place] = slice(before, before + z.shape[place])
        return None, None, None, result[tuple(inner)]
