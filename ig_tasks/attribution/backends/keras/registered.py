"""Operations that users registered, as single steps of a model's graph.

While a model is traced, what goes into a registered operation and what comes out of it is marked. The steps between two
marks are then one: the operation itself, called on other tensors.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras.pieces import Bent
from ig_tasks.attribution.registration import Registration, handled_by
from ig_tasks.attribution.structure import NotFollowed

__all__ = ["REGISTERED", "Marks", "RegisteredOperation"]

REGISTERED = "Registered"
"""The type of steps that are registered operations."""

_NAME = "ig_registered_{}_{}"
_MARK = re.compile(r"ig_registered_(\d+)_(in|out)")


@dataclass(frozen=True, eq=False)
class RegisteredOperation:
    """In place of a tf.Operation: what the engine asks of one."""

    registration: Registration
    call: Callable[[Any], Any]
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    type: str = REGISTERED

    def check(self) -> None:
        """Raise ModelError where the operation is not what was registered, NotFollowed where that cannot be seen."""
        shape, dtype = self.inputs[0].shape, self.inputs[0].dtype
        if shape.rank is None or shape.rank < 1 or None in shape[1:] or not dtype.is_floating:
            raise NotFollowed(f"{self.registration.name} is given tensors of no fixed shape")
        with tf.init_scope():
            self.registration.check(self._on_arrays, tuple(shape[1:]), dtype.name)

    @property
    def bent(self) -> Bent | None:
        """The operation as a piecewise-linear function, if it was registered as one."""
        slopes, knots = self.registration.slopes, self.registration.knots
        if slopes is None:
            return None
        at = knots[0] if knots else 0.0
        with tf.init_scope():
            shape, dtype = self.inputs[0].shape, self.inputs[0].dtype
            value = float(np.ravel(self._on_arrays(np.full((1, *shape[1:]), at, dtype.name)))[0])
        parts = [(-float("inf"), slopes[0], value - slopes[0] * at)]
        for knot, slope in zip(knots, slopes[1:], strict=True):
            _, before, intercept = parts[-1]
            parts.append((knot, slope, intercept + (before - slope) * knot))
        return Bent(tuple(parts))

    def _on_arrays(self, points: Any) -> Any:
        return np.asarray(self.call(tf.constant(points, self.inputs[0].dtype)))


@dataclass
class Marks:
    """The registered operations of one trace, by number."""

    found: dict[int, tuple[Registration, Callable[[Any], Any]]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def noted(self) -> Iterator[None]:
        with handled_by(self._handle):
            yield

    def _handle(self, registration: Registration, call: Callable[[Any], Any], z: Any) -> Any:
        if not tf.is_tensor(z):
            return call(z)
        number = next(self._numbers)
        self.found[number] = (registration, call)
        given = tf.identity(z, name=_NAME.format(number, "in"))
        return tf.identity(call(given), name=_NAME.format(number, "out"))

    def at(self, operation: Any) -> tuple[int, str] | None:
        """Which mark an operation is: its number, and "in" or "out"."""
        mark = _MARK.search(operation.name) if self.found and operation.type == "Identity" else None
        return None if mark is None else (int(mark[1]), mark[2])

    def operation(self, number: int, given: Any, made: Any) -> RegisteredOperation:
        """The step between two marks, from the input of the first to the output of the second."""
        registration, call = self.found[number]
        return RegisteredOperation(registration, call, (given.inputs[0],), (made.outputs[0],))
