"""Turns torch's errors about models that it cannot differentiate into one line with the cause and the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.errors import ModelError

__all__ = ["causes_named", "require_weights"]

_IN_PLACE = (
    "modified by an inplace operation",
    "is being modified inplace",
    "is being used in an in-place operation",
)
_REENTRANT = ("checkpoint is incompatible with .grad()", "Checkpointing is not compatible with .grad()")


@contextmanager
def causes_named() -> Iterator[None]:
    """Call the model and take its gradients within the block. Raises ModelError for an error whose cause is known."""
    try:
        yield
    except RuntimeError as error:
        said = str(error)
        if any(words in said for words in _IN_PLACE):
            raise ModelError(
                "model: it changes a tensor in place that its gradient needs; write that out of place, such as "
                f"x = x + 1 for x += 1 (torch: {said.split('. ')[0][:200]})"
            ) from error
        if any(words in said for words in _REENTRANT):
            raise ModelError(
                "model: torch.utils.checkpoint with use_reentrant=True gives no gradients at the inputs; pass "
                "use_reentrant=False, or switch checkpoints off where the model is not trained"
            ) from error
        raise


def require_weights(model: torch.nn.Module) -> None:
    """Raise ModelError for a lazy layer that has no weights yet, since it creates them when it is first called."""
    for name, module in model.named_modules():
        own = (*module._parameters.values(), *module._buffers.values())
        if any(torch.nn.parameter.is_lazy(tensor) for tensor in own):
            raise ModelError(
                f"model: its layer '{name}' ({type(module).__name__}) has no weights yet; call the model on a row, or "
                "load its weights, before it is explained"
            )
