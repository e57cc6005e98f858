"""Sums along paths through a model that can be followed: quadrature and secant cells behind an affine prefix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch_follow import Cut, Follow

__all__ = ["quadrature", "secant_edges", "secant_sums"]

Tensors = dict[str, torch.Tensor]
Contributions = Callable[[Tensors], torch.Tensor]

_KINKS = 128  # of a layer with more units every so many-th is looked at: cells need the density, not each kink


def quadrature(
    follow: Follow, values: torch.Tensor, deltas: Tensors, weights: torch.Tensor, contributions: Contributions
) -> tuple[torch.Tensor, torch.Tensor]:
    """Contributions (sums, rows, features), and their weighted sums (levels, rows x features).

    Gradients are summed over the nodes where the affine part ends, and each sum is pulled back once; single nodes
    are, where they are fewer than the levels of `weights` (levels, nodes).
    """
    single = follow.nodes < len(weights)
    mixed = torch.eye(follow.nodes, dtype=weights.dtype, device=weights.device) if single else weights
    cuts, gradients = _backward(follow, values, torch.ones_like(values))
    sums = [
        (mixed @ gradient.view(follow.nodes, -1).to(mixed.dtype)).to(gradient.dtype).view(len(mixed), *cut.delta.shape)
        for cut, gradient in zip(cuts, gradients, strict=True)
    ]
    found = [_pulled_back(cuts, [each[place] for each in sums], deltas) for place in range(len(mixed))]
    parts = contributions({name: torch.stack([each[name] for each in found]) for name in deltas})
    flat = parts.double().flatten(1)
    return parts, weights @ flat if single else flat


def secant_sums(follow: Follow, values: torch.Tensor, deltas: Tensors) -> Tensors:
    """Slopes of all cells weighted by the cells' widths and summed, w.r.t. the inputs."""
    wanted = torch.ones_like(values)
    wanted[-follow.rows :] = 0.0
    cuts, gradients = _backward(follow, values, wanted)
    widths = follow.places.diff(dim=0).expand(-1, follow.rows)
    sums = []
    for cut, gradient in zip(cuts, gradients, strict=True):
        by_cell = gradient.view(follow.nodes, follow.rows, -1)
        total = torch.zeros(by_cell.shape[1:], dtype=torch.float64, device=gradient.device)
        for cell in range(follow.nodes - 1):
            total += by_cell[cell] * widths[cell, :, None]
        sums.append(total.to(gradient.dtype).view(cut.delta.shape))
    return _pulled_back(cuts, sums, deltas)


def secant_edges(rows: int, cells: int, like: torch.Tensor) -> Callable[[torch.Tensor | None], torch.Tensor]:
    """Chooses edges (cells + 1, rows): e_k = cdf^-1(k / cells), cdf(a) = a / 2 + #(kinks < a) / (2 kinks).

    `kinks` (rows, units) are the places where the first layer has its kinks; those off the path do not count.
    Uniform edges for a row that has none, or where nothing is known of kinks.
    """

    def edges(kinks: torch.Tensor | None) -> torch.Tensor:
        uniform = torch.linspace(0.0, 1.0, cells + 1, dtype=like.dtype, device=like.device)[:, None]
        if kinks is None or cells == 1:
            return uniform.expand(cells + 1, rows)
        kinks = kinks[:, :: -(-kinks.shape[1] // _KINKS)]
        inside = (kinks > 0.0) & (kinks < 1.0)
        ordered = _sorted(kinks.masked_fill(~inside, float("inf")))
        count = inside.sum(dim=1, keepdim=True).clamp_min(1).to(like.dtype)
        index = torch.arange(ordered.shape[1], device=like.device, dtype=like.dtype)
        before = 0.5 * (ordered + index / count)  # cdf just before each kink
        levels = uniform[1:-1, 0].expand(rows, cells - 1).contiguous()
        passed = torch.searchsorted(before, levels)
        last = ordered.gather(1, (passed - 1).clamp_min(0)).masked_fill_(passed == 0, 0.0)
        places = torch.maximum(2.0 * levels - passed / count, last)
        places = torch.where(inside.any(dim=1, keepdim=True), places, levels)
        return torch.cat([uniform[:1].expand(1, rows), places.t().clamp_(0.0, 1.0), uniform[-1:].expand(1, rows)])

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


def _pulled_back(cuts: Sequence[Cut], sums: list[Any], deltas: Tensors) -> Tensors:
    """Gradients at the inputs, (rows, ...), of sums at the end of the affine part."""
    found: Any = [None] * len(deltas)
    if cuts:
        found = torch.autograd.grad(
            [cut.delta for cut in cuts], list(deltas.values()), sums, retain_graph=True, allow_unused=True
        )
    return {
        name: torch.zeros_like(delta) if gradient is None else gradient
        for (name, delta), gradient in zip(deltas.items(), found, strict=True)
    }
