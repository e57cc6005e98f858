"""Which layer an input goes into as it is, and whether its width is that layer's: asked when a call has failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from threading import get_ident
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.errors import brief

__all__ = ["first_misfit"]

_SPACES = {
    1: (torch.nn.Conv1d, torch.nn.ConvTranspose1d),
    2: (torch.nn.Conv2d, torch.nn.ConvTranspose2d),
    3: (torch.nn.Conv3d, torch.nn.ConvTranspose3d),
}
_PLACES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def first_misfit(
    model: torch.nn.Module, points: Mapping[str, torch.Tensor], call: Callable[[], object]
) -> tuple[str, str] | None:
    """The input that `call` fails on in the very first layer that sees it, what that layer takes, and torch's words.

    None where it fails anywhere else, where something was done to the input before, or where it is not a layer whose
    width is known: such an error is the model's own.
    """
    seen: dict[str, torch.nn.Module] = {}
    with _watched(model, points, seen) as entered:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - it fails as it did before; where is what is looked for
            last, said = entered[-1] if entered else None, brief(error)
        else:
            return None
    for name, module in seen.items():
        if module is last and (takes := _taken(module, points[name])) is not None:
            layer = next(key for key, one in model.named_modules() if one is module)
            return name, f"{takes} in its layer '{layer}' ({type(module).__name__}): {said}"
    return None


@contextmanager
def _watched(
    model: torch.nn.Module, points: Mapping[str, torch.Tensor], seen: dict[str, torch.nn.Module]
) -> Iterator[list[torch.nn.Module]]:
    """The layers that are entered, in order; `seen` gets the first one that is given each input as it is."""
    entered: list[torch.nn.Module] = []
    thread = get_ident()  # others may call the same model

    def note(module: torch.nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if get_ident() != thread:
            return
        entered.append(module)
        for given in (*arguments, *named.values()):
            for name, point in points.items():
                if given is point:
                    seen.setdefault(name, module)

    with ExitStack() as stack:
        # A scripted module takes no hooks, and says nothing.
        with suppress(RuntimeError):
            for module in model.modules():
                if next(module.children(), None) is None:
                    stack.callback(module.register_forward_pre_hook(note, with_kwargs=True).remove)
        yield entered


def _taken(module: torch.nn.Module, point: torch.Tensor) -> str | None:
    """The shape that a layer takes, if the point has another."""
    if isinstance(module, torch.nn.Linear):
        fits = point.ndim > 1 and point.shape[-1] == module.in_features
        return None if fits else f"(rows, {'..., ' * (point.ndim > 2)}{module.in_features})"
    for spaces, kinds in _SPACES.items():
        if isinstance(module, kinds):
            fits = point.ndim == spaces + 2 and point.shape[1] == module.in_channels
            return None if fits else f"(rows, {module.in_channels}, {', '.join(_PLACES[spaces])})"
    return None
