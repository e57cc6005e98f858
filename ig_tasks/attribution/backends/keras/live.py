"""Operations on values that depend on the path: as they are, or with the secant rule behind them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras.graph import Step, replay
from ig_tasks.attribution.backends.keras.rules import (
    BY_ENDS,
    ELEMENTWISE,
    JOINS,
    JUMPS,
    KINKED,
    LINEAR,
    OPAQUE,
    PIECEWISE,
    PRODUCTS,
    REDUCTIONS,
    SUMS,
)
from ig_tasks.attribution.backends.keras.slopes import (
    chosen,
    ends,
    largest,
    leaders,
    max_pool,
    max_pool_kinks,
    middles,
    smooth,
    switched,
)
from ig_tasks.attribution.backends.keras.values import Live, Value
from ig_tasks.attribution.structure import NotFollowed

__all__ = ["Done", "do", "known"]

_ALL = (
    frozenset(LINEAR) | PRODUCTS | SUMS | JOINS | OPAQUE | ELEMENTWISE | PIECEWISE | REDUCTIONS | BY_ENDS
    | {"SelectV2", "Select", "SquaredDifference", "PadV2"}
)  # fmt: skip


@dataclass(frozen=True)
class Done:
    """An operation done, and what it is."""

    outputs: list[Any]
    linear: bool = False
    exact: bool = False  # one cell integrates it exactly where its operands are affine
    kinked: bool = False
    opaque: bool = False  # no gradient goes through
    kinks_of: Any = None  # at whose zeros a piecewise-linear function has its kinks
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

    if kind in OPAQUE or not operation.outputs[0].dtype.is_floating:
        jumps = kind in JUMPS or not (kind in OPAQUE or all(clear))
        return Done(native(), linear=not jumps, kinked=jumps, opaque=True)
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
        return Done([output], exact=True, kinked=True, kinks_of=a - b, kinks=_crossings if len(moving) == 2 else None)
    if kind == "SelectV2":
        if not isinstance(operands[0], Live):
            return Done(native(), linear=True)
        a, b = _alike(native, *given[1:])
        return Done([switched(nodes, tf.broadcast_to(given[0], tf.shape(a)), a, b)], kinked=True)
    if kind in ELEMENTWISE and moving == [0] and len(given) == 1:  # an opaque operand beside: not put together
        return Done([smooth(nodes, lambda z: replay(operation, [z])[0], given[0])], exact=True, kinked=kind in KINKED)
    if kind in REDUCTIONS and moving == [0]:
        output, kinks = _extremum(step, given[0], nodes)
        return Done([output], kinked=True, kinks=kinks)
    if (
        kind == "MaxPool"
        and operation.get_attr("data_format") == b"NHWC"
        and not operation.get_attr("explicit_paddings")
    ):
        window = {name: operation.get_attr(name) for name in ("ksize", "strides", "padding")}
        return Done(
            [max_pool(nodes, window, given[0])],
            kinked=True,
            kinks=lambda part: [max_pool_kinks(window, *part)],
        )
    if kind in BY_ENDS:
        return Done([_by_ends(step, given, moving, nodes)], kinked=kind in KINKED or "Pool" in kind)
    raise NotFollowed(f"an operation without a rule depends on the path ({kind})")


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


def _extremum(step: Step, z: Any, nodes: Any) -> tuple[Any, Callable[..., Any]]:
    """A maximum or minimum over axes: they are put last, and back where they are kept. And where its kinks are."""
    axes = step.constant(1)
    rank = step.operation.inputs[0].shape.rank
    if axes is None or rank is None:
        raise NotFollowed(f"{step.type} goes over axes that are not known")
    over = sorted({int(axis) % rank for axis in axes.reshape(-1)})
    order = [axis for axis in range(rank) if axis not in over] + over
    last = list(range(rank - len(over), rank))
    reduce = tf.reduce_max if step.type == "Max" else tf.reduce_min
    sign = 1.0 if step.type == "Max" else -1.0

    def ordered(each: Any) -> Any:
        return tf.transpose(each, order) if order != list(range(rank)) else each

    def kinks(part: tuple[Any, Any]) -> list[Any]:
        base, delta = (sign * ordered(each) for each in part)
        kept = tf.concat((tf.shape(delta)[: rank - len(over)], [-1]), 0)
        found, meets = leaders(*(tf.reshape(base + each, kept) for each in (tf.zeros_like(delta), delta)))
        changes = [p != q for p, q in itertools.pairwise(found)]
        nothing = tf.constant(float("nan"), delta.dtype)
        return [tf.where(change, place, nothing) for change, place in zip(changes, meets, strict=True)]

    value = chosen(nodes, lambda each: reduce(each, last), tuple(last), sign, ordered(z))
    if step.operation.get_attr("keep_dims"):
        for axis in over:
            value = tf.expand_dims(value, axis)
    return value, kinks


def _by_ends(step: Step, given: list[Any], moving: list[int], nodes: Any) -> Any:
    def call(*live: Any) -> Any:
        full = list(given)
        for place, tensor in zip(moving, live, strict=True):
            full[place] = tensor
        return replay(step.operation, full)[0]

    if len(step.outputs) > 1:
        raise NotFollowed(f"an operation without a rule depends on the path ({step.type})")
    return ends(nodes, call, *(given[place] for place in moving))
