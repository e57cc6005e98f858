"""Sums along paths through a model that can be followed: quadrature and secant cells behind an affine prefix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.base import Edges
from ig_tasks.attribution.backends.torch_follow import Cut, Follow
from ig_tasks.attribution.structure import Segment

__all__ = ["quadrature", "secant_edges", "secant_sums"]

Tensors = dict[str, torch.Tensor]
Contributions = Callable[[Tensors], torch.Tensor]

_FEW = 64


def quadrature(
    follow: Follow, values: torch.Tensor, deltas: Tensors, weights: torch.Tensor, contributions: Contributions
) -> tuple[torch.Tensor, torch.Tensor]:
    """Contributions (sums, rows, features), and their weighted sums (levels, rows x features).

    Gradients are summed over the nodes where the affine part ends, and each sum is pulled back once; single nodes
    are, where they are fewer than the levels of `weights` (levels, nodes).
    """
    cuts, gradients = _backward(follow, values, torch.ones_like(values))
    single = follow.nodes < len(weights)
    many = follow.nodes if single else len(weights)

    def summed(gradient: torch.Tensor) -> torch.Tensor:
        by_node = gradient.view(follow.nodes, -1)
        return by_node if single else (weights @ by_node.to(weights.dtype)).to(gradient.dtype)

    sums = [summed(gradient).view(many, *cut.delta.shape) for cut, gradient in zip(cuts, gradients, strict=True)]
    parts = contributions(_pulled_back(cuts, sums, deltas, many=many))
    flat = parts.double().flatten(1)
    return parts, weights @ flat if single else flat


def secant_sums(follow: Follow, values: torch.Tensor, deltas: Tensors, segments: Sequence[Segment]) -> Tensors:
    """Slopes of all cells weighted by the cells' widths and summed by segment, w.r.t. the inputs: a leading axis."""
    wanted = torch.ones_like(values).view(follow.nodes, follow.rows)
    widths = torch.zeros_like(wanted)
    widths[:-1] = follow.places.diff(dim=0)
    ends = np.cumsum([segment.edges for segment in segments])
    wanted[ends - 1] = 0.0  # between the last edge of a segment and the first of the next there is no cell
    cuts, gradients = _backward(follow, values, wanted.flatten())
    sums = []
    for cut, gradient in zip(cuts, gradients, strict=True):
        by_cell = gradient.view(follow.nodes, follow.rows, -1)
        # Rounding of a few terms is that of one term; sums of many are kept in float64.
        dtype = gradient.dtype if follow.nodes <= _FEW else torch.float64
        total = torch.zeros((len(segments), *by_cell.shape[1:]), dtype=dtype, device=gradient.device)
        for place, (segment, end) in enumerate(zip(segments, ends, strict=True)):
            for cell in range(end - segment.edges, end - 1):
                total[place].addcmul_(by_cell[cell].to(dtype), widths[cell, :, None].to(dtype))
        sums.append(total.to(gradient.dtype).view(len(segments), *cut.delta.shape))
    return _pulled_back(cuts, sums, deltas, many=len(segments))


def secant_edges(edges: Edges, like: torch.Tensor) -> Callable[[torch.Tensor | None], torch.Tensor]:
    """`edges` for tensors like `like`: kinks go to the host, edges come back."""

    def chosen(kinks: torch.Tensor | None) -> torch.Tensor:
        places = edges(None if kinks is None else kinks.cpu().numpy())
        return torch.as_tensor(places, device=like.device)

    return chosen


def _backward(
    follow: Follow, values: torch.Tensor, wanted: torch.Tensor
) -> tuple[Sequence[Cut], Sequence[torch.Tensor]]:
    """Cuts that the values depend on, and the gradients there, (nodes x rows, ...)."""
    if not follow.cuts or not values.requires_grad:
        return [], []
    found = torch.autograd.grad(values, [cut.leaf for cut in follow.cuts], wanted, allow_unused=True)
    used = [
        (cut, gradient)
        for cut, gradient in zip(follow.cuts, found, strict=True)
        if gradient is not None and cut.delta.requires_grad
    ]
    return [cut for cut, _ in used], [gradient for _, gradient in used]


def _pulled_back(cuts: Sequence[Cut], sums: list[Any], deltas: Tensors, many: int | None = None) -> Tensors:
    """Gradients at the inputs, (rows, ...), of sums at the end of the affine part; `many` of them: a leading axis."""
    found: Any = [None] * len(deltas)
    if cuts:
        ends, inputs = [cut.delta for cut in cuts], list(deltas.values())

        def back(upstream: list[Any], *, batched: bool = False) -> Any:
            return torch.autograd.grad(
                ends, inputs, upstream, retain_graph=True, allow_unused=True, is_grads_batched=batched
            )

        if many is None:
            found = back(sums)
        else:
            try:
                found = back(sums, batched=True)
            except RuntimeError:  # an operation that cannot be batched: one at a time
                each = [back([total[place] for total in sums]) for place in range(many)]
                found = [None if one[0] is None else torch.stack(one) for one in zip(*each, strict=True)]
    shape = () if many is None else (many,)
    return {
        name: delta.new_zeros((*shape, *delta.shape)) if gradient is None else gradient
        for (name, delta), gradient in zip(deltas.items(), found, strict=True)
    }
