"""TensorFlow's operations by type: which are linear, which are elementwise, which leave the rows where they are."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ig_tasks.attribution.backends.keras.graph import Step
from ig_tasks.attribution.backends.keras.registry import OPERATIONS, named

__all__ = [
    "BY_ENDS", "COMPARISONS", "ELEMENTWISE", "JOINS", "JUMPS", "KINKED", "LINEAR", "LOOPS", "OPAQUE", "PIECEWISE",
    "PRODUCTS", "REDUCTIONS", "SAME", "SPECTRA", "SUMS", "UNEVEN", "moves_rows", "spelled",
]  # fmt: skip


SAME = named(lambda known: known.same)
LINEAR = {name: known.linear for name, known in OPERATIONS.items() if known.linear is not None}
PRODUCTS = named(lambda known: known.combines == "product")
SUMS = named(lambda known: known.combines == "sum")
JOINS = named(lambda known: known.combines == "join")
PIECEWISE = named(lambda known: known.elementwise == "piecewise")
ELEMENTWISE = named(lambda known: known.elementwise == "smooth")
KINKED = named(lambda known: known.kinked)
JUMPS = named(lambda known: known.gradient == "jumps")
COMPARISONS = named(lambda known: known.compares)
OPAQUE = named(lambda known: known.gradient)
REDUCTIONS = named(lambda known: known.reduces)
SPECTRA = named(lambda known: known.spectrum)
BY_ENDS = named(lambda known: known.by_ends)
# Loops, branches and what has a length of its own.
LOOPS = ("While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase", "TensorList", "TensorArray", "PyFunc")
UNEVEN = named(lambda known: known.uneven)


def spelled(kind: str) -> str:
    """An operation's type as people write it: "LeakyRelu" is leaky_relu."""
    known = OPERATIONS.get(kind)
    if known is not None and known.name:
        return known.name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower().replace("_v2", "")


def moves_rows(step: Step) -> bool:
    """Whether an operation on tensors with the rows first may mix them, or give something without them in front.

    The static shapes tell most of it: where the rows are no longer first, the first axis has a fixed length.
    """
    for shape in step.shapes:
        if shape.rank is None or shape.rank == 0 or shape[0] is not None:
            return True
    first = step.operation.inputs[0].shape
    if first.rank is None:
        return True
    kind, operation = step.type, step.operation
    if kind == "ConcatV2":
        return _touches(step.constant(-1), step.shapes[0].rank)
    if kind in ("Pack", "Unpack"):
        return _touches(operation.get_attr("axis"), step.shapes[0].rank if kind == "Pack" else first.rank)
    if kind in ("Split", "SplitV"):
        place = 0 if kind == "Split" else 2
        return _touches(step.constant(place), step.shapes[0].rank)
    if kind in ("Cumsum", "Cumprod", "ReverseV2", "ArgMax", "ArgMin"):
        return _touches(step.constant(1), first.rank)
    if kind == "Roll":
        return _touches(step.constant(2), first.rank)
    if kind == "GatherV2":  # of a table, the indices bring the rows
        return first[0] is None and _touches(step.constant(2), first.rank)
    if kind in ("Pad", "PadV2", "MirrorPad"):
        pads = step.constant(1)
        return pads is None or bool(np.any(pads[0] != 0))
    if kind == "Tile":
        times = step.constant(1)
        return times is None or times[0] != 1
    if kind == "Slice":
        begin, size = step.constant(1), step.constant(2)
        return begin is None or size is None or begin[0] != 0 or size[0] != -1
    if kind == "StridedSlice":
        return not _keeps_first(step)
    if kind == "Einsum":
        return _mixes(operation.get_attr("equation").decode(), [each.shape for each in operation.inputs])
    if kind in ("Softmax", "LogSoftmax"):
        return bool(first.rank < 2)
    if "FFT" in kind:
        return bool(first.rank < 2 + ("2D" in kind) + 2 * ("3D" in kind))
    return kind == "MatMul" and operation.get_attr("transpose_a")


def _touches(axes: Any, rank: int | None) -> bool:
    if axes is None or rank is None:
        return True
    return any(int(axis) in (0, -rank) for axis in np.atleast_1d(axes))


def _keeps_first(step: Step) -> bool:
    """Whether a slice takes the first axis whole."""
    operation = step.operation
    if operation.get_attr("new_axis_mask") & 1 or operation.get_attr("shrink_axis_mask") & 1:
        return False
    if operation.get_attr("ellipsis_mask") & 1:
        return operation.inputs[0].shape.rank is not None and operation.inputs[1].shape[0] <= 1 + (
            operation.inputs[0].shape.rank - 1
        )
    strides = step.constant(3)
    whole = operation.get_attr("begin_mask") & 1 and operation.get_attr("end_mask") & 1
    return bool(whole and strides is not None and strides[0] == 1)


def _mixes(equation: str, shapes: list[Any]) -> bool:
    """Whether an einsum's result does not go row by row: every operand with rows has them first, as the result has."""
    left, right = equation.replace(" ", "").split("->")
    if not right or right[0] == ".":
        return True
    for part, shape in zip(left.split(","), shapes, strict=True):
        if right[0] in part[1:] or (shape[0] is None and part[0] != right[0]):
            return True
    return False
