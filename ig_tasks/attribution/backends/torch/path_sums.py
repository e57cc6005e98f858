"""Sums along the paths of a batch: by the model as it is, behind an affine prefix, or by a chain replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.base import Edges
from ig_tasks.attribution.backends.torch.call import Caller, Tensors, backward
from ig_tasks.attribution.backends.torch.chain import Chain
from ig_tasks.attribution.backends.torch.follow import Cut, Follow
from ig_tasks.attribution.backends.torch.replay import FEW, Replay
from ig_tasks.attribution.structure import NotFollowed, Segment, Structure

if TYPE_CHECKING:
    from ig_tasks.attribution.problem import Problem

__all__ = [
    "Lines",
    "Sums",
    "cells",
    "cells_by_chain",
    "derivatives",
    "derivatives_by_chain",
    "distances",
    "folded_by_chain",
    "nodes_behind_prefix",
    "nodes_by_chain",
    "nodes_plain",
    "unfolded",
]

_ONE_BY_ONE = 2  # terms that are pulled back sooner alone than torch has laid them out as a batch

Sums = tuple[torch.Tensor, torch.Tensor]
"""Outputs, and sums (sums, targets, rows, features), which are float64 where many terms were added."""


@dataclass(frozen=True)
class Lines:
    """The straight paths of a batch."""

    caller: Caller
    batch: Problem
    starts: Tensors  # (1 or rows, ...)
    deltas: Tensors  # (rows, ...), end - start
    _cuts: list[Cut] = field(default_factory=list, compare=False)

    @classmethod
    def of(cls, caller: Caller, batch: Problem) -> Lines:
        return cls(caller, batch, *caller.lines(batch))

    @property
    def device(self) -> torch.device:
        return self.caller.device

    def cuts(self, chain: Chain) -> list[Cut]:
        """Where the affine part ends, taken once, with the graph that sums are pulled back through."""
        if not self._cuts:
            self._cuts.extend(self.caller.prefix(self.batch, self.starts, self.deltas, chain.leaves))
        return self._cuts

    def contributions(self, gradients: Tensors) -> torch.Tensor:
        """gradient x (end - start), (sums, targets, rows, features), of gradients (sums, targets, rows, ...).

        An embedding's width is summed, and what the vectors of one id have in several layers.
        """
        parts = {}
        for name, gradient in gradients.items():
            product = gradient * self.deltas[name]
            axes = self.batch.path_endpoints(name).ndim + 2
            if product.ndim > axes:
                product = product.flatten(axes).sum(-1)
            parts[name] = product.flatten(3) if product.ndim > 3 else product[..., None]
        return self._by_feature(parts)

    def _by_feature(self, parts: Tensors) -> torch.Tensor:
        """Contributions (..., features) of those of each path, one a number or an id that a layer is fed with."""
        route, batch = self.caller.route, self.batch
        if route.plain:
            own = [parts[name if (feed := route.by_input(name)) is None else feed.key] for name in batch.endpoints]
            return own[0] if len(own) == 1 else torch.cat(own, dim=3)
        lead = next(iter(parts.values()))
        total = lead.new_zeros((*lead.shape[:3], batch.features))
        feeds = {feed.key: feed for feed in route.feeds}
        first = 0
        for name, end in batch.endpoints.items():
            size = int(np.prod(end.shape[1:]))
            if name in parts:
                total[..., first : first + size] = parts[name]
            first += size
        for key, feed in feeds.items():
            here = np.flatnonzero(feed.places >= 0)
            places, some = (torch.as_tensor(each, device=lead.device) for each in (feed.places[here], here))
            total.index_add_(3, places, parts[key].index_select(3, some).to(total.dtype))
        return total

    def outputs(self, values: torch.Tensor) -> torch.Tensor:
        """Values (targets, nodes x rows) as (nodes, targets, rows)."""
        return values.detach().view(len(values), -1, self.batch.rows).transpose(0, 1)


def nodes_plain(lines: Lines, places: torch.Tensor, weights: torch.Tensor) -> Sums:
    """Outputs (nodes, targets, rows) and sums at `places` (nodes, 1): every node from the inputs on.

    Weights are (sums, nodes).
    """
    count, points = len(places), {}
    for name, delta in lines.deltas.items():
        along = places.to(delta.dtype).view(-1, *[1] * delta.ndim)
        points[name] = torch.addcmul(lines.starts[name], along, delta).flatten(0, 1).requires_grad_()
    values, found = lines.caller.gradients(points, lines.batch, count)
    by_node = {name: _by_node(g, count, lines.batch.rows) for name, g in found.items()}
    return lines.outputs(values), _weighted(weights, lines.contributions(by_node))


def nodes_behind_prefix(lines: Lines, places: torch.Tensor, weights: torch.Tensor) -> Sums:
    """The same, the affine part once per row: gradients are summed where it ends, and each sum is pulled back."""
    follow = Follow(lines.batch.rows, len(places), places, secant=False)
    values = lines.caller.followed(lines.batch, lines.starts, lines.deltas, follow)
    cuts, gradients = _backward(follow, values, torch.ones_like(values))
    by_node = [_by_node(gradient, len(places), lines.batch.rows) for gradient in gradients]
    return lines.outputs(values), _pulled_back(lines, cuts, by_node, weights)


def nodes_by_chain(lines: Lines, chain: Chain, places: torch.Tensor, weights: torch.Tensor) -> Sums:
    """The same, by a chain."""
    cuts = lines.cuts(chain)
    with torch.no_grad():
        # Single nodes are pulled back where they are fewer than the sums.
        single = len(places) < len(weights)
        values, sums = Replay(chain, cuts, _targets(lines)).quadrature(places, None if single else weights)
    return values, _pulled_back(lines, cuts, sums, weights if single else None)


def folded_by_chain(lines: Lines, chain: Chain, places: torch.Tensor, weights: torch.Tensor) -> Sums:
    """The same, but sums (sums, targets, rows, units) of the gradients where the affine part ends."""
    cuts = lines.cuts(chain)
    with torch.no_grad():
        values, sums = Replay(chain, cuts, _targets(lines)).quadrature(places, weights)
    return values, torch.cat(sums, dim=-1)


def unfolded(lines: Lines, chain: Chain, sums: torch.Tensor) -> torch.Tensor:
    """Contributions (sums, targets, rows, features) of sums that `folded_by_chain` gave."""
    cuts = lines.cuts(chain)
    terms = sums.to(cuts[0].delta.dtype).split([cut.delta.shape[1] for cut in cuts], dim=-1)
    return _pulled_back(lines, cuts, [term.contiguous() for term in terms], None)


def cells(lines: Lines, structure: Structure, edges: Edges, segments: Sequence[Segment]) -> Sums:
    """Outputs (segments, 2, targets, rows) at the outer edges, and sums of secant slopes over the segments' cells.

    Raises NotFollowed.
    """
    rows, count = lines.batch.rows, sum(segment.edges for segment in segments)
    follow = Follow(rows, count, _on_host(edges, lines.device), secant=True)
    values = lines.caller.followed(lines.batch, lines.starts, lines.deltas, follow)
    if (structure.exact and not (follow.one_layer or not follow.operations)) or follow.pieces != structure.pieces:
        raise NotFollowed("rows take different ways through the model")
    last = np.cumsum([segment.edges for segment in segments]) - 1
    first = last - [segment.edges - 1 for segment in segments]
    wanted = torch.ones((len(values), count, rows), dtype=values.dtype, device=values.device)
    wanted[:, last] = 0.0  # between the last edge of a segment and the first of the next there is no cell
    widths = follow.places.diff(dim=0)
    cuts, gradients = _backward(follow, values, wanted.flatten(1))
    sums = []
    for gradient in gradients:
        by_cell = _by_node(gradient, count, rows)
        if not bool(by_cell.isfinite().all()):  # a slope at a kink may be infinite, and a cell without width is nothing
            wide = (widths > 0.0).view(count - 1, 1, rows, *[1] * (by_cell.ndim - 3))
            by_cell = torch.where(wide, by_cell[:-1], 0.0)
        # Rounding of a few terms is that of one term; sums of many are kept in float64.
        dtype = gradient.dtype if count <= FEW else _wide(gradient.dtype)
        total = torch.zeros((len(segments), *by_cell.shape[1:]), dtype=dtype, device=gradient.device)
        for place, (start, stop) in enumerate(zip(first, last, strict=True)):
            for cell in range(start, stop):
                width = widths[cell].to(dtype).view(rows, *[1] * (by_cell.ndim - 3))
                total[place].addcmul_(by_cell[cell].to(dtype), width)
        sums.append(total.to(gradient.dtype))
    outer = lines.outputs(values)[np.stack([first, last], axis=1)]
    return outer, _pulled_back(lines, cuts, sums, None, many=len(segments))


def cells_by_chain(lines: Lines, chain: Chain, edges: Edges, segments: Sequence[Segment]) -> Sums:
    """The same, by a chain."""
    cuts = lines.cuts(chain)
    with torch.no_grad():
        values, sums = Replay(chain, cuts, _targets(lines)).secant(edges, segments)
    return values, _pulled_back(lines, cuts, sums, None)


def derivatives(lines: Lines, follow: Follow, values: torch.Tensor, weights: torch.Tensor) -> Sums:
    """What `nodes_plain` gives, by slopes over cells without width: `follow` has every node twice, with these values.

    Raises NotFollowed.
    """
    wanted = torch.ones((len(values), follow.nodes, lines.batch.rows), dtype=values.dtype, device=values.device)
    wanted[:, 1::2] = 0.0
    cuts, gradients = _backward(follow, values, wanted.flatten(1))
    by_node = [_by_node(gradient, follow.nodes, lines.batch.rows)[::2] for gradient in gradients]
    return lines.outputs(values)[::2], _pulled_back(lines, cuts, by_node, weights)


def derivatives_by_chain(lines: Lines, chain: Chain, places: torch.Tensor, weights: torch.Tensor) -> Sums:
    """The same, by a chain, for nodes at `places` (nodes, 1)."""
    cuts = lines.cuts(chain)
    with torch.no_grad():
        values, by_node = Replay(chain, cuts, _targets(lines)).derivatives(places)
    return values, _pulled_back(lines, cuts, by_node, weights)


def distances(
    lines: Lines, chain: Chain | None, places: torch.Tensor, layers: range
) -> Iterator[tuple[slice, torch.Tensor]]:
    """How far operations of these layers are from their kinks: rows, and (places, rows, units x kinks)."""
    if chain is not None:
        cuts = lines.cuts(chain)
        yield from Replay(chain, cuts, _targets(lines)).knots(places, layers)
        return
    follow = Follow(lines.batch.rows, len(places), places, secant=True)
    follow.kinks_of = layers
    with torch.no_grad():
        lines.caller.followed(lines.batch, lines.starts, lines.deltas, follow)
    found = [each.reshape(*places.shape, -1) for each in follow.distances]
    nothing = places.new_zeros((*places.shape, 0))
    yield slice(0, lines.batch.rows), torch.cat(found, dim=2) if found else nothing


def _targets(lines: Lines) -> torch.Tensor:
    """The columns that each row explains (targets, rows); (targets, 1) where they are the same for all."""
    targets = lines.batch.targets
    same = (targets == targets[:, :1]).all()
    return torch.tensor(targets[:, :1] if same else targets, device=lines.device)


def _by_node(gradient: torch.Tensor, count: int, rows: int) -> torch.Tensor:
    """(targets, nodes x rows, ...) as (nodes, targets, rows, ...)."""
    return gradient.view(len(gradient), count, rows, *gradient.shape[2:]).transpose(0, 1)


def _on_host(edges: Edges, device: torch.device) -> Callable[[torch.Tensor | None], torch.Tensor]:
    """`edges` for tensors: kinks go to the host, edges come back."""

    def chosen(kinks: torch.Tensor | None) -> torch.Tensor:
        return torch.as_tensor(edges(None if kinks is None else kinks.cpu().numpy()), device=device)

    return chosen


def _backward(
    follow: Follow, values: torch.Tensor, wanted: torch.Tensor
) -> tuple[Sequence[Cut], Sequence[torch.Tensor]]:
    """Cuts that the values depend on, and the gradients there, (targets, nodes x rows, ...)."""
    if not follow.cuts or not values.requires_grad:
        return [], []
    found = backward(values, [cut.leaf for cut in follow.cuts], wanted)
    used = [
        (cut, gradient)
        for cut, gradient in zip(follow.cuts, found, strict=True)
        if gradient is not None and cut.delta.requires_grad
    ]
    return [cut for cut, _ in used], [gradient for _, gradient in used]


def _weighted(weights: torch.Tensor, terms: torch.Tensor) -> torch.Tensor:
    """weights (sums, nodes) x terms (nodes, ...), in float64 or complex128."""
    wide = _wide(terms.dtype)
    return (weights.to(wide) @ terms.to(wide).flatten(1)).view(-1, *terms.shape[1:])


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.complex128 if dtype.is_complex else torch.float64


def _pulled_back(
    lines: Lines, cuts: Sequence[Cut], terms: list[torch.Tensor], weights: torch.Tensor | None, many: int | None = None
) -> torch.Tensor:
    """Contributions (sums, targets, rows, features) of `terms` (terms, targets, rows, ...) at the cuts.

    Weights (sums, terms), if there are any, are applied on the side of the pulling back that has fewer terms.
    """
    after = weights if weights is not None and terms and len(terms[0]) < len(weights) else None
    if weights is not None and after is None:
        terms = [_weighted(weights, term).to(term.dtype) for term in terms]
    count = many or (len(terms[0]) if terms else len(weights) if weights is not None else 1)
    shape = (count, len(lines.batch.targets))
    inputs = list(lines.deltas.values())
    found: Any = [None] * len(inputs)
    if cuts:
        endpoints, flat = [cut.delta for cut in cuts], [term.flatten(0, 1) for term in terms]

        def back(upstream: list[Any], *, batched: bool = False) -> Any:
            return torch.autograd.grad(
                endpoints, inputs, upstream, retain_graph=True, allow_unused=True, is_grads_batched=batched
            )

        def one_by_one() -> Any:
            each = [back([term[place] for term in flat]) for place in range(len(flat[0]))]
            return [None if one[0] is None else torch.stack(one) for one in zip(*each, strict=True)]

        if len(flat[0]) <= _ONE_BY_ONE:
            found = one_by_one()
        else:
            try:
                found = back(flat, batched=True)
            except RuntimeError:  # an operation that cannot be batched
                found = one_by_one()
    gradients = {
        name: delta.new_zeros((*shape, *delta.shape)) if gradient is None else gradient.view(*shape, *delta.shape)
        for (name, delta), gradient in zip(lines.deltas.items(), found, strict=True)
    }
    contributions = lines.contributions(gradients)
    return contributions if after is None else _weighted(after, contributions)
