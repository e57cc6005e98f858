"""Functions of one tensor, element by element, put together from the operations that they are written in.

SiLU is x * sigmoid(x) in a graph, hard tanh two clips, a clipped ReLU three operations. Taken apart, they would be
products and layers of their own; as one function of x, a secant cell of them is exact where x is affine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ig_tasks.attribution.backends.keras.graph import Step, replay
from ig_tasks.attribution.backends.keras.pieces import Bent, beyond
from ig_tasks.attribution.backends.keras.registered import REGISTERED
from ig_tasks.attribution.backends.keras.rules import ELEMENTWISE, KINKED, PIECEWISE
from ig_tasks.attribution.backends.keras.values import Affine, Element, Live, Value

__all__ = ["element_of", "elementwise"]

_COMBINED = frozenset(("Neg", "Mul", "RealDiv", "Div", "AddV2", "Add", "Sub"))
_KNOWN = _COMBINED | PIECEWISE | ELEMENTWISE | {REGISTERED}


def element_of(value: Affine | Live) -> Element:
    """The tensor as a function of what it is a function of; of itself, if nothing is known."""
    if value.element is None:
        value.element = Element(value, lambda z, made: z, Bent())  # noqa: ARG005
    return value.element


def elementwise(step: Step, operands: Sequence[Value]) -> Element | None:
    """The result as a function of one tensor, element by element; None where it is not known to be one.

    With no `names` it is an affine function: the result may as well be computed, and is needed if the end of the
    affine part is to lie behind it.
    """
    if step.type not in _KNOWN:
        return None
    parts: list[Element | None] = []
    numbers: list[float | None] = []
    shape = step.shapes[0].as_list()
    for place, operand in enumerate(operands):
        if isinstance(operand, Affine | Live | Element):
            if (isinstance(operand, Live) and operand.opaque) or step.operation.inputs[place].shape.as_list() != shape:
                return None
            parts.append(operand if isinstance(operand, Element) else element_of(operand))
            numbers.append(None)
        else:
            number = step.constant(place)
            if number is None or np.size(number) != 1 or not np.isfinite(number).all():
                return None
            parts.append(None)
            numbers.append(float(np.reshape(number, ())))
    moving = [part for part in parts if part is not None]
    root = moving[0].root
    if any(part.root is not root for part in moving) or not step.operation.outputs[0].dtype.is_floating:
        return None
    names = dict.fromkeys(name for part in moving for name in part.names)
    curved = step.type in ELEMENTWISE and not (step.type in ("RealDiv", "Div") and numbers[1] is not None)
    if curved or step.type in PIECEWISE or (step.type == "Mul" and len(moving) == 2):
        names[step.type] = None
    if step.type == REGISTERED:
        names[step.operation.registration.name] = None

    def call(z: Any, made: dict[int, Any]) -> Any:
        pairs = zip(parts, operands, strict=True)
        given = [operand.at("points") if part is None else part.of(z, made) for part, operand in pairs]
        return replay(step.operation, given)[0]

    kinked = any(part.kinked for part in moving) or step.type in PIECEWISE | KINKED or bool(_own_knots(step))
    bent = _bent(step, parts, numbers)
    bends = _bends(step, parts, numbers) if kinked and bent is None else ()
    return Element(root, call, bent, tuple(names), kinked, bends)


def _bends(step: Step, parts: list[Element | None], numbers: list[float | None]) -> tuple[Callable[[Any], Any], ...]:
    """Functions of the root that are 0 where the result has a kink: those of its parts, and where it compares them."""
    found: list[Callable[[Any], Any]] = []
    for part in parts:
        if part is None:
            continue
        if part.bent is not None:
            found += beyond(part.bent.pieces)
        found += part.bends
    if step.type == REGISTERED and parts[0] is not None:
        own = parts[0].of
        found += [lambda z, knot=knot: own(z) - knot for knot in _own_knots(step)]  # type: ignore[misc]
    if step.type in PIECEWISE | KINKED:
        one, two = parts[0], parts[-1]

        def value(part: Element | None, number: float | None, z: Any) -> Any:
            return part.of(z) if part is not None else number

        if len(parts) == 2:
            found.append(lambda z: value(one, numbers[0], z) - value(two, numbers[1], z))
        elif one is not None:
            found.append(one.of)
            if step.type == "Relu6":
                found.append(lambda z: one.of(z) - 6.0)
    return tuple(found)


def _own_knots(step: Step) -> tuple[float, ...]:
    return step.operation.registration.knots if step.type == REGISTERED else ()


def _bent(step: Step, parts: list[Element | None], numbers: list[float | None]) -> Bent | None:
    """The result as a piecewise-linear function of the root, if its parts are."""
    bents = []
    for part, number in zip(parts, numbers, strict=True):
        bent = Bent.constant(number) if number is not None else part.bent if part is not None else None
        if bent is None:
            return None
        bents.append(bent)
    one, two = bents[0], bents[-1]
    match step.type:
        case "Neg":
            return one.scaled(-1.0)
        case "AddV2" | "Add":
            return one.plus(two)
        case "Sub":
            return one.plus(two.scaled(-1.0))
        case "Mul" if None in parts:
            factor = numbers[0] if numbers[0] is not None else numbers[1]
            return None if factor is None else bents[parts.index(None) - 1].scaled(factor)
        case "RealDiv" | "Div" if numbers[1]:
            return one.scaled(1.0 / numbers[1])
        case "Relu":
            return one.chosen(Bent.constant(0.0), max)
        case "Relu6":
            return one.chosen(Bent.constant(0.0), max).chosen(Bent.constant(6.0), min)
        case "LeakyRelu":
            alpha = float(step.operation.get_attr("alpha"))
            return one.chosen(one.scaled(alpha), max if alpha <= 1.0 else min)
        case "Abs":
            return one.chosen(one.scaled(-1.0), max)
        case "Maximum":
            return one.chosen(two, max)
        case "Minimum":
            return one.chosen(two, min)
        case _ if step.type == REGISTERED:
            own = step.operation.bent
            return None if own is None else own.after(one)
    return None
