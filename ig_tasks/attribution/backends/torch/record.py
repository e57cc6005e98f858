"""From the operations that were seen on one pass to a chain of steps; None where a chain cannot hold them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.affine import leaves
from ig_tasks.attribution.backends.torch.chain import (
    Add,
    Chain,
    Elementwise,
    Kinked,
    Linear,
    Product,
    Relu,
    Scale,
    StepOf,
)
from ig_tasks.attribution.backends.torch.follow import REGISTERED, Call, Cut
from ig_tasks.attribution.backends.torch.registry import named

__all__ = ["chain_of"]

_SAME = named(lambda known: known.chain == "same")  # dropout at inference: any other was refused before
_ADDS = named(lambda known: known.chain == "adds")
_SUBTRACTS = named(lambda known: known.chain == "subtracts")
_MULTIPLIES = named(lambda known: known.chain == "multiplies")
_LAST = named(lambda known: known.chain == "last")
_ELEMENTWISE = named(lambda known: known.chain == "elementwise")

_aten: Any = torch.ops.aten

# torch's own backward kernels: (gradient, z, value, other arguments) to the operand's gradient.
_DERIVATIVES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "silu": lambda g, z, _: _aten.silu_backward(g, z),
    "gelu": lambda g, z, _: _aten.gelu_backward(g, z),
    "tanh": lambda g, _, value: _aten.tanh_backward(g, value),
    "sigmoid": lambda g, _, value: _aten.sigmoid_backward(g, value),
    "mish": lambda g, z, _: _aten.mish_backward(g, z),
    "exp": lambda g, _, value: g * value,
}


class _Unknown(Exception):  # noqa: N818 - a signal between two functions, not an error
    """Something that is no step of a chain."""


def chain_of(
    calls: Sequence[Call], cuts: Sequence[Cut], output: torch.Tensor, points: int, own: Collection[int]
) -> Chain | None:
    """The chain from the cuts to `output` (points, outputs), or None. `own` are the ids of the model's tensors."""
    slots = {id(cut.leaf): place for place, cut in enumerate(cuts)}
    steps: list[StepOf] = []
    operands: list[tuple[int, ...]] = []
    depths: list[int] = []
    width = 0
    if not all(_flat(cut.leaf, points) for cut in cuts):
        return None
    try:
        for call in calls:
            result = call.step.result
            read = tuple(slots[id(t)] for t in leaves((call.args, call.kwargs)) if id(t) in slots)
            if not isinstance(result, torch.Tensor) or not read:
                raise _Unknown
            same = read[0] if len(read) == 1 and _unchanged(call, result, points) else None
            if same is not None:
                slots[id(result)] = same
                continue
            if not _flat(result, points):
                raise _Unknown
            steps.append(_step(call, slots, own))
            operands.append(read)
            depths.append(call.depth)
            width += result.shape[1]
            slots[id(result)] = len(cuts) + len(steps) - 1
    except _Unknown:
        return None
    if not steps or slots.get(id(output)) != len(cuts) + len(steps) - 1:
        return None
    return Chain(len(cuts), tuple(steps), tuple(operands), tuple(depths), width)


def _flat(tensor: torch.Tensor, points: int) -> bool:
    return bool(tensor.dim() == 2 and tensor.shape[0] == points and not tensor.is_complex())


def _unchanged(call: Call, result: torch.Tensor, points: int) -> bool:
    """Whether the operation hands its operand on: dropout at inference, a last axis of one that goes or comes."""
    operand = call.args[0] if call.args and isinstance(call.args[0], torch.Tensor) else None
    if operand is None or operand.dtype != result.dtype:
        return False
    if call.name in _SAME:
        return True
    return call.name in _LAST and bool(operand.numel() == result.numel() == points)


def _step(call: Call, slots: dict[int, int], own: Collection[int]) -> StepOf:
    name, args, kwargs = call.name, call.args, call.kwargs
    live = [tensor for tensor in leaves((args, kwargs)) if id(tensor) in slots]
    for tensor in leaves((args, kwargs)):
        if id(tensor) not in slots and id(tensor) not in own and tensor.dim() > 0:
            raise _Unknown  # it may have been made for these very rows
    if name == "linear" and len(live) == 1 and args and live[0] is args[0]:
        weight = kwargs.get("weight", args[1] if len(args) > 1 else None)
        bias = kwargs.get("bias", args[2] if len(args) > 2 else None)
        if weight is None or weight.dim() != 2:
            raise _Unknown
        return Linear(weight.detach(), None if bias is None else bias.detach())
    if name in ("addmm", "baddbmm", "einsum", "matmul", "mm"):
        raise _Unknown
    if name == "batch_norm":
        return _normalisation(args, kwargs)
    if call.step.pieces is not None and args and args[0] is live[0] and len(live) == 1:
        return Relu() if name == "relu" else Kinked(_bound(call), call.step.pieces)
    if (name in _ELEMENTWISE or name == REGISTERED) and len(live) == 1 and args and args[0] is live[0]:
        known = _DERIVATIVES.get(name) if len(args) == 1 and not _options(kwargs) else None
        return Elementwise(_bound(call), known or _by_autograd(_bound(call)))
    if len(args) == 2 and not kwargs:
        return _arithmetic(name, args, live)
    raise _Unknown


def _arithmetic(name: str, args: Any, live: list[torch.Tensor]) -> StepOf:
    """Sums, differences and products: of two values alike, or of a value and what is the same for all rows."""
    if len(live) == 2:
        if live[0].shape != live[1].shape:
            raise _Unknown
        if name in _ADDS:
            return Add()
        if name in _SUBTRACTS:
            return Add(minus=True)
        if name in _MULTIPLIES:
            return Product()
        raise _Unknown
    first = args[0] is live[0]
    other = args[1] if first else args[0]
    if isinstance(other, bool) or not isinstance(other, int | float | torch.Tensor):
        raise _Unknown
    constant = torch.as_tensor(other, dtype=live[0].dtype, device=live[0].device).detach()
    if constant.dim() > 1 or (constant.dim() == 1 and constant.shape[0] not in (1, live[0].shape[1])):
        raise _Unknown
    one = torch.ones((), dtype=constant.dtype, device=constant.device)
    if name in _ADDS:
        return Scale(one, constant)
    if name in _SUBTRACTS:
        return Scale(one, -constant) if first else Scale(-one, constant)
    if name in ("__rsub__", "rsub") and first:
        return Scale(-one, constant)
    if name in _MULTIPLIES:
        return Scale(constant, None)
    if name in ("div", "__truediv__") and first:
        return Scale(1.0 / constant, None)
    raise _Unknown


def _normalisation(args: Any, kwargs: dict[str, Any]) -> Scale:
    """Batch normalisation at inference as scale and shift."""
    names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    mean, variance = given.get("running_mean"), given.get("running_var")
    if mean is None or variance is None:
        raise _Unknown
    scale = torch.rsqrt(variance.detach() + given.get("eps", 1e-5))
    if given.get("weight") is not None:
        scale = scale * given["weight"].detach()
    shift = -mean.detach() * scale
    return Scale(scale, shift if given.get("bias") is None else shift + given["bias"].detach())


def _options(kwargs: dict[str, Any]) -> bool:
    return any(value and value != "none" for key, value in kwargs.items() if key != "inplace")


def _bound(call: Call) -> Callable[[torch.Tensor], torch.Tensor]:
    """The operation as a function of its first operand."""
    rest = call.args[1:]

    def bound(z: torch.Tensor) -> Any:
        return call.func(z, *rest, **call.kwargs)

    return bound


def _by_autograd(call: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Any, Any, Any], Any]:
    def derivative(gradient: torch.Tensor, z: torch.Tensor, _: torch.Tensor) -> Any:
        with torch.enable_grad():
            point = z.detach().requires_grad_()
            return torch.autograd.grad(call(point), point, gradient)[0]

    return derivative
