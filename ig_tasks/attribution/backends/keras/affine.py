"""Operations that keep a tensor affine in the place along the path: done once per row, on its base and its delta."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras.graph import Step, replay
from ig_tasks.attribution.backends.keras.rules import JOINS, LINEAR, PRODUCTS, SUMS
from ig_tasks.attribution.backends.keras.values import Affine, Still, Value

__all__ = ["affine_parts"]

_Part = Callable[[str], Any]


def affine_parts(step: Step, operands: Sequence[Value]) -> tuple[_Part, _Part, bool] | None:
    """Functions that make the outputs' bases and deltas at a length, and whether all rows may share the bases.

    None where the operation does not keep its operands affine. `operands` hold one Affine or more, and no values.
    """
    moving = [place for place, operand in enumerate(operands) if isinstance(operand, Affine)]
    if not all(tensor.dtype.is_floating for tensor in _floats(step, moving)):
        return None
    shared = all(
        operand.shared if isinstance(operand, Affine) else not isinstance(operand, Still) for operand in operands
    )

    def bases(kind: str) -> Any:
        return replay(
            step.operation,
            [each.base(kind) if isinstance(each, Affine) else each.at(kind) for each in operands],
        )

    deltas = _deltas(step, operands, moving)
    return None if deltas is None else (bases, deltas, shared)


def _deltas(step: Step, operands: Sequence[Value], moving: list[int]) -> _Part | None:
    kind, operation = step.type, step.operation

    def replayed(length: str, *, zeros: bool = False) -> Any:
        """The operation on the deltas, with constants as they are, or zeros in their places."""
        given = []
        for place, each in enumerate(operands):
            if isinstance(each, Affine):
                given.append(each.delta(length))
            elif zeros and operation.inputs[place].dtype.is_floating:  # an axis stays
                given.append(tf.zeros_like(each.at(length)))
            else:
                given.append(each.at(length))
        return replay(operation, given)

    if kind == "FusedBatchNormV3":
        if operation.get_attr("is_training") or moving != [0]:
            return None

        def free(length: str) -> Any:
            delta, others = _delta(operands[0], length), [each.at(length) for each in operands[1:]]
            at_zero = replay(operation, [tf.zeros_like(delta[:1]), *others])[0]
            return [replay(operation, [delta, *others])[0] - at_zero]

        return free
    if kind == "BiasAdd":
        return (lambda length: [_delta(operands[0], length)]) if moving == [0] else None
    if kind in SUMS:
        if len(moving) == len(operands):
            return replayed
        if len(operands) == 2 and len(moving) == 1:
            return lambda length: [_moved(step, operands, moving[0], length)]
        return lambda length: replayed(length, zeros=True)
    if kind in JOINS:
        return lambda length: replayed(length, zeros=True)
    if kind == "SelectV2" and 0 not in moving:

        def branches(length: str) -> Any:
            parts = [
                each.delta(length) if isinstance(each, Affine) else tf.zeros_like(each.at(length))
                for each in operands[1:]
            ]
            return replay(operation, [operands[0].at(length), *parts])

        return branches
    if (kind in PRODUCTS and len(moving) == 1) or (kind in LINEAR and moving == [LINEAR[kind]]):
        return replayed
    return None


def _moved(step: Step, operands: Sequence[Value], place: int, length: str) -> Any:
    """The delta of a sum with one constant: as it is, or negative, in the sum's shape."""
    delta = _delta(operands[place], length)
    if step.type == "Sub" and place == 1:
        delta = -delta
    given, made = step.operation.inputs[place].shape, step.shapes[0]
    if given.rank == made.rank and given[1:].as_list() != made[1:].as_list():
        delta = delta + tf.zeros([1, *made[1:].as_list()], delta.dtype)
    return delta


def _delta(operand: Value, length: str) -> Any:
    assert isinstance(operand, Affine)  # noqa: S101 - the caller looked
    return operand.delta(length)


def _floats(step: Step, moving: list[int]) -> list[Any]:
    return [step.operation.inputs[place] for place in moving] + [step.operation.outputs[0]]
