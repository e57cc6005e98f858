"""A place inside a model: the output or the input of a layer, one tensor of it, some units of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ig_tasks.errors import InputError, LayerError, suggest

__all__ = ["LayerPlace", "Role", "place_of", "replaced", "tensors_in"]

Role = Literal["read", "put", "added", "through"]
"""What a model does at a place: its tensor is the output; a tensor is put in its place; a tensor is added to it; or
gradients flow through some of its units alone."""

_KEYS = ("name", "side", "tensor")


@dataclass(frozen=True)
class LayerPlace:
    """A tensor (rows, ...) that a layer gives or receives.

    Args:
        name: of the layer.
        side: "output" or "input".
        tensor: which of several tensors, by its place; None where there is one.
    """

    name: str
    side: str = "output"
    tensor: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"layer: {self.name!r} is not the name of a layer")
        if self.side not in ("output", "input"):
            raise InputError(f"layer: side {self.side!r} of '{self.name}' is neither 'output' nor 'input'")
        if self.tensor is not None and (isinstance(self.tensor, bool) or not isinstance(self.tensor, int)):
            raise InputError(f"layer: tensor {self.tensor!r} of '{self.name}' is not a place, such as 0")

    @property
    def key(self) -> str:
        """What the place is called among a model's inputs and in results."""
        side = "" if self.side == "output" else ":input"
        return f"{self.name}{side}" + ("" if self.tensor is None else f"[{self.tensor}]")

    def pick(self, value: Any, is_tensor: Any) -> Any:
        """The place's tensor among those of what a layer gives or receives. Raises LayerError."""
        tensors = [one for one in tensors_in(value) if is_tensor(one)]
        if self.tensor is None and len(tensors) == 1:
            return tensors[0]
        if self.tensor is None or not 0 <= self.tensor < len(tensors):
            verb = "gives" if self.side == "output" else "receives"
            raise LayerError(
                f"layer: '{self.name}' {verb} {len(tensors)} tensors; name one, {{'name': '{self.name}', 'tensor': 0}}"
            )
        return tensors[self.tensor]


def place_of(layer: Any, method: str = "") -> LayerPlace:
    """The place that a name, {"name": ..., "side": ..., "tensor": ...} or a LayerPlace says. Raises InputError."""
    if isinstance(layer, LayerPlace):
        return layer
    if method and not layer:
        raise InputError(f"method '{method}': it needs a layer; give its name, or {{'name': ..., 'side': 'input'}}")
    if isinstance(layer, Mapping):
        for key in layer:
            if key not in _KEYS:
                raise InputError(f"layer: it has no '{key}'{suggest(str(key), _KEYS, noun='keys')}")
        return LayerPlace(**{"name": "", **layer})
    return LayerPlace(layer)


def tensors_in(value: Any) -> list[Any]:
    """The leaves of tuples, lists and dicts, in their order."""
    if isinstance(value, Mapping):
        return [leaf for each in value.values() for leaf in tensors_in(each)]
    if isinstance(value, tuple | list):
        return [leaf for each in value for leaf in tensors_in(each)]
    return [value]


def replaced(value: Any, old: Any, new: Any) -> Any:
    """`value` with one leaf in place of another, in the same containers."""
    if value is old:
        return new
    if isinstance(value, Mapping):
        return type(value)({key: replaced(each, old, new) for key, each in value.items()})  # type: ignore[call-arg]
    if isinstance(value, tuple | list):
        members = [replaced(each, old, new) for each in value]
        return type(value)(*members) if hasattr(value, "_fields") else type(value)(members)
    return value
