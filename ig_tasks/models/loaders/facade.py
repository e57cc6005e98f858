"""A torch module in front of another: same layers and parameters by the same names, other inputs or outputs."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch  # noqa: TID253 - this module is imported when a torch model is loaded, never before
from torch import nn  # noqa: TID253

__all__ = ["Facade"]


class Facade(nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """What `answer` makes of the outputs of a module that is called with `names` of inputs.

    The inner module's tables are shared, not copied: a layer, a hook or a dtype change reached through one is that of
    the other, and every name stays what it was. Both survive `copy.deepcopy` together.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        # Not a submodule: its names would all get a prefix.
        object.__setattr__(self, "_inner", inner)
        for table in ("_parameters", "_buffers", "_non_persistent_buffers_set", "_modules"):
            object.__setattr__(self, table, getattr(inner, table))
        # Frozen TorchScript has no mode.
        self.training = bool(getattr(inner, "training", False))

    @classmethod
    def of(cls, inner: nn.Module, names: Sequence[str]) -> Facade:
        """The facade; `forward` says the names that it takes, so that a wrong one is found before it is ignored."""

        def forward(self: Facade, *ordered: torch.Tensor, **inputs: torch.Tensor) -> Any:
            return self.answer({**dict(zip(names, ordered, strict=False)), **inputs})

        either = inspect.Parameter.POSITIONAL_OR_KEYWORD
        own, slots = (
            inspect.Parameter("self", either),
            [inspect.Parameter(name, either, default=None) for name in names],
        )
        forward.__signature__ = inspect.Signature([own, *slots])  # type: ignore[attr-defined]
        return type(cls.__name__, (cls,), {"forward": forward})(inner)  # type: ignore[no-any-return]

    @property
    def inner(self) -> nn.Module:
        """The module that is wrapped."""
        return self._inner

    def answer(self, inputs: dict[str, torch.Tensor]) -> Any:
        """What the wrapped module returns for inputs by name."""
        return self._inner(**inputs)

    def train(self, mode: bool = True) -> Facade:
        """Set the mode of the wrapped module, if it has one."""
        if hasattr(self._inner, "training"):
            self._inner.train(mode)
            self.training = mode
        return self
