"""TensorFlow's operations by type: which are linear, which are elementwise, which leave the rows where they are."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ig_tasks.attribution.backends.keras.graph import Step

__all__ = [
    "BY_ENDS", "COMPARISONS", "ELEMENTWISE", "JOINS", "JUMPS", "KINKED", "LINEAR", "LOOPS", "OPAQUE", "PIECEWISE",
    "PRODUCTS", "REDUCTIONS", "SAME", "SPECTRA", "SUMS", "UNEVEN", "moves_rows", "spelled",
]  # fmt: skip


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SAME = _words("Identity IdentityN Snapshot EnsureShape CheckNumerics")
# Linear in the one input named by its place, whatever the others are (which do not depend on the path).
LINEAR = {
    "Cast": 0, "Neg": 0, "Reshape": 0, "ExpandDims": 0, "Squeeze": 0, "Transpose": 0, "Sum": 0, "Mean": 0,
    "StridedSlice": 0, "Slice": 0, "GatherV2": 0, "Pad": 0, "MirrorPad": 0, "Tile": 0, "BroadcastTo": 0, "AvgPool": 0,
    "AvgPool3D": 0, "ResizeNearestNeighbor": 0, "ResizeBilinear": 0, "ResizeBicubic": 0, "Conv2D": 0, "Conv3D": 0,
    "DepthwiseConv2dNative": 0, "Conv2DBackpropInput": 2, "Conv3DBackpropInputV2": 2, "MatMul": 0, "Cumsum": 0,
    "ReverseV2": 0, "Roll": 0, "MatrixBandPart": 0, "DepthToSpace": 0, "SpaceToDepth": 0, "Split": 1, "SplitV": 0,
    "Unpack": 0, "RealDiv": 0, "Div": 0, "BiasAdd": 0, "FusedBatchNormV3": 0,
}  # fmt: skip
PRODUCTS = _words("Mul BatchMatMul BatchMatMulV2 BatchMatMulV3 Einsum")
SUMS = _words("AddV2 Add Sub AddN")
JOINS = _words("ConcatV2 Pack")
PIECEWISE = _words("Relu Relu6 LeakyRelu Abs Maximum Minimum")
ELEMENTWISE = _words(
    "Sigmoid Tanh Softplus Softsign Elu Selu Exp Expm1 Log Log1p Sqrt Rsqrt Square Reciprocal Inv Sin Cos Tan Asin "
    "Acos Atan Sinh Cosh Asinh Acosh Atanh Erf Erfc Erfinv Lgamma Digamma Pow RealDiv Div Xdivy"
)
KINKED = _words("Elu Selu MaxPool3D Prod")
# Results that have no gradient; those that jump besides.
JUMPS = _words(
    "Greater GreaterEqual Less LessEqual Equal NotEqual Sign Floor Ceil Round Rint FloorDiv FloorMod Mod ArgMax ArgMin "
    "OneHot Bucketize TruncateDiv"
)
COMPARISONS = _words("Greater GreaterEqual Less LessEqual")
OPAQUE = JUMPS | _words("IsNan IsInf IsFinite LogicalAnd LogicalOr LogicalNot Any All StopGradient PreventGradient")
REDUCTIONS = _words("Max Min")
# Linear in complex numbers: all but `Complex` in their first input.
SPECTRA = _words("Complex Real Imag Conj FFT IFFT RFFT IRFFT FFT2D IFFT2D RFFT2D IRFFT2D FFT3D IFFT3D RFFT3D IRFFT3D")
BY_ENDS = _words("Softmax LogSoftmax Prod Cumprod Pow Atan2 LRN MaxPool MaxPool3D Xlogy Xdivy")
# Loops, branches and what has a length of its own.
LOOPS = ("While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase", "TensorList", "TensorArray", "PyFunc")
UNEVEN = _words("Where Unique UniqueV2 DynamicPartition NonMaxSuppressionV4 NonMaxSuppressionV5 DynamicStitch")

_NAMES = {
    "AddV2": "add", "ConcatV2": "concat", "GatherV2": "gather", "MatMul": "matmul", "RealDiv": "divide", "Sub":
    "subtract", "Mul": "multiply", "FusedBatchNormV3": "batch_norm", "DepthwiseConv2dNative": "depthwise_conv2d",
    "SelectV2": "where", "Pack": "stack", "Unpack": "unstack", "BatchMatMulV2": "matmul", "BatchMatMulV3": "matmul",
    "Conv2DBackpropInput": "conv2d_transpose", "Conv3DBackpropInputV2": "conv3d_transpose", "Neg": "negative",
    "Conv2D": "conv2d", "Conv3D": "conv3d", "AvgPool": "avg_pool", "AvgPool3D": "avg_pool3d", "MaxPool3D": "max_pool3d",
    "TopKV2": "top_k",
}  # fmt: skip


def spelled(kind: str) -> str:
    """An operation's type as people write it: "LeakyRelu" is leaky_relu."""
    return _NAMES.get(kind) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower().replace("_v2", "")


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
