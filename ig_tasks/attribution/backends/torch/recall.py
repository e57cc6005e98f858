"""What a look found of a model is kept while the model lives: a call with a few rows need not take the look again.

A model may have changed since: its weights, an attribute, what its Python reads. So what is kept is held against the
model itself at three places of every row's path, its outputs and its gradients, before it is used.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.chain import Chain
from ig_tasks.attribution.backends.torch.path_sums import Lines, Sums, nodes_by_chain, nodes_plain
from ig_tasks.attribution.structure import NotFollowed, Structure

__all__ = ["FAILURES", "FEW_ROWS", "keep", "recalled", "same"]

FEW_ROWS = 64
"""With more rows than this a look takes a small part of the time."""
FAILURES = (RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError)

_PLACES = (0.0737, 0.4671, 0.9893)  # where hardly a kink lies
_CLOSE = {torch.float64: 1e-9}
_CLOSE_SINGLE = 1e-3
_SMALL = 1e-3  # of the largest row's numbers: below it, a row's own are mostly rounding


@dataclass(frozen=True)
class _Kept:
    signature: tuple[Any, ...]
    structure: Structure
    chain: Chain


_KEPT: WeakKeyDictionary[Any, _Kept] = WeakKeyDictionary()


def keep(lines: Lines, structure: Structure, chain: Chain | None) -> None:
    """Remember what was found of the model, which its chain was seen to stand for."""
    signature = _signature(lines)
    if signature is not None and chain is not None:
        with suppress(TypeError):  # a model that cannot be hashed is looked at each time
            _KEPT[lines.caller.model] = _Kept(signature, structure, chain)


def recalled(lines: Lines) -> tuple[Structure, Chain] | None:
    """The model's structure and chain, if they were kept and give the model's own numbers on every row."""
    kept = _kept_of(lines.caller.model)
    if kept is None or kept.signature != _signature(lines):
        return None
    places = torch.tensor(_PLACES, dtype=torch.float64, device=lines.device)[:, None]
    weights = torch.stack([torch.full_like(places[:, 0], 1.0 / len(_PLACES)), places[:, 0]])
    own = nodes_plain(lines, places, weights)
    try:
        found = nodes_by_chain(lines, kept.chain, places, weights)
    except (NotFollowed, *FAILURES):
        return None
    return (kept.structure, kept.chain) if same(own, found, by_row=True) else None


def _kept_of(model: Any) -> _Kept | None:
    try:
        return _KEPT.get(model)
    except TypeError:
        return None


def same(one: Sums, other: Sums, least: float = 0.0, *, by_row: bool = False) -> bool:
    """Whether outputs and sums agree, within `least` or the dtype's rounding of the largest, `by_row` of each row's."""
    for mine, theirs in zip(one, other, strict=True):
        within = max(_CLOSE.get(one[0].dtype, _CLOSE_SINGLE), least)
        mine, theirs = mine.double(), theirs.double()
        if not mine.numel():
            continue
        size = mine.abs().max()
        if by_row:  # outputs (nodes, targets, rows) and sums (sums, targets, rows, features)
            axes = [axis for axis in range(mine.dim()) if axis != 2]
            size = torch.maximum(mine.abs().amax(axes, keepdim=True), _SMALL * size)
        if not bool((mine.isfinite() & ((mine - theirs).abs() <= within * size + 1e-12)).all()):
            return False
    return True


def _signature(lines: Lines) -> tuple[Any, ...] | None:
    """What else a chain depends on; None for a model that is given more than arrays of inputs to explain."""
    caller, batch = lines.caller, lines.batch
    if batch.fixed or caller.route.feeds:
        return None
    inputs = tuple((name, tuple(end.shape[1:]), lines.deltas[name].dtype) for name, end in batch.endpoints.items())
    modes = tuple(module.training for module in caller.model.modules())
    return inputs, modes, caller.named, tuple(caller.placed), caller.output, str(lines.device)
