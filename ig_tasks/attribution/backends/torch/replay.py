"""Sums along paths by a chain: the affine prefix once per row, the steps behind it block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.base import Edges
from ig_tasks.attribution.backends.torch.chain import Chain, Kinked
from ig_tasks.attribution.backends.torch.follow import Cut
from ig_tasks.attribution.structure import Segment

__all__ = ["FEW", "Replay"]

FEW = 64  # rounding of so few terms is that of one; sums of more are taken in float64
_MANY = 512  # cells of a row: from here on their sum is taken in float64
_BLOCK_BYTES = 6 << 20  # values of a block: what the cache next to the cores keeps


@dataclass(frozen=True)
class Replay:
    """The rows of one batch: their cuts (rows, units), and the outputs that each explains (targets, 1 or rows)."""

    chain: Chain
    cuts: Sequence[Cut]
    targets: torch.Tensor

    @property
    def rows(self) -> int:
        return int(self.cuts[0].delta.shape[0])

    def kinks(self) -> torch.Tensor | None:
        """Where along each path the first nonlinear operation has its kinks (rows, kinks)."""
        for step, operands in zip(self.chain.steps, self.chain.operands, strict=True):
            if operands == (0,) and isinstance(step, Kinked):
                base, delta = self.cuts[0].base, self.cuts[0].delta.detach()
                return torch.cat([(knot - base) / delta for knot in step.pieces.knots], dim=1)
            if 0 in operands and not isinstance(step, Kinked):
                return None
        return None

    def quadrature(self, nodes: torch.Tensor, weights: torch.Tensor | None) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Outputs (nodes, targets, rows), and weighted sums (sums, targets, rows, units) of gradients at each cut.

        `nodes` are (nodes, 1), `weights` (sums, nodes); without weights the gradients come one by one.
        """
        count = nodes.shape[0]
        outputs, sums = self._values(count), self._sums(count if weights is None else len(weights))
        # Where all rows start from one point, its gradient is one row's.
        shared = int(bool(nodes[0] == 0.0) and self.targets.shape[1] == 1 and self._one_start)
        if shared:
            first = None if weights is None else weights[:, :1]
            self._quadrature(nodes[:1], first, slice(0, 1), outputs[:1], sums, still=True)
            for total in sums:
                total[:] = total[:, :, :1].clone()
            outputs[:1] = outputs[:1, :, :1].clone()
        for some in self._blocks(count) if count > shared else ():
            rest = None if weights is None else weights[:, shared:]
            into = [total[shared:] for total in sums] if weights is None else sums
            self._quadrature(nodes[shared:], rest, some, outputs[shared:], into)
        return outputs, sums

    def _quadrature(
        self,
        nodes: torch.Tensor,
        weights: torch.Tensor | None,
        some: slice,
        outputs: torch.Tensor,
        sums: Any,
        *,
        still: bool = False,
    ) -> None:
        """Write the outputs of some rows, and add to their sums; `still`: at the start that all rows share."""
        # The first row may not be finite, and 0 x NaN would spoil the start for all others.
        values = self.chain.forward([cut.base[None] for cut in self.cuts]) if still else self._forward(nodes, some)
        outputs[:, :, some] = self._explained(values[-1], some)
        for target, gradients in enumerate(self._gradients(values, some, cells=False)):
            for gradient, cut, total in zip(gradients, self.cuts, sums, strict=True):
                if gradient is None:
                    continue
                whole = gradient.expand(len(nodes), some.stop - some.start, cut.delta.shape[1])
                if weights is None:
                    total[: len(nodes), target, some] = whole
                else:
                    into = total[:, target, some]
                    into += _weighted(weights, whole.reshape(len(nodes), -1)).view(into.shape)

    @property
    def _one_start(self) -> bool:
        return all(cut.base.shape[0] == 1 for cut in self.cuts)

    def secant(self, edges: Edges, segments: Sequence[Segment]) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Outputs (segments, 2, targets, rows) at the outer edges, and sums (segments, targets, rows, units)."""
        kinks = self.kinks()
        delta = self.cuts[0].delta
        places = torch.as_tensor(edges(None if kinks is None else kinks.cpu().numpy()), device=delta.device)
        widths = places.diff(dim=0).to(delta.dtype)
        places = places.to(delta.dtype)
        count = places.shape[0]
        last = np.cumsum([segment.edges for segment in segments])
        first = last - [segment.edges for segment in segments]
        outer = torch.as_tensor(np.stack([first, last - 1], axis=1).ravel(), device=delta.device)
        outputs, sums = self._values(2 * len(segments)), self._sums(len(segments))
        for some in self._blocks(count):
            values = self._forward(places[:, some], some)
            outputs[:, :, some] = self._explained(values[-1][outer], some)
            for target, gradients in enumerate(self._gradients(values, some, cells=True)):
                for gradient, cut, total in zip(gradients, self.cuts, sums, strict=True):
                    if gradient is None:
                        continue
                    whole = gradient.expand(count - 1, some.stop - some.start, cut.delta.shape[1])
                    for place, (start, stop) in enumerate(zip(first, last - 1, strict=True)):
                        total[place, target, some] = _integral(whole[start:stop], widths[start:stop, some])
        return outputs.view(len(segments), 2, len(self.targets), self.rows), sums

    def derivatives(self, nodes: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """What `quadrature` gives without weights, by slopes over cells without width."""
        values = self._forward(nodes.repeat_interleave(2, dim=0), slice(0, self.rows))
        outputs = self._explained(values[-1], slice(0, self.rows))[::2]
        found = self._sums(len(nodes))
        for target, gradients in enumerate(self._gradients(values, slice(0, self.rows), cells=True)):
            for gradient, cut, into in zip(gradients, self.cuts, found, strict=True):
                if gradient is not None:
                    into[:, target] = gradient.expand(2 * len(nodes) - 1, self.rows, cut.delta.shape[1])[::2]
        return outputs, found

    def knots(self, places: torch.Tensor, layers: range) -> Iterator[tuple[slice, torch.Tensor]]:
        """Rows, and their distances (places, rows, units x kinks) from the layers' kinks; `places` (places, rows)."""
        for some in self._blocks(len(places)):
            with torch.no_grad():
                leaves = [self._leaf(cut, places[:, some], some) for cut in self.cuts]
                found = self.chain.knots(leaves, layers)
            yield some, found

    # -- blocks ------------------------------------------------------------------------------------------

    def _blocks(self, count: int) -> Iterator[slice]:
        """Rows of which `count` places fit the cache; all of them on a device."""
        rows = self.rows
        if self.targets.device.type == "cpu":
            width = sum(cut.delta.shape[1] for cut in self.cuts) + self.chain.width
            rows = max(1, _BLOCK_BYTES // (self.cuts[0].delta.element_size() * width * count))
        for start in range(0, self.rows, rows):
            yield slice(start, min(start + rows, self.rows))

    def _leaf(self, cut: Cut, places: torch.Tensor, some: slice) -> torch.Tensor:
        base = cut.base if cut.base.shape[0] == 1 else cut.base[some]
        # The result lies in memory as the places do; matrix products of what lies otherwise took twice as long.
        along = places.to(base.dtype).contiguous()[:, :, None]
        return torch.addcmul(base, along, cut.delta.detach()[some])

    def _forward(self, places: torch.Tensor, some: slice) -> list[torch.Tensor]:
        return self.chain.forward([self._leaf(cut, places, some) for cut in self.cuts])

    def _explained(self, values: torch.Tensor, some: slice) -> torch.Tensor:
        """The outputs that each row explains (places, targets, rows), out of (places, rows, outputs)."""
        if self.targets.shape[1] == 1:
            return values[..., self.targets[:, 0]].transpose(1, 2)
        index = self.targets[:, some].t().expand(values.shape[0], -1, -1)
        return values.gather(2, index).transpose(1, 2)

    def _gradients(self, values: list[torch.Tensor], some: slice, *, cells: bool) -> Iterator[list[Any]]:
        """Gradients at the cuts, target by target."""
        width, dtype = values[-1].shape[2], values[-1].dtype
        last = len(self.targets) - 1
        for place, columns in enumerate(self.targets):
            own = columns if len(columns) == 1 else columns[some]
            # One in the column that is explained flows back from the outputs.
            wanted = torch.nn.functional.one_hot(own, width).to(dtype)[None]
            yield self.chain.gradients(values if place == last else list(values), wanted, cells=cells)

    def _values(self, count: int) -> torch.Tensor:
        return self.cuts[0].delta.new_empty((count, len(self.targets), self.rows))

    def _sums(self, count: int) -> list[torch.Tensor]:
        many = len(self.targets)
        return [cut.delta.new_zeros((count, many, *cut.delta.shape)) for cut in self.cuts]


def _weighted(weights: torch.Tensor, gradients: torch.Tensor) -> Any:
    """weights (sums, nodes) x gradients (nodes, numbers)."""
    if gradients.shape[0] <= FEW:
        return weights.to(gradients.dtype) @ gradients
    return weights @ gradients.to(weights.dtype)


def _integral(slopes: torch.Tensor, widths: torch.Tensor) -> torch.Tensor:
    """Sum over cells (cells, rows, units) of slope x width (cells, rows)."""
    if len(slopes) > _MANY:
        return (slopes.double() * widths[:, :, None]).sum(0)
    # A row's sum is a product of its widths with its slopes, read once where they lie.
    return torch.bmm(widths.t()[:, None], slopes.transpose(0, 1))[:, 0]
