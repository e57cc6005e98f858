"""All that is known of TensorFlow's operations by type: one row an operation, or several that are alike in everything.

Whoever follows a model's graph, or examines its layers, asks this table. What users add to it
(`ig_tasks.register_operation`) is in `ig_tasks.attribution.registration`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["OPERATIONS", "Operation", "named"]


@dataclass(frozen=True)
class Operation:
    """What is known of an operation."""

    same: bool = False
    """Hands its inputs on."""
    linear: int | None = None
    """Linear in the input at this place, whatever the others are (which do not depend on the path)."""
    combines: Literal["", "product", "sum", "join"] = ""
    """Linear in all inputs together, or in each of two (product)."""
    elementwise: Literal["", "piecewise", "smooth"] = ""
    """A function of single elements: piecewise linear, or with a difference quotient for its slope over a cell."""
    kinked: bool = False
    """Has kinks, and is not piecewise linear or has no slope of its own."""
    by_ends: bool = False
    """The mean of the gradients at a cell's ends stands for its slope."""
    reduces: bool = False
    """The largest or smallest over axes."""
    spectrum: bool = False
    """Linear in complex numbers: all but `Complex` in their first input."""
    gradient: Literal["", "none", "jumps"] = ""
    """Its results have no gradient; where it jumps, they change along the path all the same."""
    compares: bool = False
    uneven: bool = False
    """Gives results of a length of their own."""
    name: str = ""
    """As people write it, where that does not follow from the type."""
    doctor: str = ""
    """How the layer doctor calls it."""


def _alike(names: str, **known: Any) -> Iterator[tuple[str, Operation]]:
    operation = Operation(**known)
    return ((name, operation) for name in names.split())


OPERATIONS: dict[str, Operation] = dict(
    (
        # -- Linear in one input
        *_alike("AvgPool", linear=0, name="avg_pool"),
        *_alike("AvgPool3D", linear=0, name="avg_pool3d"),
        *_alike(
            "BiasAdd BroadcastTo Cumsum DepthToSpace MatrixBandPart Mean MirrorPad Pad ResizeBicubic "
            "ResizeBilinear ResizeNearestNeighbor ReverseV2 Roll Slice SpaceToDepth SplitV StridedSlice Sum "
            "Tile Transpose",
            linear=0,
        ),
        *_alike("Cast ExpandDims Reshape Squeeze", linear=0, doctor="same values"),
        *_alike("Conv2D", linear=0, name="conv2d"),
        *_alike("Conv2DBackpropInput", linear=2, name="conv2d_transpose"),
        *_alike("Conv3D", linear=0, name="conv3d"),
        *_alike("Conv3DBackpropInputV2", linear=2, name="conv3d_transpose"),
        *_alike("DepthwiseConv2dNative", linear=0, name="depthwise_conv2d"),
        *_alike("Div", linear=0, elementwise="smooth"),
        *_alike("FusedBatchNormV3", linear=0, name="batch_norm"),
        *_alike("GatherV2", linear=0, name="gather", doctor="lookup"),
        *_alike("MatMul", linear=0, name="matmul"),
        *_alike("Neg", linear=0, name="negative"),
        *_alike("RealDiv", linear=0, elementwise="smooth", name="divide"),
        *_alike("Split", linear=1),
        *_alike("Unpack", linear=0, name="unstack"),
        # -- Sums, joins, products
        *_alike("Add AddN", combines="sum"),
        *_alike("AddV2", combines="sum", name="add"),
        *_alike("BatchMatMul Einsum", combines="product"),
        *_alike("BatchMatMulV2 BatchMatMulV3", combines="product", name="matmul"),
        *_alike("ConcatV2", combines="join", name="concat"),
        *_alike("Mul", combines="product", name="multiply"),
        *_alike("Pack", combines="join", name="stack"),
        *_alike("Sub", combines="sum", name="subtract"),
        # -- Elementwise
        *_alike("Abs LeakyRelu Maximum Minimum Relu Relu6", elementwise="piecewise"),
        *_alike(
            "Acos Acosh Asin Asinh Atan Atanh Cos Cosh Digamma Erf Erfc Erfinv Exp Expm1 Inv Lgamma Log "
            "Log1p Reciprocal Rsqrt Sigmoid Sin Sinh Softplus Softsign Sqrt Square Tan Tanh",
            elementwise="smooth",
        ),
        *_alike("Elu Selu", elementwise="smooth", kinked=True),
        *_alike("Pow Xdivy", elementwise="smooth", by_ends=True),
        # -- Others with a gradient
        *_alike("Atan2 Cumprod LRN LogSoftmax MaxPool Softmax Xlogy", by_ends=True),
        *_alike("CheckNumerics IdentityN Snapshot", same=True),
        *_alike(
            "Complex Conj FFT FFT2D FFT3D IFFT IFFT2D IFFT3D IRFFT IRFFT2D IRFFT3D Imag RFFT RFFT2D RFFT3D Real",
            spectrum=True,
        ),
        *_alike("EnsureShape Identity", same=True, doctor="same values"),
        *_alike("Max Min", reduces=True),
        *_alike("MaxPool3D", kinked=True, by_ends=True, name="max_pool3d"),
        *_alike("Prod", kinked=True, by_ends=True),
        # -- Without a gradient
        *_alike("All Any IsFinite", gradient="none"),
        *_alike("ArgMax ArgMin", gradient="jumps", doctor="arg-max"),
        *_alike("Bucketize Ceil Floor FloorDiv Rint Round Sign", gradient="jumps", doctor="rounding"),
        *_alike("Equal NotEqual", gradient="jumps", doctor="comparison"),
        *_alike("FloorMod Mod TruncateDiv", gradient="jumps"),
        *_alike(
            "Greater GreaterEqual Less LessEqual",
            gradient="jumps",
            compares=True,
            doctor="comparison",
        ),
        *_alike("IsInf IsNan LogicalAnd LogicalNot LogicalOr", gradient="none", doctor="comparison"),
        *_alike("OneHot", gradient="jumps", doctor="one-hot"),
        *_alike("PreventGradient StopGradient", gradient="none", doctor="detached"),
        # -- Other
        *_alike("Bincount DenseBincount", doctor="one-hot"),
        *_alike(
            "DynamicPartition DynamicStitch NonMaxSuppressionV4 NonMaxSuppressionV5 Unique UniqueV2 Where",
            uneven=True,
        ),
        *_alike("Gather GatherNd ResourceGather ResourceGatherNd", doctor="lookup"),
        *_alike("OnesLike Rank Shape ShapeN Size ZerosLike", doctor="size"),
        *_alike("SelectV2", name="where"),
        *_alike("TopKV2", name="top_k"),
    )
)


def named(holds: Callable[[Operation], Any]) -> frozenset[str]:
    """The types of operations of which `holds` is true."""
    return frozenset(name for name, operation in OPERATIONS.items() if holds(operation))
