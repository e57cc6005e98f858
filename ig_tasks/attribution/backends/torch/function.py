"""A function of torch's tensors as a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

__all__ = ["FunctionModel"]


class FunctionModel(torch.nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """A function as a module, with the modules and tensors that it reaches.

    The layers of a single module keep their names; those of several begin with the name that the function has for each.
    """

    @classmethod
    def of(cls, function: Any, held: Mapping[str, Any]) -> Self:
        model = cls()
        modules = {name: one for name, one in held.items() if isinstance(one, torch.nn.Module)}
        inner = {id(each) for one in modules.values() for each in one.modules() if each is not one}
        modules = {name.replace(".", "_"): one for name, one in modules.items() if id(one) not in inner}
        for name, module in modules.items():
            # Under no name at all, its layers are called as they are in the module itself.
            model._modules["" if len(modules) == 1 else name] = module
        for name, tensor in held.items():
            if isinstance(tensor, torch.Tensor) and not hasattr(model, name):
                model._buffers[name] = tensor
        model.training = False
        model.forward = function
        return model

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        raise TypeError("a function keeps its modules where no copy reaches them")
