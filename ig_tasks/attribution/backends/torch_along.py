"""Sums along paths through a model that can be followed: quadrature and secant cells behind an affine prefix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch_follow import Cut, Follow
from ig_tasks.attribution.structure import Segment

__all__ = ["quadrature", "secant_edges", "secant_sums"]

Tensors = dict[str, torch.Tensor]
Contributions = Callable[[Tensors], torch.Tensor]

_FEW = 64
_KINKS = 128  # of a layer with more units every so many-th is looked at: cells need the density, not each kink


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


def secant_edges(
    rows: int, segments: Sequence[Segment], like: torch.Tensor
) -> Callable[[torch.Tensor | None], torch.Tensor]:
    """Chooses edges (edges, rows): e_k = cdf^-1(k / cells), cdf(a) = a / 2 + #(kinks < a) / (2 kinks).

    `kinks` (rows, units) are the places where the first layer has its kinks; those off the path do not count.
    Uniform edges for a row that has none, or where nothing is known of kinks.
    """
    shares = np.concatenate([np.arange(each.first, each.last + 1) / each.cells for each in segments])

    def edges(kinks: torch.Tensor | None) -> torch.Tensor:
        uniform = torch.as_tensor(shares, dtype=like.dtype, device=like.device).expand(rows, len(shares))
        if kinks is None or all(each.cells == 1 for each in segments):
            return uniform.t()
        kinks = kinks[:, :: -(-kinks.shape[1] // _KINKS)]
        inside = (kinks > 0.0) & (kinks < 1.0)
        ordered = _sorted(kinks.masked_fill(~inside, float("inf")))
        count = inside.sum(dim=1, keepdim=True).clamp_min(1).to(like.dtype)
        index = torch.arange(ordered.shape[1], device=like.device, dtype=like.dtype)
        before = 0.5 * (ordered + index / count)  # cdf just before each kink
        passed = torch.searchsorted(before, uniform.contiguous())
        last = ordered.gather(1, (passed - 1).clamp_min(0)).masked_fill_(passed == 0, 0.0)
        places = torch.maximum(2.0 * uniform - passed / count, last).clamp_(0.0, 1.0)
        return torch.where(inside.any(dim=1, keepdim=True), places, uniform).t()

    return edges


def _sorted(values: torch.Tensor) -> torch.Tensor:
    """Each row in order. On a CPU numpy sorts several times faster."""
    if values.device.type != "cpu":
        return values.sort(dim=1).values
    return torch.from_numpy(np.sort(values.numpy(), axis=1))


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
