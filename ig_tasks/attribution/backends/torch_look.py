"""One row followed before all others: what the model is made of, and whether following it gives its own numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.structure import PLAIN, NotFollowed, Structure

if TYPE_CHECKING:
    from ig_tasks.attribution.problem import Problem

__all__ = ["look"]

_NODES = 11
_CLOSE = {torch.float64: 1e-9}
_CLOSE_SINGLE = 1e-3


def look(backend: Any, row: Problem) -> Structure:
    """The structure of `backend`'s model, PLAIN with a reason where following it does not give its own numbers."""
    nodes = (np.arange(_NODES) + 0.37123) / _NODES  # where hardly a kink lies, at which either side is right
    weights = np.stack([np.full(_NODES, 1.0 / _NODES), nodes])
    try:
        backend._structure = PLAIN
        values, sums = backend.evaluate(row, nodes, weights)
        backend._structure = replace(PLAIN, followed=True)
        followed_values, followed_sums = backend.evaluate(row, nodes, weights)
    except NotFollowed as reason:
        return Structure(reason=str(reason))
    except (RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError) as error:
        if backend.out_of_memory(error):
            raise
        return Structure(reason=f"following it failed: {(str(error).splitlines() or ['?'])[0]}")
    finally:
        backend._structure = PLAIN
    within = _CLOSE.get(next(iter(backend._ends(row).values())).dtype, _CLOSE_SINGLE)
    if not (_same(values, followed_values, within) and _same(sums, followed_sums, within)):
        return Structure(reason="following it does not give the model's own numbers")
    return _with_secant(backend, row)


def _with_secant(backend: Any, row: Problem) -> Structure:
    ends, starts = backend._ends(row), backend._starts(row)
    deltas = {name: end - starts[name] for name, end in ends.items()}
    places = torch.linspace(0.0, 1.0, _NODES, device=next(iter(ends.values())).device)[:, None]
    plain = Structure(followed=True)
    try:
        follow, values = backend.followed(row, starts, deltas, _NODES, places, secant=True)
        torch.autograd.grad(values.sum(), [cut.leaf for cut in follow.cuts], allow_unused=True)
    except NotFollowed as reason:
        # Without the operations' names nothing is known to be linear, or to have no kinks.
        return replace(plain, operations=("unknown",), reason=str(reason))
    except (RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError) as error:
        if backend.out_of_memory(error):
            raise
        return replace(plain, operations=("unknown",), reason=(str(error).splitlines() or ["?"])[0])
    return Structure(
        followed=True,
        prefix=tuple(follow.prefix),
        operations=tuple(follow.operations),
        kinked=follow.kinked,
        one_layer=follow.one_layer,
        secant=True,
    )


def _same(one: Any, other: Any, within: float) -> bool:
    size = np.abs(one).max(initial=0.0)
    return bool(np.isfinite(one).all() and (np.abs(one - other) <= within * size + 1e-12).all())
