"""What the torch backend asks of a module, and how it is left as it was found."""

from __future__ import annotations

import copy
import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.state import Remembered
from ig_tasks.errors import InputError, ModelError, brief

__all__ = ["accepted_names", "as_wanted", "cast_copy", "embedding_layers", "float_dtype", "placed_names", "saved_bytes"]

_LOCK = threading.Lock()
_EVALUATING: WeakKeyDictionary[torch.nn.Module, list[Any]] = WeakKeyDictionary()
_CUDNN: list[Any] = [0, True]


def float_dtype(model: torch.nn.Module) -> torch.dtype | None:
    """The dtype in which the model takes numbers: that of its first floating-point parameter or buffer."""
    for tensors in (model.parameters(), model.buffers()):
        for tensor in tensors:
            if tensor.is_floating_point():
                return tensor.dtype
    return None


def embedding_layers(model: torch.nn.Module) -> list[str]:
    """Names of the embedding modules, in the order of the model."""
    return [name for name, module in model.named_modules() if name and isinstance(module, torch.nn.Embedding)]


def accepted_names(model: torch.nn.Module) -> tuple[list[str], list[str], bool]:
    """Names that forward takes, those without a default, and whether it takes any name (or cannot be asked)."""
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):
        return [], [], True
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = [p.name for p in named if p.default is p.empty]
    return [p.name for p in named], required, any(p.kind == p.VAR_KEYWORD for p in parameters)


def placed_names(model: torch.nn.Module, count: int) -> tuple[str, ...]:
    """Names of the arguments that forward takes by position, `count` at most: "args[0]", ... where it takes any."""
    model = getattr(model, "_orig_mod", model)
    if isinstance(model, torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel):
        model = model.module
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):
        schema = getattr(model.forward, "schema", None)  # of a traced module
        return () if schema is None else tuple(argument.name for argument in schema.arguments[1:])[:count]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for parameter in parameters:
        if parameter.kind == parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{place}]" for place in range(max(count - len(names), 0))]
    return tuple(names[:count])


def cast_copy(model: torch.nn.Module, dtype: torch.dtype | None, device: str | None) -> torch.nn.Module:
    """The model itself, or a structure of its own over cast tensors: the model's stay where they are.

    torch.func.functional_call would swap tensors on the shared module, which two threads must not do.
    """
    tensors = [*model.parameters(), *model.buffers()]
    try:
        place = None if device is None else torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:  # the latter of a torch that was built without CUDA
        raise InputError(f"device: '{device}' is not there: {brief(error)}") from error
    wanted = [
        t.to(device=place, dtype=dtype if dtype is not None and t.is_floating_point() else None)
        for t in map(_detached, tensors)
    ]
    if all(new.dtype == old.dtype and new.device == old.device for new, old in zip(wanted, tensors, strict=True)):
        return model
    memo: dict[int, Any] = {
        id(old): torch.nn.Parameter(new, requires_grad=False) if isinstance(old, torch.nn.Parameter) else new
        for old, new in zip(tensors, wanted, strict=True)
    }
    try:
        return copy.deepcopy(model, memo)
    except (RuntimeError, TypeError) as error:
        raise ModelError(
            f"model: it cannot be copied for precision= or device= ({brief(error)}); cast or move it yourself"
        ) from error


def _detached(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach()


@contextmanager
def saved_bytes(model: torch.nn.Module) -> Iterator[dict[int, int]]:
    """Bytes, by storage, of what is saved meanwhile for a backward pass; the model's own tensors do not count."""
    saved: dict[int, int] = {}
    held = {_place(tensor) for tensor in (*model.parameters(), *model.buffers())}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        place = _place(tensor)
        if place is not None and place not in held:
            saved[place] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        yield saved


def _place(tensor: torch.Tensor) -> int | None:
    """Where the values lie; None for a sparse tensor, which has several such places."""
    return tensor.untyped_storage().data_ptr() if tensor.layout == torch.strided else None


@contextmanager
def as_wanted(model: torch.nn.Module, device: torch.device) -> Iterator[Remembered]:
    """Inference mode of dropout and normalisation; cuDNN off where its RNNs could not go backward in it.

    What calls of the model leave behind in it is taken back. Counted, so that the last of several threads restores what
    the first one found.
    """
    recurrent = device.type == "cuda" and any(isinstance(module, torch.nn.RNNBase) for module in model.modules())
    with _LOCK:
        if model not in _EVALUATING:
            _EVALUATING[model] = [0, _Found(model)]
        _EVALUATING[model][0] += 1
        found = _EVALUATING[model][1]
    try:
        with _without_cudnn() if recurrent else nullcontext():
            yield found.remembered
    finally:
        with _LOCK:
            _EVALUATING[model][0] -= 1
            if _EVALUATING[model][0] == 0:
                _EVALUATING.pop(model)[1].restore()


class _Found:
    """A model as it was found, in inference mode from now on."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.remembered = Remembered(model)
        # Flags are set one by one: a model may have its own idea of eval() and train().
        # A frozen TorchScript module has no mode.
        self._training = [module for module in model.modules() if getattr(module, "training", False)]
        for module in self._training:
            module.training = False

    def restore(self) -> None:
        for module in self._training:
            module.training = True
        self.remembered.restore()


@contextmanager
def _without_cudnn() -> Iterator[None]:
    """cuDNN's recurrent layers refuse a backward pass outside training mode; torch's own kernels do not."""
    with _LOCK:
        if _CUDNN[0] == 0:
            _CUDNN[1] = torch.backends.cudnn.enabled
            torch.backends.cudnn.enabled = False
        _CUDNN[0] += 1
    try:
        yield
    finally:
        with _LOCK:
            _CUDNN[0] -= 1
            if _CUDNN[0] == 0:
                torch.backends.cudnn.enabled = _CUDNN[1]
