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

from ig_tasks.attribution.secant_slopes import (
    Pieces,
    close_ends,
    middle,
    piecewise_slope,
    smooth_slope,
    tiny,
)

__all__ = ["Ends", "Middle", "Modulus", "Piecewise", "Relu", "Smooth", "kinked_cells", "relu_cells", "smooth_cells"]

Function: Any = torch.autograd.Function


def relu_cells(z0: torch.Tensor, z1: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """`flip_share` written into `out`: of all slopes the one that is taken most, without passes over fresh memory."""
    torch.sub(z1, z0, out=out)
    width = out.abs_().add_(tiny(_name(z0)))
    return torch.div(torch.maximum(z0, z1), width, out=out).clamp_(0.0, 1.0)


def kinked_cells(pieces: Pieces, z0: torch.Tensor, z1: torch.Tensor) -> torch.Tensor:
    """The secant slope of a piecewise linear function over each cell from `z0` to `z1`."""
    slope: torch.Tensor = piecewise_slope(torch, pieces, z0, z1, tiny(_name(z0)))
    return slope


def smooth_cells(
    call: Callable[[Any], Any], z0: torch.Tensor, z1: torch.Tensor, f0: torch.Tensor, f1: torch.Tensor
) -> torch.Tensor:
    """Slopes of any elementwise `call`, whose values at the ends are f0 and f1."""
    close = close_ends(torch, z0, z1, _name(z0))
    if not bool(close.any()):
        return (f1 - f0).div_(z1 - z0)
    between = middle(z0, z1).requires_grad_()
    with torch.enable_grad():
        outputs = call(between)
    (derivative,) = torch.autograd.grad(outputs, between, torch.ones_like(outputs))
    slope: torch.Tensor = smooth_slope(torch, z0, z1, f0, f1, close, derivative)
    return slope


def _name(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


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
        relu_cells(z[:-n], z[n:], product[:-n]).mul_(gradient[:-n])
        return None, product


class Piecewise(Function):  # type: ignore[misc]
    """Any other continuous piecewise-linear function of single elements."""

    @staticmethod
    def forward(ctx: Any, nodes: int, call: Callable[[Any], Any], pieces: Pieces, z: torch.Tensor) -> Any:
        ctx.save_for_backward(z)
        ctx.nodes, ctx.pieces = nodes, pieces
        return call(z)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        (z,) = ctx.saved_tensors
        n = z.shape[0] // ctx.nodes
        return None, None, None, _cells(gradient, kinked_cells(ctx.pieces, z[:-n], z[n:]), n)


class Smooth(Function):  # type: ignore[misc]
    """Any elementwise f."""

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
        slope = smooth_cells(ctx.call, z[:-n], z[n:], value[:-n], value[n:])
        return None, None, _cells(gradient, slope, n)


class Modulus(Function):  # type: ignore[misc]
    """|z| of complex z: its slope over a cell is (z0 + z1) / (|z0| + |z1|), as |z1|^2 - |z0|^2 shows."""

    @staticmethod
    def forward(ctx: Any, nodes: int, z: torch.Tensor) -> torch.Tensor:
        value = z.abs()
        ctx.save_for_backward(z, value)
        ctx.nodes = nodes
        return value

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        z, value = ctx.saved_tensors
        n = z.shape[0] // ctx.nodes
        slope = (z[:-n] + z[n:]) / (value[:-n] + value[n:] + tiny(_name(value)))
        product = torch.zeros_like(z)
        torch.mul(gradient[:-n], slope, out=product[:-n])
        return None, product


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

        def back(sides: list[torch.Tensor]) -> Any:
            chosen = [sides[place] for place in used]
            # The next output that is explained passes here as well.
            return torch.autograd.grad(outputs, ctx.operands, chosen, retain_graph=True, allow_unused=True)

        found: list[Any] = []
        for operand, at_left, at_right in zip(ctx.operands, back(left), back(right), strict=True):
            if at_left is None:
                found.append(None)
                continue
            n = operand.shape[0] // ctx.nodes
            total = 0.5 * at_left
            total[:-n] += 0.5 * at_right[n:]
            found.append(total)
        return None, None, *found


def _means(z: torch.Tensor, n: int) -> torch.Tensor:
    """(z0 + z1) / 2 of every cell; the last block as it is."""
    mean = z.detach().clone()
    mean[:-n] += z.detach()[n:]
    mean[:-n] *= 0.5
    return mean
