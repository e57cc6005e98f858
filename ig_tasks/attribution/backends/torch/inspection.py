"""A few rows followed before all others: what the model is made of, and whether following it gives its own numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.call import Caller
from ig_tasks.attribution.backends.torch.chain import Chain
from ig_tasks.attribution.backends.torch.follow import Follow
from ig_tasks.attribution.backends.torch.path_sums import (
    Lines,
    Sums,
    derivatives,
    derivatives_by_chain,
    nodes_behind_prefix,
    nodes_by_chain,
    nodes_plain,
)
from ig_tasks.attribution.backends.torch.recall import FAILURES, keep, same
from ig_tasks.attribution.backends.torch.record import chain_of
from ig_tasks.attribution.structure import NotFollowed, Structure
from ig_tasks.errors import brief

if TYPE_CHECKING:
    from ig_tasks.attribution.problem import Problem

__all__ = ["inspect_model"]

_NODES = 11
_CLOSE_SLOPES = 1e-6  # some of torch's own derivatives have constants in single precision

OutOfMemory = Callable[[BaseException], bool]


def inspect_model(caller: Caller, rows: Problem, out_of_memory: OutOfMemory) -> tuple[Structure, Chain | None]:
    """The structure of the model, with a reason where following it does not give its own numbers; its chain, if any."""
    lines = Lines.of(caller, rows)
    # Places where hardly a kink lies, at which either side is right.
    places = (torch.arange(_NODES, dtype=torch.float64, device=caller.device)[:, None] + 0.37123) / _NODES
    weights = torch.stack([torch.full((_NODES,), 1.0 / _NODES, dtype=places.dtype), places[:, 0].cpu()])
    seen = _Look(lines, places, weights.to(caller.device), out_of_memory)
    structure, chain = seen.recorded()
    if chain is not None and seen.replays(chain):
        keep(lines, structure, chain)
        return structure, chain
    reason = seen.prefix_differs()
    if reason is not None:
        return Structure(reason=reason), None
    return (seen.with_slopes(structure) if structure.secant else structure), None


class _Look:
    """The model's own numbers on a few rows, and what else gives them."""

    def __init__(self, lines: Lines, places: torch.Tensor, weights: torch.Tensor, out_of_memory: OutOfMemory) -> None:
        self.lines, self.places, self.weights = lines, places, weights
        self.out_of_memory = out_of_memory
        self.own = nodes_plain(lines, places, weights)
        self.follow: Follow | None = None
        self.values: torch.Tensor | None = None

    def recorded(self) -> tuple[Structure, Chain | None]:
        """What the model is made of, by its operations on every node twice, and a chain of them."""
        rows = self.lines.batch.rows
        follow = Follow(rows, 2 * _NODES, self.places.repeat_interleave(2, dim=0), secant=True)
        follow.calls = []
        try:
            values = self.lines.caller.followed(self.lines.batch, self.lines.starts, self.lines.deltas, follow)
        except (NotFollowed, *FAILURES) as error:
            return self._unknown(error), None
        structure = Structure(
            followed=True,
            prefix=tuple(follow.prefix),
            operations=tuple(follow.operations),
            kinked=follow.kinked,
            one_layer=follow.one_layer,
            secant=True,
            pieces=follow.pieces,
            bends=follow.bends,
            units=follow.units,
            rough=follow.rough,
        )
        self.follow, self.values = follow, values
        model = self.lines.caller.model
        tensors = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
        if follow.output is None or not structure.operations:
            return structure, None
        return structure, chain_of(follow.calls, follow.cuts, follow.output, follow.nodes * rows, tensors)

    def replays(self, chain: Chain) -> bool:
        """Whether a chain gives the model's own numbers, at nodes and over cells without width."""
        found = self._tried(lambda: nodes_by_chain(self.lines, chain, self.places, self.weights))
        if not isinstance(found, tuple) or not same(self.own, found):
            return False
        found = self._tried(lambda: derivatives_by_chain(self.lines, chain, self.places, self.weights))
        return isinstance(found, tuple) and same(self.own, found, _CLOSE_SLOPES)

    def prefix_differs(self) -> str | None:
        """Why the affine part is not followed, if it is not."""
        found = self._tried(lambda: nodes_behind_prefix(self.lines, self.places, self.weights))
        if isinstance(found, NotFollowed):
            return str(found)
        if isinstance(found, BaseException):
            return f"following it failed: {brief(found)}"
        return None if same(self.own, found) else "following it does not give the model's own numbers"

    def with_slopes(self, structure: Structure) -> Structure:
        """Slopes over cells without width are derivatives: they are held against the model's own."""
        follow, values = self.follow, self.values
        if follow is None or values is None:
            return structure
        found = self._tried(lambda: derivatives(self.lines, follow, values, self.weights))
        if isinstance(found, BaseException):
            return self._unknown(found)
        if not same(self.own, found, _CLOSE_SLOPES):
            return self._unknown(NotFollowed("slopes over cells are not the model's own gradients"))
        return structure

    def _tried(self, taken: Callable[[], Sums]) -> Sums | BaseException:
        try:
            return taken()
        except (NotFollowed, *FAILURES) as error:
            if self.out_of_memory(error):
                raise
            return error

    def _unknown(self, error: BaseException) -> Structure:
        """Without the operations' names nothing is known to be linear, or to have no kinks."""
        if not isinstance(error, NotFollowed) and self.out_of_memory(error):
            raise error
        reason = str(error) if isinstance(error, NotFollowed) else brief(error)
        return Structure(followed=True, operations=("unknown",), reason=reason)
