"""All that is known of torch's operations by name: one row an operation, or several that are alike in everything.

Whoever follows a model, records it, looks for lost gradients or examines its layers asks this table. What users add to
it (`ig_tasks.register_operation`) is in `ig_tasks.attribution.registration`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["OPERATIONS", "Operation", "named", "words"]


@dataclass(frozen=True)
class Operation:
    """What is known of an operation."""

    affine: Literal["", "scales", "biased", "shifts"] = ""
    """How it keeps base + a delta affine: f(base) + a f(delta) whatever the other arguments are (constant), the same
    without its bias (the third argument) on delta, or as a sum or difference."""
    once: bool = False
    """May also be done once per row on operands that are the same at every node; so may all that are `affine`."""
    spectrum: int | None = None
    """A Fourier transform: the last axes that it goes over unless it is told; 0 for all."""
    dim: int | None = None
    """Where the first dimension stands among the arguments."""
    one_dim: bool = False
    """What follows the dimension is a place along it."""
    slope: Literal["", "linear", "product", "smooth", "ends"] = ""
    """Its slope over a cell: its own gradient; that at the middle; a difference quotient, element by element; the mean
    of the gradients at both ends, which kinks make rough. What is piecewise linear has its pieces in `operations`."""
    quotient: bool = False
    knots: tuple[float, ...] = ()
    """Where a smooth operation has kinks."""
    pool: int = 0
    """Axes of a max-pooling."""
    pair: Literal["", "larger", "smaller"] = ""
    """For an operation of two tensors."""
    extreme: Literal["", "largest", "smallest"] = ""
    """Over axes."""
    ranked: bool = False
    """Sorted numbers, or some of them."""
    gradient: Literal["", "none", "jumps"] = ""
    """Its results have no gradient; where it jumps, they change along the path all the same."""
    compares: bool = False
    counts: bool = False
    """Says which, or how many, where it was given how much."""
    chain: Literal["", "same", "last", "elementwise", "adds", "subtracts", "multiplies"] = ""
    """What it is in a chain that is replayed: nothing, a last axis of one that goes or comes, or a step."""
    inplace: bool = False
    """Takes `inplace` as its last argument."""
    augmented: bool = False
    """An augmented assignment."""
    draws: bool = False
    """Random numbers."""
    dropout: bool = False
    role: Literal["", "attribute", "steers"] = ""
    """No operation: it reads what a tensor is; or hands values to Python."""
    doctor: Literal["", "comparison", "arg-max", "rounding", "lookup", "fresh", "like", "outside"] = ""
    """How the layer doctor calls it."""


def words(text: str) -> frozenset[str]:
    """A set of names, written as a sentence of them."""
    return frozenset(text.split())


def _alike(names: str, **known: Any) -> Iterator[tuple[str, Operation]]:
    operation = Operation(**known)
    return ((name, operation) for name in names.split())


OPERATIONS: dict[str, Operation] = dict(
    (
        # -- Affine along the path
        *_alike("linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d", affine="biased", slope="product"),
        *_alike(
            "fft_ifftn fft_ihfftn fft_rfftn fft_hfftn fft_irfftn fft_fftn",
            affine="scales",
            spectrum=0,
            slope="linear",
        ),
        *_alike(
            "fft_irfft fft_hfft fft_ifft fft_rfft fft_ihfft fft_fft",
            affine="scales",
            spectrum=1,
            slope="linear",
        ),
        *_alike(
            "fft_hfft2 fft_ifft2 fft_fft2 fft_ihfft2 fft_irfft2 fft_rfft2",
            affine="scales",
            spectrum=2,
            slope="linear",
        ),
        *_alike("flatten squeeze", affine="scales", dim=1, slope="linear", chain="last"),
        *_alike("index_select", affine="scales", dim=1, slope="linear", doctor="lookup"),
        *_alike(
            "cat movedim stack cumsum concatenate unflatten sum unbind flip concat unsqueeze transpose swapaxes mean",
            affine="scales",
            dim=1,
            slope="linear",
        ),
        *_alike("select", affine="scales", dim=1, one_dim=True, slope="linear", chain="last"),
        *_alike("narrow", affine="scales", dim=1, one_dim=True, slope="linear"),
        *_alike("repeat_interleave chunk split", affine="scales", dim=2, slope="linear"),
        *_alike("__getitem__", affine="scales", slope="linear", chain="last", doctor="lookup"),
        *_alike("view reshape", affine="scales", slope="linear", chain="last"),
        *_alike("clone contiguous", affine="scales", slope="linear", chain="same"),
        *_alike("view_as expand_as to type_as", affine="scales", slope="linear", doctor="like"),
        *_alike(
            "adaptive_avg_pool1d negative avg_pool3d avg_pool1d pad adaptive_avg_pool3d expand permute double "
            "avg_pool2d float adaptive_avg_pool2d view_as_complex neg",
            affine="scales",
            slope="linear",
        ),
        *_alike("__rmul__ __mul__ multiply mul", affine="scales", slope="product", chain="multiplies"),
        *_alike("mm __matmul__ matmul bmm", affine="scales", slope="product"),
        *_alike("div true_divide __truediv__ divide", affine="scales", slope="smooth", quotient=True),
        *_alike("real view_as_real imag conj rmul", affine="scales"),
        *_alike("add __radd__ __add__", affine="shifts", slope="linear", chain="adds"),
        *_alike("sub subtract __sub__", affine="shifts", slope="linear", chain="subtracts"),
        *_alike("rsub __rsub__", affine="shifts", slope="linear"),
        # -- Elementwise
        *_alike("threshold", slope="ends", inplace=True),
        *_alike("hardswish", slope="smooth", knots=(-3.0, 3.0), chain="elementwise", inplace=True),
        *_alike("elu celu selu", slope="smooth", knots=(0.0,), chain="elementwise", inplace=True),
        *_alike(
            "expm1 cos erf softsign tanh atan logsigmoid sigmoid sin tanhshrink softplus log1p gelu",
            slope="smooth",
            chain="elementwise",
        ),
        *_alike("silu mish", slope="smooth", chain="elementwise", inplace=True),
        *_alike(
            "__pow__ erfc asinh log2 cosh sinh logit reciprocal log10 __rdiv__ tan rsqrt __rtruediv__ __rpow__",
            slope="smooth",
        ),
        *_alike("hardtanh leaky_relu relu6 relu hardsigmoid", inplace=True),
        *_alike("exp square", once=True, slope="smooth", chain="elementwise"),
        *_alike("pow sqrt log", once=True, slope="smooth"),
        # -- Linear in one operand, products, and what has kinks
        *_alike("max", slope="ends", pair="larger", extreme="largest", doctor="arg-max"),
        *_alike("fmax maximum", slope="ends", pair="larger"),
        *_alike("min", slope="ends", pair="smaller", extreme="smallest", doctor="arg-max"),
        *_alike("minimum fmin", slope="ends", pair="smaller"),
        *_alike("amax", slope="ends", extreme="largest"),
        *_alike("amin", slope="ends", extreme="smallest"),
        *_alike(
            "adaptive_max_pool2d fmod clip where rrelu norm hardshrink remainder adaptive_max_pool1d masked_select",
            slope="ends",
        ),
        *_alike("kthvalue median topk sort", slope="ends", ranked=True, doctor="arg-max"),
        *_alike("dropout", slope="linear", chain="same", dropout=True),
        *_alike("gather", slope="linear", doctor="lookup"),
        *_alike("unfold upsample interpolate triu pixel_shuffle tril masked_fill", slope="linear"),
        *_alike("dropout3d dropout1d dropout2d", slope="linear", dropout=True),
        *_alike("bilinear outer addmm baddbmm inner mv einsum", slope="product"),
        *_alike("max_pool1d", pool=1),
        *_alike("max_pool2d", pool=2),
        *_alike("max_pool3d", pool=3),
        *_alike("clamp", once=True, slope="ends"),
        # -- Without a gradient
        *_alike("sign", gradient="jumps", doctor="rounding"),
        *_alike("argmin argsort argmax", gradient="jumps", counts=True, doctor="arg-max"),
        *_alike("floor round ceil", gradient="jumps", counts=True, doctor="rounding"),
        *_alike("nonzero", gradient="none", doctor="arg-max"),
        *_alike("__and__ isinf isfinite __or__ logical_and isnan logical_or", gradient="none", doctor="comparison"),
        *_alike(
            "new_ones ones_like new_full new_zeros zeros_like full_like new_empty empty_like",
            gradient="none",
            doctor="fresh",
        ),
        *_alike("searchsorted bucketize", gradient="none", doctor="rounding"),
        *_alike("bitwise_and all any new_tensor one_hot detach bitwise_or signbit count_nonzero", gradient="none"),
        *_alike("randn_like rand_like", gradient="none", draws=True, doctor="fresh"),
        *_alike("greater less", gradient="none", compares=True, doctor="comparison"),
        *_alike("int bool long", once=True, gradient="jumps", counts=True),
        *_alike("__lt__ __gt__ __ge__ __le__", once=True, gradient="jumps", compares=True, doctor="comparison"),
        *_alike("gt le ge lt", once=True, gradient="jumps", compares=True, counts=True, doctor="comparison"),
        *_alike("logical_not __invert__ __eq__ __ne__", once=True, gradient="none", doctor="comparison"),
        *_alike("eq ne", once=True, gradient="none", counts=True, doctor="comparison"),
        # -- Random numbers
        *_alike("alpha_dropout", chain="same", dropout=True),
        *_alike("feature_dropout feature_alpha_dropout", dropout=True),
        *_alike(
            "rand exponential_ bernoulli log_normal_ cauchy_ randn geometric_ normal uniform_ randperm randint "
            "multinomial gumbel_softmax randint_like alpha_dropout_ bernoulli_ poisson random_ dropout_ normal_",
            draws=True,
        ),
        # -- Attributes, and what steers Python
        *_alike(
            "is_complex __len__ requires_grad is_meta names size dtype __get_grad_fn__ numel nelement _is_view "
            "is_nested _set_grad_enabled is_cuda is_autocast_enabled device stride requires_grad_ _version "
            "is_sparse ndim is_grad_enabled layout is_quantized dim ndimension is_contiguous shape __hash__ "
            "is_mps retain_grad is_leaf grad_fn get_device is_floating_point element_size",
            role="attribute",
        ),
        *_alike("equal", role="steers", doctor="comparison"),
        *_alike("__bool__ __index__ __float__ __array__ __int__ tolist numpy item", role="steers", doctor="outside"),
        *_alike(
            "__iter__ allclose resize_ data backward __contains__ is_nonzero set_ __set__ __setitem__ register_hook",
            role="steers",
        ),
        # -- Other
        *_alike("msort mode", doctor="arg-max"),
        *_alike("not_equal logical_xor less_equal greater_equal", doctor="comparison"),
        *_alike("reshape_as broadcast_to", doctor="like"),
        *_alike("take_along_dim take", doctor="lookup"),
        *_alike("sgn trunc fix floor_divide heaviside", doctor="rounding"),
        *_alike(
            "__imod__ __irshift__ __ior__ __idiv__ __isub__ __ifloordiv__ __ilshift__ __iand__ __ipow__ "
            "__itruediv__ __ixor__ __iadd__ __imul__",
            augmented=True,
        ),
        *_alike("embedding abs", once=True),
    )
)


def named(holds: Callable[[Operation], Any]) -> frozenset[str]:
    """The names of operations of which `holds` is true."""
    return frozenset(name for name, operation in OPERATIONS.items() if holds(operation))
