"""Max-pooling behind the secant rule: a window's maximum is a tournament of pairs, each of them max(p, q)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.slopes import relu_cells

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

    @property
    def rounds(self) -> int:
        """Rounds of comparisons until one element of a window is left."""
        return (math.prod(self.size) - 1).bit_length()

    @property
    def apart(self) -> bool:
        """Whether no two windows share an element."""
        reach = zip(self.size, self.dilation, self.stride, strict=True)
        return all((size - 1) * dilation < stride for size, dilation, stride in reach)

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

    def leads(self, z: torch.Tensor, out: torch.Size) -> list[list[torch.Tensor]]:
        """By round of a window's tournament how far the second of each pair leads; 0 where one of them is border."""
        beyond = torch.finfo(z.dtype).max / 64
        rounds = _rounds(self.members(self.padded(z, out), out))
        return [[lead.masked_fill(lead.abs() > beyond, 0.0) for lead in leads] for leads in rounds]

    def result(self, call: Callable[[Any], Any], z: torch.Tensor) -> torch.Size:
        """The shape of the result."""
        return torch.Size((*z.shape[: -len(self.size)], *call(z[:1]).shape[-len(self.size) :]))

    def crossings(self, call: Callable[[Any], Any], base: torch.Tensor, delta: torch.Tensor) -> list[torch.Tensor]:
        """About where along the way from base to base + delta one element takes the lead from another."""
        start = base.expand_as(delta)
        out = self.result(call, start)
        endpoints = [itertools.chain(*self.leads(z, out)) for z in (start, start + delta)]
        return [first / (first - last) for first, last in zip(*endpoints, strict=True)]

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


def _rounds(players: list[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """How far the second of each pair leads, round by round; the winner is left in `players`."""
    while len(players) > 1:
        pairs = list(zip(players[::2], players[1::2], strict=False))
        leads = [q - p for p, q in pairs]
        players[:] = [torch.maximum(p, q) for p, q in pairs] + players[2 * len(pairs) :]
        yield leads


class MaxPool(Function):  # type: ignore[misc]
    """max(p, q) = p + relu(q - p): of the gradient over a cell, the share of it in which q leads goes to q.

    Where the two tie all along the path (alike pixels), the first has it all, as in torch's own backward pass.

    Pair by pair the cell is complete to rounding, as it is for ReLU.
    """

    @staticmethod
    def forward(ctx: Any, nodes: int, call: Callable[[Any], Any], windows: Windows, z: torch.Tensor) -> Any:
        out = windows.result(call, z)
        # Strided views are read once; torch's own pooling, which looks for places, takes longer than all of this.
        players = [view.contiguous() for view in windows.members(windows.padded(z, out), out)]
        rounds = list(_rounds(players))
        ctx.save_for_backward(*itertools.chain(*rounds))
        ctx.nodes, ctx.windows, ctx.rounds = nodes, windows, [len(leads) for leads in rounds]
        ctx.z = torch.empty_like(z, device="meta")
        return players[0]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        windows: Windows = ctx.windows
        n = gradient.shape[0] // ctx.nodes
        shares = [relu_cells(lead[:-n], lead[n:], torch.empty_like(lead[n:])) for lead in ctx.saved_tensors]
        flows = [gradient[:-n]]
        for pairs in reversed(ctx.rounds):
            shares, these = shares[:-pairs], shares[-pairs:]
            second = [flow * share for flow, share in zip(flows, these, strict=False)]
            split = [part for q, flow in zip(second, flows, strict=False) for part in (flow - q, q)]
            flows = split + flows[pairs:]
        out = gradient.shape
        whole = windows.padded(ctx.z, out).shape
        result = gradient.new_zeros(whole)
        for into, flow in zip(windows.members(result[:-n], out), flows, strict=True):
            if windows.apart:
                into.copy_(flow)
            else:
                into += flow
        inner = [slice(None)] * len(whole)
        for axis, before in enumerate(windows.padding):
            place = axis - len(windows.padding)
            inner[place] = slice(before, before + ctx.z.shape[place])
        return None, None, None, result[tuple(inner)]
