"""Operations that users tell the engine of: functions, torch modules and Keras layers that act on single elements.

The engine knows the frameworks' own operations. It sees only what a team's own activation is written in, such
as a comparison and a `where`, for which there is no secant slope. Registered, it is one operation with slopes of its
own: exact where it is piecewise linear, smooth elsewhere.
"""

from __future__ import annotations

import functools
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.secant_slopes import Pieces
from ig_tasks.errors import InputError, ModelError

__all__ = ["Registration", "handled_by", "register_operation", "registered_function"]

Array = npt.NDArray[Any]
Call = Callable[[Any], Any]
Handler = Callable[["Registration", Call, Any], Any]

_GRID = np.linspace(-6.0, 6.0, 13)
_CLOSE = {"float64": 1e-9}
_CLOSE_SINGLE = 1e-4
_METHODS = {"torch": "forward", "keras": "call"}  # what a class is called by
_FUNCTIONS: dict[Any, Registration] = {}


class _Handlers(threading.local):
    def __init__(self) -> None:
        self.stack: list[Handler | None] = []


_HANDLERS = _Handlers()


@dataclass(frozen=True)
class Registration:
    """An operation that acts on single elements of its first argument."""

    name: str
    knots: tuple[float, ...] = ()
    slopes: tuple[float, ...] | None = None
    _seen: set[tuple[int, ...]] = field(default_factory=set, compare=False)

    @property
    def pieces(self) -> Pieces | None:
        """The operation as a piecewise-linear function, up to a constant; None where it is smooth between knots."""
        if self.slopes is None:
            return None
        steps = zip(np.diff(self.slopes).tolist(), self.knots, strict=True)
        return Pieces(self.slopes[0], tuple((step, knot) for step, knot in steps if step))

    def check(self, apply: Callable[[Array], Array], dims: tuple[int, ...], dtype: str) -> None:
        """Raise ModelError where the operation is not what was registered.

        Args:
            apply: the operation on an array (points, *dims).
            dims: the axes behind the rows.
            dtype: the floating-point dtype in which it computes.
        """
        if dims in self._seen:
            return
        around = np.concatenate([[knot - 0.7, knot + 0.4, knot + 3.0] for knot in self.knots] or [[]])
        grid = np.concatenate([_GRID, around])
        points = np.broadcast_to(grid.reshape(-1, *[1] * len(dims)), (grid.size, *dims)).astype(dtype)
        found = np.asarray(apply(points), dtype=np.float64)
        where = f"register_operation: '{self.name}'"
        if found.shape != points.shape:
            raise ModelError(f"{where} gives shape {found.shape} for {points.shape}; it is to act on single elements")
        within = _CLOSE.get(dtype, _CLOSE_SINGLE) * max(1.0, float(np.abs(found).max(initial=0.0)))
        others = points.copy().reshape(-1)
        others[1::2] += 0.37
        again = np.asarray(apply(others.reshape(points.shape)), dtype=np.float64).reshape(-1)
        if np.abs(again[::2] - found.reshape(-1)[::2]).max(initial=0.0) > within:
            raise ModelError(f"{where} mixes elements; only operations on single elements can be registered")
        if self.pieces is not None:
            expected = self.pieces.slope * points + sum(
                step * np.maximum(points - knot, 0.0) for step, knot in self.pieces.steps
            )
            apart = found - expected
            if np.abs(apart - apart[:1]).max(initial=0.0) > within:
                raise ModelError(
                    f"{where} is not linear with the slopes {list(self.slopes or ())} between the knots "
                    f"{list(self.knots)}; correct them, or leave slopes out for an operation that is smooth"
                )
        self._seen.add(dims)


def register_operation(operation: Any, *, knots: Any = (), slopes: Any = None, name: str | None = None) -> Any:
    """Tell the engine of an operation that acts on single elements, such as an activation of your own.

    Args:
        operation: a function of a tensor, a class of torch modules, or a class of Keras layers. Its other arguments are
            the same for all rows. torch's own functions are found as they are; of other functions the model has to call
            what is returned, so that this may be a decorator.
        knots: where it bends, ascending.
        slopes: its slopes before, between and behind the knots, one more than knots: then it is piecewise linear, and
            what consists of such operations is integrated exactly. None: it is smooth between the knots.
        name: what results call it; None: its own name.

    Returns:
        The operation to use: a class itself, a function wrapped.

    Raises:
        InputError: for knots or slopes that fit no function.
        ModelError: later, when a model is explained in which the operation is not what was registered.
    """
    registration = _registration(operation, knots, slopes, name)
    if not isinstance(operation, type):
        _FUNCTIONS[operation] = registration

        @functools.wraps(operation)
        def function(z: Any, *args: Any, **kwargs: Any) -> Any:
            return _dispatched(registration, lambda each: operation(each, *args, **kwargs), z)

        return function
    method = _METHODS[_framework(operation)]
    # Where a class is registered again, the last registration counts.
    original = getattr(operation, method)
    original = getattr(original, "_ig_original", original)

    @functools.wraps(original)
    def called(own: Any, z: Any, *args: Any, **kwargs: Any) -> Any:
        return _dispatched(registration, lambda each: original(own, each, *args, **kwargs), z)

    called._ig_original = original  # type: ignore[attr-defined]
    setattr(operation, method, called)
    return operation


def registered_function(function: Any) -> Registration | None:
    """What was registered of a function of a framework's own."""
    return _FUNCTIONS.get(function) if _FUNCTIONS else None


@contextmanager
def handled_by(handler: Handler) -> Iterator[None]:
    """Within, registered operations of this thread are given to `handler`; but not those that it calls itself."""
    _HANDLERS.stack.append(handler)
    try:
        yield
    finally:
        _HANDLERS.stack.pop()


def _dispatched(registration: Registration, call: Call, z: Any) -> Any:
    stack = _HANDLERS.stack
    handler = stack[-1] if stack else None
    if handler is None:
        return call(z)
    stack.append(None)
    try:
        return handler(registration, call, z)
    finally:
        stack.pop()


def _framework(operation: type) -> str:
    torch, keras = sys.modules.get("torch"), sys.modules.get("keras")
    if torch is not None and issubclass(operation, torch.nn.Module):
        return "torch"
    if keras is not None and issubclass(operation, keras.layers.Layer):
        return "keras"
    raise InputError(f"register_operation: {operation.__name__} is neither a torch.nn.Module nor a keras.layers.Layer")


def _registration(operation: Any, knots: Any, slopes: Any, name: str | None) -> Registration:
    if not callable(operation):
        raise InputError(
            f"register_operation: {operation!r:.80} is no function, class of torch modules or class of Keras layers"
        )
    places = _numbers("knots", knots)
    if any(after <= before for before, after in itertools.pairwise(places)):
        raise InputError(f"register_operation: knots {list(places)} do not ascend")
    gradients = None if slopes is None else _numbers("slopes", slopes)
    if gradients is not None and len(gradients) != len(places) + 1:
        raise InputError(
            f"register_operation: {len(places)} knots have {len(places) + 1} slopes around them, and {len(gradients)} "
            "are given"
        )
    return Registration(str(name or getattr(operation, "__name__", "registered")), places, gradients)


def _numbers(field_name: str, values: Any) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        numbers = (float("nan"),)
    if not np.isfinite(numbers).all():
        raise InputError(f"register_operation: {field_name}={values!r} is not a sequence of numbers")
    return numbers
