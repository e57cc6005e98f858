"""Operations that write into a tensor: the tensor, and the operation that gives the same result out of place."""

from __future__ import annotations

from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.registry import named
from ig_tasks.attribution.structure import NotFollowed

__all__ = ["out_of_place", "written"]

_AUGMENTED = named(lambda known: known.augmented)
_INPLACE = named(lambda known: known.inplace)


def written(name: str, args: Any, kwargs: dict[str, Any]) -> Any:
    """The tensor that an operation writes into; None for an operation that writes into none."""
    if name in ("requires_grad_", "_set_grad_enabled"):
        return None
    if name == "__setitem__" or name in _AUGMENTED or (name.endswith("_") and not name.endswith("__")):
        return args[0]
    inplace = kwargs.get("inplace", args[-1] if args and isinstance(args[-1], bool) and name in _INPLACE else False)
    return args[0] if inplace else None


def out_of_place(name: str, func: Any, args: Any, kwargs: dict[str, Any]) -> tuple[str, Any, Any, dict[str, Any]]:
    """The same operation with a new tensor as its result. Raises NotFollowed where there is no such operation."""
    if args[0]._is_view() and args[0].grad_fn is not None:
        raise NotFollowed(f"{name} writes into a part of a tensor")
    if kwargs.get("inplace"):
        return name, func, args, {**kwargs, "inplace": False}
    if name in _INPLACE:
        return name, func, (*args[:-1], False), kwargs
    plain = f"__{name[3:]}" if name in _AUGMENTED else name.removesuffix("_")
    found = getattr(torch.Tensor, plain, None) or getattr(torch.nn.functional, plain, None)
    if found is None:
        raise NotFollowed(f"{name} writes in place")
    return plain, found, args, kwargs
