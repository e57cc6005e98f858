"""Operations by name: which are linear along the path, and which slope the secant rule gives the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.affine import leaves, moves_rows, substitute
from ig_tasks.attribution.backends.torch.pools import MaxPool, Windows
from ig_tasks.attribution.backends.torch.registry import OPERATIONS, named
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

ATTRIBUTES = named(lambda known: known.role == "attribute")
STEERING = named(lambda known: known.role == "steers")
_RANDOM = named(lambda known: known.draws)
_DROPOUT = named(lambda known: known.dropout)
OPAQUE = named(lambda known: known.gradient)
_JUMPS = named(lambda known: known.gradient == "jumps")
_LINEAR = named(lambda known: known.slope == "linear")
_PRODUCTS = named(lambda known: known.slope == "product")
_QUOTIENTS = named(lambda known: known.quotient)
_SMOOTH = named(lambda known: known.slope == "smooth")
_KINKED_SMOOTH = {name: known.knots for name, known in OPERATIONS.items() if known.knots}
_COMPARISONS = named(lambda known: known.compares)
_KINKED_OTHERS = named(lambda known: known.slope == "ends")
_POOLS = {name: known.pool for name, known in OPERATIONS.items() if known.pool}


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
