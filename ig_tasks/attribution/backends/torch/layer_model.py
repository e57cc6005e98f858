"""A module in which a layer's tensor is the output, or an input, or the only way of gradients."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.layer_places import LayerPlace, Role, replaced
from ig_tasks.errors import LayerError, suggest

__all__ = ["LayerModel"]


class _Read(Exception):  # noqa: N818 - a signal: the rest of the model need not run
    """The layer was reached."""


class LayerModel(torch.nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """A model with another role for the tensors at some places.

    read: the tensor at the only place is the output (rows, ...). put, added: the model takes a tensor by each place's
    key, beside its own inputs. through: gradients flow through `units` of the only place alone; the output stays.
    Its layers keep their names. Inputs that are `placed` go by position.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        places: Sequence[LayerPlace],
        role: Role,
        *,
        placed: Sequence[str] = (),
        bare: bool = False,
        units: Any = None,
    ) -> None:
        super().__init__()
        self._modules[""] = model
        known = dict(model.named_modules())
        for place in places:
            if place.name not in known or not place.name:
                hint = suggest(place.name, [name for name in known if name], noun="layers")
                raise LayerError(f"layer: the model has no layer '{place.name}'{hint}")
        self._places, self._role, self._units = tuple(places), role, units
        self._placed = tuple(placed)
        self._bare = bare
        self.training = False  # the model itself is left as it is

    def forward(self, *args: Any, **given: Any) -> Any:
        """As the model's own."""
        tensors = {place.key: given.pop(place.key) for place in self._places if place.key in given}
        if not args and self._bare and "inputs" in given:
            args = (given.pop("inputs"),)
        elif not args and self._placed:
            args = tuple(given.pop(name) for name in self._placed if name in given)
        model, found = self._modules[""], _Found()
        modules = dict(model.named_modules())
        with ExitStack() as stack:
            for place in self._places:
                found.watch(stack, modules[place.name], place, partial(self._new, tensors, place, found))
            try:
                raw = model(*args, **given)
            except _Read:
                return found.tensor
        for place in self._places:
            if not found.calls.get(place.key):
                raise LayerError(f"layer: '{place.name}' did not run when the model was called; name one that does")
        return raw

    def _new(self, tensors: dict[str, Any], place: LayerPlace, found: _Found, own: Any) -> Any:
        if own.ndim == 0 or not own.is_floating_point():
            raise LayerError(f"layer: '{place.key}' is no tensor of numbers (rows, ...); name one that is")
        if self._role == "read":
            found.tensor = own
            if self._units is not None:
                mask = torch.as_tensor(self._units, device=own.device, dtype=own.dtype)
                found.tensor = (own * mask).flatten(1).sum(1, keepdim=True)
            raise _Read
        if self._role == "through":
            mask = torch.as_tensor(np.asarray(self._units), device=own.device, dtype=own.dtype)
            still = own.detach()
            return still + mask * (own - still)
        tensor = tensors[place.key].to(own.dtype).reshape(own.shape)
        return tensor if self._role == "put" else own + tensor


class _Found:
    """Hooks of one pass, which act in the thread that set them."""

    def __init__(self) -> None:
        self.tensor: Any = None
        self.calls: dict[str, int] = {}
        self._owner = threading.get_ident()

    def watch(self, stack: ExitStack, module: Any, place: LayerPlace, new: Any) -> None:
        def put(value: Any) -> Any:
            self.calls[place.key] = self.calls.get(place.key, 0) + 1
            if self.calls[place.key] > 1:
                raise LayerError(f"layer: '{place.name}' runs more than once in a pass; name one that runs once")
            own = place.pick(value, torch.is_tensor)
            return replaced(value, own, new(own))

        def leave(module: Any, args: Any, output: Any) -> Any:  # noqa: ARG001
            return put(output) if threading.get_ident() == self._owner else None

        def enter(module: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
            if threading.get_ident() != self._owner:
                return None
            return put((args, kwargs))

        if place.side == "output":
            stack.callback(module.register_forward_hook(leave).remove)
        else:
            stack.callback(module.register_forward_pre_hook(enter, with_kwargs=True).remove)
