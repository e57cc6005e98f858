"""Backward passes of the composite secant rule: slopes over a cell in place of derivatives at a point.

The batch is node-major: edge k of every row, then edge k + 1. In the backward pass block k stands for the cell
between edges k and k + 1, and the last block for nothing (its gradient is zero). With a node's rows n apart,
values at the two ends of all cells are z[:-n] and z[n:].

Secant slopes are those of DeepLIFT's Rescale rule (Shrikumar, Greenside & Kundaje 2017), taken cell by cell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

__all__ = ["Ends", "MaxPool", "Middle", "Piecewise", "Relu", "Smooth"]

_TINY = {torch.float64: 1e-300, torch.float32: 1e-37, torch.bfloat16: 1e-37, torch.float16: 6e-8}
_NEAR = {torch.float64: 1e-4}  # ends so close that the derivative at the middle is the better slope
_NEAR_SINGLE = 1e-2

Function: Any = torch.autograd.Function


def _flip_share(z0: torch.Tensor, z1: torch.Tensor) -> torch.Tensor:
    """The share of a cell in which z > 0: clamp(max(z0, z1) / (|z1 - z0| + tiny), 0, 1)."""
    width = torch.sub(z1, z0).abs_().add_(_TINY[z0.dtype])
    return torch.maximum(z0, z1).div_(width).clamp_(0.0, 1.0)


def _cells(gradient: torch.Tensor, slope: torch.Tensor, n: int) -> torch.Tensor:
    """gradient x slope in every cell, zero in the last block."""
    product = torch.empty_like(gradient)
    torch.mul(gradient[:-n], slope, out=product[:-n])
    product[-n:] = 0.0
    return product


class Relu(Function):  # type: ignore[misc]
    """max(z, 0): the slope is the share of the cell in which z > 0."""

    @staticmethod
    def forward(ctx: Any, nodes: int, z: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(z)
        ctx.nodes = nodes
        return z.clamp_min(0.0)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        (z,) = ctx.saved_tensors
        n = z.shape[0] // ctx.nodes
        product = torch.empty_like(z)
        product[-n:] = 0.0
        share = product[:-n]
        torch.sub(z[n:], z[:-n], out=share)
        width = share.abs_().add_(_TINY[z.dtype])
        torch.div(torch.maximum(z[:-n], z[n:]), width, out=share).clamp_(0.0, 1.0).mul_(gradient[:-n])
        return None, product


class Piecewise(Function):  # type: ignore[misc]
    """f(z) = slope z + sum of step x relu(z - knot), up to a constant: `steps` are pairs (step, knot)."""

    @staticmethod
    def forward(ctx: Any, nodes: int, call: Callable[[Any], Any], slope: Any, steps: Any, z: torch.Tensor) -> Any:
        ctx.save_for_backward(z)
        ctx.nodes, ctx.slope, ctx.steps = nodes, slope, steps
        return call(z)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        (z,) = ctx.saved_tensors
        n = z.shape[0] // ctx.nodes
        total = torch.zeros_like(z[n:])
        for step, knot in ctx.steps:
            shifted = z - knot if knot else z
            total += _flip_share(shifted[:-n], shifted[n:]) * step
        total += ctx.slope
        return None, None, None, None, _cells(gradient, total, n)


class Smooth(Function):  # type: ignore[misc]
    """Any elementwise f: (f(z1) - f(z0)) / (z1 - z0), and f' in the middle where the ends are close.

    There a quotient is rounding; a slope of 0 for 0/0 would leave the delta perfect and the attributions wrong.
    """

    @staticmethod
    def forward(ctx: Any, nodes: int, call: Callable[[Any], Any], z: torch.Tensor) -> Any:
        value = call(z)
        ctx.save_for_backward(z, value)
        ctx.nodes, ctx.call = nodes, call
        return value

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        z, value = ctx.saved_tensors
        n = z.shape[0] // ctx.nodes
        width = z[n:] - z[:-n]
        close = width.abs() < _NEAR.get(z.dtype, _NEAR_SINGLE)
        slope = value[n:] - value[:-n]
        if bool(close.any()):
            middle = _means(z, n).requires_grad_()
            with torch.enable_grad():
                outputs = ctx.call(middle)
            (derivative,) = torch.autograd.grad(outputs, middle, torch.ones_like(outputs))
            slope = torch.where(close, derivative[:-n], slope / width.masked_fill_(close, 1.0))
        else:
            slope = slope.div_(width)
        return None, None, _cells(gradient, slope, n)


class Middle(Function):  # type: ignore[misc]
    """Products: their gradient at the mean of the cell's ends, with which f(x1, y1) - f(x0, y0) comes out exact."""

    @staticmethod
    def forward(ctx: Any, nodes: int, call: Callable[..., Any], *operands: torch.Tensor) -> Any:
        ctx.save_for_backward(*operands)
        ctx.nodes, ctx.call = nodes, call
        return call(*operands)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        means = [_means(z, z.shape[0] // ctx.nodes).requires_grad_() for z in ctx.saved_tensors]
        with torch.enable_grad():
            outputs = ctx.call(*means)
        weighted = gradient.clone()
        weighted[-(weighted.shape[0] // ctx.nodes) :] = 0.0
        return None, None, *torch.autograd.grad(outputs, means, weighted)


class Ends(Function):  # type: ignore[misc]
    """Anything else: the mean of the gradients at the cell's two ends (second order; the delta is no longer exact).

    `call` takes the operands and gives a tuple of floating-point tensors, each with the nodes first.
    """

    @staticmethod
    def forward(ctx: Any, nodes: int, call: Callable[..., Any], *operands: torch.Tensor) -> Any:
        ctx.nodes = nodes
        ctx.operands = [operand.detach().requires_grad_() for operand in operands]
        with torch.enable_grad():
            ctx.outputs = call(*ctx.operands)
        return tuple(output.detach() for output in ctx.outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        left, right = [], []
        for gradient in gradients:
            n = gradient.shape[0] // ctx.nodes
            left.append(torch.cat([gradient[:-n], torch.zeros_like(gradient[-n:])]))
            right.append(torch.cat([torch.zeros_like(gradient[:n]), gradient[:-n]]))
        used = [place for place, output in enumerate(ctx.outputs) if output.requires_grad]
        outputs = [ctx.outputs[place] for place in used]

        def back(sides: list[torch.Tensor], *, again: bool) -> Any:
            chosen = [sides[place] for place in used]
            return torch.autograd.grad(outputs, ctx.operands, chosen, retain_graph=again, allow_unused=True)

        found: list[Any] = []
        for operand, at_left, at_right in zip(
            ctx.operands, back(left, again=True), back(right, again=False), strict=True
        ):
            if at_left is None:
                found.append(None)
                continue
            n = operand.shape[0] // ctx.nodes
            total = 0.5 * at_left
            total[:-n] += 0.5 * at_right[n:]
            found.append(total)
        return None, None, *found


class MaxPool(Function):  # type: ignore[misc]
    """A window whose maximum goes from p to q: the part of the cell before they meet to p, the rest to q."""

    @staticmethod
    def forward(ctx: Any, nodes: int, call: Callable[[Any], Any], axes: int, z: torch.Tensor) -> Any:
        value, where = call(z)
        ctx.save_for_backward(z, value, where)
        ctx.nodes, ctx.axes = nodes, axes
        return value

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        z, value, where = (tensor.flatten(-ctx.axes) for tensor in ctx.saved_tensors)
        n = z.shape[0] // ctx.nodes
        upstream = gradient.flatten(-ctx.axes)[:-n]
        p, q = where[:-n], where[n:]
        p0, q1 = value[:-n], value[n:]
        lead = p0 - z[:-n].gather(-1, q)  # p0 - q0 >= 0
        lag = q1 - z[n:].gather(-1, p)  # q1 - p1 >= 0
        both = lead + lag
        share = torch.where(both > 0, lead / both.masked_fill(both <= 0, 1.0), 0.5)
        result = torch.zeros_like(z)
        result[:-n].scatter_add_(-1, p, upstream * share)
        result[:-n].scatter_add_(-1, q, upstream * (1.0 - share))
        return None, None, None, result.view(ctx.saved_tensors[0].shape)


def _means(z: torch.Tensor, n: int) -> torch.Tensor:
    """(z0 + z1) / 2 of every cell; the last block as it is."""
    mean = z.detach().clone()
    mean[:-n] += z.detach()[n:]
    mean[:-n] *= 0.5
    return mean
