"""Operations on values that depend on the path: as they are, or with the secant rule behind them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras.graph import Step, replay
from ig_tasks.attribution.backends.keras.pools import Windows, leads, max_pool, rounds
from ig_tasks.attribution.backends.keras.registered import REGISTERED
from ig_tasks.attribution.backends.keras.rules import (
    BY_ENDS,
    COMPARISONS,
    ELEMENTWISE,
    JOINS,
    JUMPS,
    KINKED,
    LINEAR,
    OPAQUE,
    PIECEWISE,
    PRODUCTS,
    REDUCTIONS,
    SPECTRA,
    SUMS,
)
from ig_tasks.attribution.backends.keras.slopes import (
    changes,
    chosen,
    endpoints,
    largest,
    middles,
    modulus,
    smooth,
    switched,
)
from ig_tasks.attribution.backends.keras.sorting import descending
from ig_tasks.attribution.backends.keras.values import Bends, Live, Value
from ig_tasks.attribution.sorting_network import MOST_SORTED
from ig_tasks.attribution.structure import NotFollowed

__all__ = ["Done", "do", "known"]

_ALL = (
    frozenset(LINEAR) | PRODUCTS | SUMS | JOINS | OPAQUE | ELEMENTWISE | PIECEWISE | REDUCTIONS | BY_ENDS
    | SPECTRA | {REGISTERED, "SelectV2", "Select", "SquaredDifference", "PadV2", "TopKV2", "ComplexAbs"}
)  # fmt: skip


@dataclass(frozen=True)
class Done:
    """An operation done, and what it is."""

    outputs: list[Any]
    linear: bool = False
    exact: bool = False  # one cell integrates it exactly where its operands are affine
    kinked: bool = False
    opaque: bool = False  # no gradient goes through
    piecewise: bool = False  # linear but at the kinks that `bends` tell
    bends: Bends | None = None  # values that are 0 where it has a kink, by layer of its own comparisons
    layers: int = 1
    kinks: Callable[..., Any] | None = None  # where they are, of the bases and deltas of affine operands


def known(step: Step) -> bool:
    """Whether an operation may stand behind the affine part at all."""
    return step.type in _ALL


def do(step: Step, operands: Sequence[Value], nodes: Any) -> Done:
    """The operation with the secant rule behind it. Each operand is Live, or does not move. Raises NotFollowed."""
    kind, operation = step.type, step.operation
    given = [operand.at("points") for operand in operands]
    moving = [place for place, operand in enumerate(operands) if isinstance(operand, Live)]
    clear = [operands[place].opaque for place in moving]  # type: ignore[attr-defined]

    def native() -> list[Any]:
        return replay(operation, given)

    if any(each.dtype.is_complex for each in (*given, *operation.outputs)):
        return _complex(step, given, moving, nodes)
    if kind in OPAQUE or not operation.outputs[0].dtype.is_floating:
        jumps = kind in JUMPS or not (kind in OPAQUE or all(clear))
        compared = kind in COMPARISONS and not all(clear) and operation.inputs[0].dtype.is_floating
        bends = (lambda: [[_apart(*_alike(native, *given))]]) if compared else None
        return Done(native(), linear=not jumps, kinked=jumps, opaque=True, bends=bends)
    if all(clear):
        return Done(native(), linear=True, opaque=True)
    if _linear(step, moving):
        return Done(native(), linear=True)
    if kind in PRODUCTS and len(moving) == 2 and len(given) == 2:
        return Done([middles(nodes, lambda a, b: replay(operation, [a, b])[0], *given)], exact=True)
    if kind in ("RealDiv", "Div"):
        below = smooth(nodes, tf.math.reciprocal, given[1])
        if moving == [1]:
            return Done([given[0] * below], exact=True)
        return Done([middles(nodes, tf.multiply, given[0], below)])
    if kind == "SquaredDifference":
        return Done([smooth(nodes, tf.square, given[0] - given[1])], exact=True)
    if kind == "Pow" and moving == [0] and _as_wide(step, 0):
        return Done([smooth(nodes, lambda z: tf.pow(z, given[1]), given[0])], exact=True)
    if kind in ("Maximum", "Minimum"):
        sign = 1.0 if kind == "Maximum" else -1.0
        a, b = _alike(native, *given)
        output = largest(nodes, lambda a, b: replay(operation, [a, b])[0], a, b, sign)
        kinks = _crossings if len(moving) == 2 else None
        return Done([output], exact=True, kinked=True, piecewise=True, bends=lambda: [[_apart(a, b)]], kinks=kinks)
    if kind == "SelectV2":
        if not isinstance(operands[0], Live):
            return Done(native(), linear=True)
        a, b = _alike(native, *given[1:])
        return Done([switched(nodes, tf.broadcast_to(given[0], tf.shape(a)), a, b)], kinked=True)
    if kind == REGISTERED:  # of an operand that has no gradient beside others
        return Done([smooth(nodes, operation.call, given[0])], kinked=bool(operation.registration.knots))
    if kind in ELEMENTWISE and moving == [0] and len(given) == 1:  # an opaque operand beside: not put together
        return Done([smooth(nodes, lambda z: replay(operation, [z])[0], given[0])], exact=True, kinked=kind in KINKED)
    if kind in REDUCTIONS and moving == [0]:
        return _extremum(step, given[0], nodes)
    if kind == "TopKV2" and moving == [0] and given[0].shape[-1] <= MOST_SORTED:
        ordered, compared = descending(nodes, given[0])
        outputs = [ordered[..., : step.shapes[0][-1]], native()[1]]
        return Done(outputs, kinked=True, piecewise=True, bends=lambda: compared, layers=max(1, len(compared)))
    windows = Windows.of(operation) if kind in ("MaxPool", "MaxPool3D") else None
    if windows is not None:
        return _pooled(step, windows, given[0], nodes)
    if kind in BY_ENDS:
        return Done([_by_ends(step, given, moving, nodes)], kinked=kind in KINKED or "Pool" in kind)
    raise NotFollowed(f"an operation without a rule depends on the path ({kind})")


def _complex(step: Step, given: list[Any], moving: list[int], nodes: Any) -> Done:
    """An operation some of whose operands are complex. Raises NotFollowed."""
    if step.type == "ComplexAbs":
        # Complete in one cell, but not exact: along a line the real part does not change as the imaginary one does.
        return Done([modulus(nodes, given[0])], kinked=True)
    if step.type in SPECTRA and (moving == [0] or step.type == "Complex"):
        return Done(replay(step.operation, given), linear=True)
    raise NotFollowed(f"an operation without a rule depends on the path ({step.type})")


def _linear(step: Step, moving: list[int]) -> bool:
    kind = step.type
    if kind == "FusedBatchNormV3" and step.operation.get_attr("is_training"):
        return False
    if kind in SUMS | JOINS or (kind in PRODUCTS and len(moving) == 1):
        return True
    if kind == "PadV2":
        return moving == [0]
    return kind in LINEAR and moving == [LINEAR[kind]]


def _as_wide(step: Step, place: int) -> bool:
    return bool(step.operation.inputs[place].shape.as_list() == step.shapes[0].as_list())


def _alike(native: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands in the shape of the result."""
    shape = tf.shape(native()[0])
    return tf.broadcast_to(a, shape), tf.broadcast_to(b, shape)


def _crossings(one: tuple[Any, Any], other: tuple[Any, Any]) -> list[Any]:
    """Where two affine tensors meet."""
    return [(other[0] - one[0]) / (one[1] - other[1])]


def _apart(a: Any, b: Any) -> Any:
    return a - b


def _pooled(step: Step, windows: Windows, z: Any, nodes: Any) -> Done:
    """A max-pooling. Where members of a window tie, the first of them has the gradient, as in TensorFlow's own."""
    if not windows.rounds:
        return Done(replay(step.operation, [z]), linear=True)
    dims = [int(size) for size in z.shape[1:]]

    def kinks(part: tuple[Any, Any]) -> list[Any]:
        base, delta = (tf.reshape(each, (-1, *dims)) for each in part)  # of sizes that are known
        endpoints = (tf.stack(windows.members(base + each), -1) for each in (tf.zeros_like(delta), delta))
        return changes(*endpoints)

    output = max_pool(nodes, windows, z)
    return _largest([output], windows.rounds, lambda: windows.leads(z), kinks)


def _largest(outputs: list[Any], layers: int, bends: Bends, kinks: Callable[..., Any]) -> Done:
    """What a maximum of several is: of two it is exact in one cell, of more it is piecewise linear at least."""
    return Done(outputs, exact=layers == 1, kinked=True, piecewise=True, bends=bends, layers=layers, kinks=kinks)


def _extremum(step: Step, z: Any, nodes: Any) -> Done:
    """A maximum or minimum over axes: they are put last, as one, and back where they are kept."""
    axes = step.constant(1)
    rank = step.operation.inputs[0].shape.rank
    if axes is None or rank is None:
        raise NotFollowed(f"{step.type} goes over axes that are not known")
    over = sorted({int(axis) % rank for axis in axes.reshape(-1)})
    kept = [axis for axis in range(rank) if axis not in over]
    dims = [int(size) for size in z.shape[1:]]
    count = math.prod(dims[axis - 1] for axis in over)
    if count == 1:
        return Done(replay(step.operation, [z, axes]), linear=True)

    def ordered(each: Any) -> Any:
        moved = tf.transpose(each, kept + over) if kept + over != list(range(rank)) else each
        flat = tf.reshape(moved, (-1, *(dims[axis - 1] for axis in kept[1:]), count))
        return flat if step.type == "Max" else -flat

    def kinks(part: tuple[Any, Any]) -> list[Any]:
        base, delta = part
        return changes(*(ordered(base + each) for each in (tf.zeros_like(delta), delta)))

    flat = ordered(z)
    value = chosen(nodes, flat)
    value = value if step.type == "Max" else -value
    if step.operation.get_attr("keep_dims"):
        for axis in over:
            value = tf.expand_dims(value, axis)
    return _largest([value], rounds(count), lambda: leads(flat), kinks)


def _by_ends(step: Step, given: list[Any], moving: list[int], nodes: Any) -> Any:
    def call(*live: Any) -> Any:
        full = list(given)
        for place, tensor in zip(moving, live, strict=True):
            full[place] = tensor
        return replay(step.operation, full)[0]

    if len(step.outputs) > 1:
        raise NotFollowed(f"an operation without a rule depends on the path ({step.type})")
    return endpoints(nodes, call, *(given[place] for place in moving))
