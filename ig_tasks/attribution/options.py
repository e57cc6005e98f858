"""How the engine computes attributions: one value, checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ig_tasks.attribution.method_options import MethodOptions
from ig_tasks.attribution.methods import Method, choose_method

__all__ = ["EngineOptions"]


@dataclass(frozen=True, kw_only=True)
class EngineOptions(MethodOptions):
    """How attributions are computed, whatever the model and the rows.

    Args:
        method: the attribution method, its name, an object with parameters, or {"name": ..., parameter: ...}.

    The other fields are those of `MethodOptions`.

    Raises:
        InputError: for a value that fits no model, in one line that names the option.
    """

    method: str | Mapping[str, Any] | Method = "integrated_gradients"

    def __post_init__(self) -> None:
        choose_method(self.method)
        super().__post_init__()
