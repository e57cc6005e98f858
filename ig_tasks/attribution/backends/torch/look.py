"""A few rows followed before all others: what the model is made of, and whether following it gives its own numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.along import (
    Lines,
    Sums,
    derivatives,
    derivatives_by_chain,
    nodes_behind_prefix,
    nodes_by_chain,
    nodes_plain,
)
from ig_tasks.attribution.backends.torch.call import Caller, first_line
from ig_tasks.attribution.backends.torch.chain import Chain
from ig_tasks.attribution.backends.torch.follow import Follow
from ig_tasks.attribution.backends.torch.record import chain_of
from ig_tasks.attribution.structure import NotFollowed, Structure

if TYPE_CHECKING:
    from ig_tasks.attribution.problem import Problem

__all__ = ["look"]

_NODES = 11
_CLOSE = {torch.float64: 1e-9}
_CLOSE_SINGLE = 1e-3
_CLOSE_SLOPES = 1e-6  # some of torch's own derivatives have constants in single precision
_FAILURES = (RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError)

OutOfMemory = Callable[[BaseException], bool]


def look(caller: Caller, rows: Problem, out_of_memory: OutOfMemory) -> tuple[Structure, Chain | None]:
    """The structure of the model, with a reason where following it does not give its own numbers; its chain, if any."""
    lines = Lines.of(caller, rows)
    # Places where hardly a kink lies, at which either side is right.
    places = (torch.arange(_NODES, dtype=torch.float64, device=caller.device)[:, None] + 0.37123) / _NODES
    weights = torch.stack([torch.full((_NODES,), 1.0 / _NODES, dtype=places.dtype), places[:, 0].cpu()])
    weights = weights.to(caller.device)
    own = nodes_plain(lines, places, weights)
    try:
        followed = nodes_behind_prefix(lines, places, weights)
    except NotFollowed as reason:
        return Structure(reason=str(reason)), None
    except _FAILURES as error:
        if out_of_memory(error):
            raise
        return Structure(reason=f"following it failed: {first_line(error)}"), None
    if not _same(own, followed):
        return Structure(reason="following it does not give the model's own numbers"), None
    structure, chain = _with_secant(lines, places, weights, own, out_of_memory)
    if chain is not None:
        try:
            replayed = (
                nodes_by_chain(lines, chain, places, weights),
                derivatives_by_chain(lines, chain, places, weights),
            )
            if not (_same(own, replayed[0]) and _same(own, replayed[1], _CLOSE_SLOPES)):
                chain = None
        except (NotFollowed, *_FAILURES) as error:
            if out_of_memory(error):
                raise
            chain = None
    return structure, chain


def _with_secant(
    lines: Lines, places: torch.Tensor, weights: torch.Tensor, own: Sums, out_of_memory: OutOfMemory
) -> tuple[Structure, Chain | None]:
    """What the model is made of. Slopes over cells without width are derivatives: they are held against `own`."""
    plain = Structure(followed=True)
    follow = Follow(lines.batch.rows, 2 * len(places), places.repeat_interleave(2, dim=0), secant=True)
    follow.calls = []
    try:
        found = derivatives(lines, follow, weights)
    except NotFollowed as reason:
        # Without the operations' names nothing is known to be linear, or to have no kinks.
        return replace(plain, operations=("unknown",), reason=str(reason)), None
    except _FAILURES as error:
        if out_of_memory(error):
            raise
        return replace(plain, operations=("unknown",), reason=first_line(error)), None
    if not _same(own, found, _CLOSE_SLOPES):
        return replace(
            plain, operations=("unknown",), reason="slopes over cells are not the model's own gradients"
        ), None
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
    model = lines.caller.model
    tensors = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
    if follow.output is None or not structure.operations:
        return structure, None
    return structure, chain_of(follow.calls, follow.cuts, follow.output, follow.nodes * lines.batch.rows, tensors)


def _same(one: Any, other: Any, least: float = 0.0) -> bool:
    """Whether values and sums agree, within `least` or the dtype's rounding. Both are (values, sums)."""
    for mine, theirs in zip(one, other, strict=True):
        within = max(_CLOSE.get(one[0].dtype, _CLOSE_SINGLE), least)
        mine, theirs = mine.double(), theirs.double()
        size = float(mine.abs().max()) if mine.numel() else 0.0
        if not (bool(mine.isfinite().all()) and bool(((mine - theirs).abs() <= within * size + 1e-12).all())):
            return False
    return True
