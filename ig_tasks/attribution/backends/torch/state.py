"""Undoes what calls leave behind in a module: counters, hidden states, caches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

__all__ = ["Remembered"]

_OWN = frozenset(vars(torch.nn.Module()))  # attributes that torch itself keeps in a module


class Remembered:
    """A copy of a module's buffers and attributes as they are now.

    Calls change no parameters but the weights of tables with a `max_norm`, which are copied as well.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        modules = list(model.modules())
        self._tables = [(module, dict(_attributes(module)), dict(module._buffers.items())) for module in modules]
        normed = (module.weight for module in modules if getattr(module, "max_norm", None) is not None)
        held = (value for _, attributes, _ in self._tables for value in attributes.values())
        tensors = [*model.buffers(), *normed, *(value for value in held if isinstance(value, torch.Tensor))]
        self._values = [(tensor, _version(tensor), tensor.detach().clone()) for tensor in tensors]

    @property
    def changed(self) -> bool:
        """Whether calls have changed anything."""
        return any(
            not _same(dict(_attributes(module)), attributes) or not _same(dict(module._buffers.items()), buffers)
            for module, attributes, buffers in self._tables
        ) or any(version is not None and _version(tensor) != version for tensor, version, _ in self._values)

    def restore(self) -> None:
        """Undo the changes that calls have made; attributes that have appeared are removed."""
        for module, attributes, buffers in self._tables:
            for name in [name for name, _ in _attributes(module) if name not in attributes]:
                del vars(module)[name]
            vars(module).update(attributes)
            if not _same(dict(module._buffers.items()), buffers):
                if isinstance(module._buffers, dict):
                    module._buffers.clear()
                for name, value in buffers.items():  # TorchScript's are neither added nor removed
                    module._buffers[name] = value
        for tensor, version, values in self._values:
            if _version(tensor) != version or (version is None and not torch.equal(tensor, values)):
                with torch.inference_mode(tensor.is_inference()):
                    tensor.detach().copy_(values)


def _attributes(module: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    if isinstance(module, torch.jit.ScriptModule):
        return iter(())  # its attributes are not kept by Python
    return ((name, value) for name, value in vars(module).items() if name not in _OWN)


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(value is other[name] for name, value in one.items())


def _version(tensor: torch.Tensor) -> Any:
    """The counter that every change in place increments; None where torch keeps no count."""
    try:
        return tensor._version
    except RuntimeError:  # made in inference mode
        return None
