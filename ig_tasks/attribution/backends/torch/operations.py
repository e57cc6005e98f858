"""Operations by name: which are linear along the path, and which slope the secant rule gives the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.affine import SPECTRA, leaves, moves_rows, substitute, words
from ig_tasks.attribution.backends.torch.pools import MaxPool, Windows
from ig_tasks.attribution.backends.torch.slopes import Ends, Middle, Modulus, Piecewise, Relu, Smooth
from ig_tasks.attribution.registration import Registration
from ig_tasks.attribution.secant_slopes import Pieces
from ig_tasks.attribution.structure import NotFollowed

__all__ = [
    "ATTRIBUTES",
    "OPAQUE",
    "STEERING",
    "Bends",
    "Crossings",
    "Step",
    "crossings_of",
    "draws",
    "registered_crossings",
    "spelled",
    "take_registered",
    "take_step",
]

ATTRIBUTES = words(
    "shape dtype device ndim requires_grad is_leaf layout is_cuda is_sparse is_nested is_quantized is_meta names "
    "is_mps size dim ndimension numel nelement is_floating_point is_complex get_device element_size stride __len__ "
    "_is_view is_contiguous _set_grad_enabled is_grad_enabled __hash__ __get_grad_fn__ grad_fn _version "
    "is_autocast_enabled requires_grad_ retain_grad"
)
STEERING = words(
    "item tolist numpy __bool__ __float__ __int__ __index__ __array__ __iter__ __contains__ equal allclose is_nonzero "
    "backward register_hook data __set__ set_ resize_ __setitem__"
)
_RANDOM = words(
    "rand randn randint randperm rand_like randn_like randint_like bernoulli bernoulli_ normal normal_ poisson "
    "multinomial uniform_ random_ exponential_ cauchy_ geometric_ log_normal_ dropout_ alpha_dropout_ gumbel_softmax"
)
_DROPOUT = words("dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout feature_dropout")
# Results that have no gradient: they follow from the path and carry nothing of it.
OPAQUE = words(
    "gt lt ge le eq ne greater less __gt__ __lt__ __ge__ __le__ __eq__ __ne__ isnan isinf isfinite argmax argmin "
    "argsort logical_and logical_or logical_not __and__ __or__ __invert__ bitwise_and bitwise_or any all detach "
    "zeros_like ones_like empty_like full_like rand_like randn_like new_zeros new_ones new_empty new_full new_tensor "
    "sign floor ceil round long int bool signbit count_nonzero bucketize searchsorted nonzero one_hot"
)
_JUMPS = words("sign floor ceil round argmax argmin argsort long int bool gt lt ge le __gt__ __lt__ __ge__ __le__")
_LINEAR = (
    words(
        "add __add__ __radd__ sub __sub__ subtract __rsub__ rsub neg negative sum mean cat concat concatenate stack "
        "reshape view flatten unflatten expand expand_as view_as squeeze unsqueeze transpose permute swapaxes movedim "
        "__getitem__ select narrow index_select chunk split unbind contiguous clone to float double type_as pad cumsum "
        "flip avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
        "repeat_interleave masked_fill gather dropout dropout1d dropout2d dropout3d upsample "
        "interpolate tril triu pixel_shuffle unfold view_as_complex"
    )
    | SPECTRA
)
_PRODUCTS = words(
    "mul __mul__ __rmul__ multiply matmul __matmul__ mm bmm mv linear conv1d conv2d conv3d conv_transpose1d "
    "conv_transpose2d einsum addmm baddbmm inner outer bilinear"
)
_QUOTIENTS = words("div __truediv__ divide true_divide")
_SMOOTH = words(
    "silu gelu tanh sigmoid softplus elu selu celu mish exp log log1p expm1 log2 log10 sin cos tan atan sinh cosh "
    "asinh sqrt rsqrt reciprocal pow __pow__ __rpow__ square erf erfc logsigmoid softsign tanhshrink logit div "
    "__rdiv__ __rtruediv__ __truediv__ divide true_divide hardswish"
)
_KINKED_SMOOTH = {"elu": (0.0,), "selu": (0.0,), "celu": (0.0,), "hardswish": (-3.0, 3.0)}
_COMPARISONS = words("gt lt ge le greater less __gt__ __lt__ __ge__ __le__")
_KINKED_OTHERS = words(
    "where max min amax amin topk sort median kthvalue norm threshold hardshrink adaptive_max_pool1d "
    "adaptive_max_pool2d maximum minimum fmax fmin rrelu clamp clip masked_select fmod remainder"
)
_POOLS = {"max_pool1d": 1, "max_pool2d": 2, "max_pool3d": 3}


Bends = Callable[[], list[list[torch.Tensor]]]
Crossings = Callable[[torch.Tensor, torch.Tensor], list[torch.Tensor]]


@dataclass(frozen=True)
class Step:
    """An operation done, and what it is."""

    result: Any
    linear: bool = False
    exact: bool = False  # one cell integrates it exactly where its operands are affine
    kinked: bool = False
    piecewise: bool = False  # linear but at the kinks that `bends` tell
    pieces: Pieces | None = None  # of a piecewise-linear function of its first operand
    bends: Bends | None = None  # values that are 0 where it has a kink, by layer of its own comparisons
    layers: int = 1


def spelled(func: Any) -> str:
    """The name of a torch function; of a property, the property's."""
    name = str(getattr(func, "__name__", func))
    if name in ("__get__", "__set__", "__delete__"):
        owner = getattr(func, "__self__", None)
        return str(getattr(owner, "__name__", name)) if name == "__get__" else name
    return "threshold" if name == "_threshold" else name


def draws(name: str, args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether a function gives something else each time: random numbers, and dropout that is on."""

    def argument(place: int, keyword: str, default: Any) -> Any:
        return kwargs.get(keyword, args[place] if len(args) > place else default)

    if name == "scaled_dot_product_attention":
        return bool(argument(4, "dropout_p", 0.0))
    if name == "rrelu":
        return bool(argument(3, "training", False))
    if name in _DROPOUT:
        alpha = name in ("alpha_dropout", "feature_alpha_dropout")
        return bool(argument(1, "p", 0.5)) and bool(
            argument(2, "train" if "train" in kwargs else "training", not alpha)
        )
    return name in _RANDOM


def piecewise(name: str, args: Any, kwargs: dict[str, Any]) -> Pieces | None:
    """What a continuous piecewise-linear function of its first operand is made of; None for any other."""

    def argument(place: int, keyword: str, default: Any) -> Any:
        return kwargs.get(keyword, args[place] if len(args) > place else default)

    if name == "relu":
        return Pieces.relu()
    if name == "leaky_relu":
        return Pieces.relu(float(argument(1, "negative_slope", 0.01)))
    if name == "relu6":
        return Pieces.relu(most=6.0)
    if name == "hardtanh":
        return Pieces.clamp(argument(1, "min_val", -1.0), argument(2, "max_val", 1.0))
    if name in ("clamp", "clip", "clamp_min", "clamp_max"):
        least = argument(1, "min", None) if name != "clamp_max" else None
        most = argument(2, "max", None) if name != "clamp_max" else argument(1, "max", None)
        if any(isinstance(bound, torch.Tensor) for bound in (least, most)):
            return None
        return Pieces.clamp(least, most)
    if name in ("abs", "__abs__"):
        return Pieces.absolute()
    if name == "hardsigmoid":
        return Pieces.hard_sigmoid()
    if name == "softshrink":
        width = float(argument(1, "lambd", 0.5))
        return Pieces(1.0, ((-1.0, -width), (1.0, width)))
    if name == "rrelu" and not argument(3, "training", False):
        return Pieces.relu((float(argument(1, "lower", 1 / 8)) + float(argument(2, "upper", 1 / 3))) / 2)
    if name == "threshold" and argument(1, "threshold", 0.0) == argument(2, "value", None):
        return Pieces(0.0, ((1.0, float(argument(1, "threshold", 0.0))),))
    if name == "prelu":
        weight = argument(1, "weight", None)
        shaped = weight.detach() if weight.numel() == 1 else weight.detach().view(-1, *[1] * (args[0].dim() - 2))
        return Pieces(shaped, ((1.0 - shaped, 0.0),))
    return None


def crossings_of(name: str, func: Any, args: Any, kwargs: dict[str, Any]) -> Crossings | None:
    """Where along the way from base to base + delta, the first operand, an operation has its kinks; None: not known."""
    windows = _windows(name, args, kwargs)
    if windows is not None:
        return lambda base, delta: windows.crossings(lambda z: func(z, *args[1:], **kwargs), base, delta)
    if not args or not isinstance(args[0], torch.Tensor):
        return None
    found = piecewise(name, args, kwargs)
    knots = _KINKED_SMOOTH.get(name, ()) if found is None else found.knots
    if name in _COMPARISONS and len(args) == 2 and isinstance(args[1], int | float):
        knots = (float(args[1]),)
    return (lambda base, delta: [_crossing(base, delta, knot) for knot in knots]) if knots else None


def _crossing(base: torch.Tensor, delta: torch.Tensor, knot: float) -> torch.Tensor:
    """Where base + a delta is `knot`, or nearest to 0 if it is complex."""
    if delta.is_complex():
        return -(delta.conj() * base).real / (delta * delta.conj()).real
    return (knot - base) / delta


def _windows(name: str, args: Any, kwargs: dict[str, Any]) -> Windows | None:
    """The windows of a max-pooling, None for anything else."""
    if name not in _POOLS or kwargs.get("return_indices", False):
        return None
    return Windows.of(_POOLS[name], args[1:], kwargs)


def take_registered(nodes: int, registration: Registration, call: Callable[[Any], Any], z: torch.Tensor) -> Step:
    """Do an operation that a user registered. Raises NotFollowed."""
    pieces, knots = registration.pieces, registration.knots
    if not _has_gradient(z) or z.is_complex():
        raise NotFollowed(f"{registration.name} was registered for real numbers")
    bends = _bends(lambda: [[z - knot for knot in knots]]) if knots else None
    if pieces is None:
        return Step(Smooth.apply(nodes, call, z), exact=True, kinked=bool(knots), bends=bends)
    if not pieces.steps:
        return Step(call(z), linear=True)
    value = Piecewise.apply(nodes, call, pieces, z)
    return Step(value, exact=True, kinked=True, piecewise=True, pieces=pieces, bends=bends)


def registered_crossings(registration: Registration) -> Crossings | None:
    """As `crossings_of`."""
    knots = registration.knots
    return (lambda base, delta: [_crossing(base, delta, knot) for knot in knots]) if knots else None


def take_step(nodes: int, name: str, func: Any, args: Any, kwargs: dict[str, Any], live: list[torch.Tensor]) -> Step:
    """Do an operation whose operands `live` depend on the path. Raises NotFollowed."""
    if moves_rows(name, args, kwargs, live[0]):
        raise NotFollowed(f"{name} moves the rows from the first axis")
    if name in OPAQUE:
        bends = None
        if name in _COMPARISONS and len(args) == 2 and all(_is_number(each) for each in args):
            bends = _bends(lambda: [[args[0] - args[1]]])
        return Step(func(*args, **kwargs), linear=name not in _JUMPS, kinked=name in _JUMPS, bends=bends)
    distinct = list({id(tensor): tensor for tensor in live}.values())
    if not any(_has_gradient(tensor) for tensor in distinct):
        return Step(func(*args, **kwargs))
    floating = all(tensor.is_floating_point() for tensor in distinct)
    if all(_has_gradient(tensor) for tensor in distinct) and not floating:
        return _complex(nodes, name, func, args, kwargs, distinct)
    if floating and (
        name in _LINEAR
        or (name in _PRODUCTS and len(live) == 1)
        or (name in _QUOTIENTS and len(live) == 1 and args[0] is live[0] and "rounding_mode" not in kwargs)
        or (name == "batch_norm" and not kwargs.get("training", args[5] if len(args) > 5 else True))
    ):
        return Step(func(*args, **kwargs), linear=True)
    if floating and name in _PRODUCTS and len(live) == 2:

        def product(*operands: torch.Tensor) -> torch.Tensor:
            return _called(func, args, kwargs, distinct, operands)

        return Step(Middle.apply(nodes, product, *distinct), exact=True)
    if floating and len(live) == 1 and args and args[0] is live[0]:
        step = _elementwise(nodes, name, func, args, kwargs)
        if step is not None:
            return step
    return Step(_ends(nodes, func, args, kwargs, distinct), kinked=name in _KINKED_OTHERS)


def _complex(nodes: int, name: str, func: Any, args: Any, kwargs: dict[str, Any], live: list[torch.Tensor]) -> Step:
    """An operation some of whose operands are complex."""
    if name in _LINEAR or name in ("real", "imag", "conj", "view_as_real"):
        return Step(func(*args, **kwargs), linear=True)
    if name in ("abs", "__abs__") and not kwargs:
        # Complete in one cell, but not exact: along a line the real part does not change as the imaginary one does.
        return Step(Modulus.apply(nodes, live[0]), kinked=True)
    return Step(_ends(nodes, func, args, kwargs, live))


def _elementwise(nodes: int, name: str, func: Any, args: Any, kwargs: dict[str, Any]) -> Step | None:
    """A function of its first operand alone, element by element, or a pooling of it."""
    z = args[0]

    def call(operand: torch.Tensor) -> Any:
        return func(operand, *args[1:], **kwargs)

    if name == "relu":
        value, pieces, bends = Relu.apply(nodes, z), Pieces.relu(), _bends(lambda: [[z]])
        return Step(value, exact=True, kinked=True, piecewise=True, pieces=pieces, bends=bends)
    bent = piecewise(name, args, kwargs)
    if bent is not None:
        value, bends = Piecewise.apply(nodes, call, bent, z), _bends(lambda: [[z - knot for knot in bent.knots]])
        return Step(value, exact=True, kinked=True, piecewise=True, pieces=bent, bends=bends)
    if name in _SMOOTH:
        others = [tensor for tensor in leaves((args[1:], kwargs)) if tensor.dim() > z.dim()]
        if others or "rounding_mode" in kwargs:
            return None
        value = Smooth.apply(nodes, call, z)
        knots = _KINKED_SMOOTH.get(name, ())
        kinks = _bends(lambda: [[z - knot for knot in knots]]) if knots else None
        return Step(value, exact=True, kinked=bool(knots), bends=kinks) if value.shape == z.shape else None
    windows = _windows(name, args, kwargs)
    if windows is None:
        return None
    value = MaxPool.apply(nodes, call, windows, z)
    return Step(
        value,
        exact=windows.rounds == 1,
        kinked=True,
        piecewise=True,
        bends=_bends(lambda: windows.leads(z, value.shape)),
        layers=windows.rounds,
    )


def _bends(make: Bends) -> Bends:
    def run() -> list[list[torch.Tensor]]:
        with torch.no_grad(), torch._C.DisableTorchFunction():
            return make()

    return run


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, torch.Tensor) and value.is_floating_point())


def _called(func: Any, args: Any, kwargs: dict[str, Any], before: list[torch.Tensor], after: Any) -> Any:
    """The operation with other operands in place of those given."""
    now = {id(old): new for old, new in zip(before, after, strict=True)}

    def change(tensor: torch.Tensor) -> torch.Tensor:
        return now.get(id(tensor), tensor)

    return func(*substitute(args, change), **substitute(kwargs, change))


def _ends(nodes: int, func: Any, args: Any, kwargs: dict[str, Any], live: list[torch.Tensor]) -> Any:
    operands = [tensor for tensor in live if _has_gradient(tensor)]
    kept: dict[str, Any] = {}

    def call(*given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        kept["result"] = _called(func, args, kwargs, operands, given)
        return tuple(tensor for tensor in leaves([kept["result"]]) if _has_gradient(tensor))

    outputs = iter(Ends.apply(nodes, call, *operands))
    return substitute(kept["result"], lambda tensor: next(outputs) if _has_gradient(tensor) else tensor)


def _has_gradient(tensor: torch.Tensor) -> bool:
    return bool(tensor.is_floating_point() or tensor.is_complex())
