"""A model behind its affine prefix as a list of steps, replayed without the model's Python and without autograd.

Following a model costs small networks half their speed (dispatch, graph, a fresh allocation for every value). Where
all that the model does behind the prefix is dense layers, functions of single elements, sums and products, what was
seen once is all that there is: it holds for any number of rows and nodes, and is done block by block, in cache.

Values are (places, rows, units). Gradients of cells are (places - 1, rows, units), or broadcast to that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.slopes import kinked_cells, smooth_cells
from ig_tasks.attribution.secant_slopes import Pieces, middle, tiny

__all__ = ["Add", "Chain", "Elementwise", "Kinked", "Linear", "Product", "Relu", "Scale", "StepOf"]

Tensors = Sequence[torch.Tensor]


class StepOf(Protocol):
    """One operation on values at places along the paths."""

    def forward(self, *z: torch.Tensor) -> torch.Tensor: ...

    def backward(self, gradient: torch.Tensor, z: Tensors, value: torch.Tensor, *, cells: bool) -> Tensors:
        """Gradients of the operands: of every place, or of every cell between two."""
        ...


@dataclass(frozen=True)
class Linear:
    """z W^T + b; W (outputs, inputs)."""

    weight: torch.Tensor
    bias: torch.Tensor | None

    def forward(self, *z: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(z[0], self.weight, self.bias)

    def backward(self, gradient: torch.Tensor, z: Tensors, value: torch.Tensor, *, cells: bool) -> Tensors:  # noqa: ARG002
        if self.weight.shape[0] == 1:
            return (gradient * self.weight[0],)
        flat = gradient.flatten(0, 1) @ self.weight  # one product; over three axes torch takes one per place
        return (flat.view(*gradient.shape[:2], -1),)


@dataclass(frozen=True)
class Scale:
    """z scale + shift, unit by unit: normalisation at inference, constants."""

    scale: torch.Tensor
    shift: torch.Tensor | None

    def forward(self, *z: torch.Tensor) -> torch.Tensor:
        scaled = z[0] * self.scale
        return scaled if self.shift is None else scaled.add_(self.shift)

    def backward(self, gradient: torch.Tensor, z: Tensors, value: torch.Tensor, *, cells: bool) -> Tensors:  # noqa: ARG002
        return (gradient * self.scale,)


@dataclass(frozen=True)
class Kinked:
    """A continuous piecewise-linear function."""

    call: Callable[[torch.Tensor], torch.Tensor]
    pieces: Pieces

    def forward(self, *z: torch.Tensor) -> torch.Tensor:
        return self.call(z[0])

    def backward(self, gradient: torch.Tensor, z: Tensors, value: torch.Tensor, *, cells: bool) -> Tensors:  # noqa: ARG002
        if cells:
            return (kinked_cells(self.pieces, z[0][:-1], z[0][1:]).mul_(gradient),)
        total = torch.zeros_like(z[0])
        for step, knot in self.pieces.steps:
            total += (z[0] > knot) * step
        return (total.add_(self.pieces.slope).mul_(gradient),)


class Relu(Kinked):
    """The one that is met most."""

    def __init__(self) -> None:
        super().__init__(torch.relu, Pieces.relu())

    def forward(self, *z: torch.Tensor) -> torch.Tensor:
        return z[0].clamp_min(0.0)

    def backward(self, gradient: torch.Tensor, z: Tensors, value: torch.Tensor, *, cells: bool) -> Tensors:
        if cells:
            # `flip_share` in fewer passes, as the values are there: (y0 + y1) / (|z0| + |z1|).
            size = z[0].abs().add_(tiny(str(z[0].dtype).removeprefix("torch.")))
            return ((value[:-1] + value[1:]).div_(size[:-1] + size[1:]).mul_(gradient),)
        return (torch.ops.aten.threshold_backward(gradient.expand_as(z[0]), z[0], 0.0),)


@dataclass(frozen=True)
class Elementwise:
    """A smooth function of single elements; `derivative(gradient, z, value)` is torch's own kernel for it."""

    call: Callable[[torch.Tensor], torch.Tensor]
    derivative: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

    def forward(self, *z: torch.Tensor) -> torch.Tensor:
        return self.call(z[0])

    def backward(self, gradient: torch.Tensor, z: Tensors, value: torch.Tensor, *, cells: bool) -> Tensors:
        if cells:
            return (smooth_cells(self.call, z[0][:-1], z[0][1:], value[:-1], value[1:]).mul_(gradient),)
        return (self.derivative(gradient.expand_as(z[0]), z[0], value),)


@dataclass(frozen=True)
class Add:
    """x + y, or x - y."""

    minus: bool = False

    def forward(self, *z: torch.Tensor) -> torch.Tensor:
        return z[0] - z[1] if self.minus else z[0] + z[1]

    def backward(self, gradient: torch.Tensor, z: Tensors, value: torch.Tensor, *, cells: bool) -> Tensors:  # noqa: ARG002
        return gradient, -gradient if self.minus else gradient


@dataclass(frozen=True)
class Product:
    """x y: over a cell the gradient at the mean of its ends, with which x1 y1 - x0 y0 comes out exact."""

    def forward(self, *z: torch.Tensor) -> torch.Tensor:
        return z[0] * z[1]

    def backward(self, gradient: torch.Tensor, z: Tensors, value: torch.Tensor, *, cells: bool) -> Tensors:  # noqa: ARG002
        x, y = (middle(each[:-1], each[1:]) for each in z) if cells else z
        return gradient * y, gradient * x


@dataclass(frozen=True)
class Chain:
    """Steps from leaves (values where the prefix ends, slots 0, 1, ...) to the model's outputs.

    Step i reads slots `operands[i]` and writes slot leaves + i; the last one is the output (places, rows, outputs).
    """

    leaves: int
    steps: tuple[StepOf, ...]
    operands: tuple[tuple[int, ...], ...]
    depths: tuple[int, ...]  # of every step: layers of nonlinear operations before it
    width: int  # units of all steps together: values that a point leaves behind

    def forward(self, leaves: Tensors) -> list[torch.Tensor]:
        """All slots."""
        values = list(leaves)
        for step, operands in zip(self.steps, self.operands, strict=True):
            values.append(step.forward(*[values[slot] for slot in operands]))
        return values

    def gradients(self, values: list[torch.Tensor], wanted: torch.Tensor, *, cells: bool) -> list[Any]:
        """Gradients of the outputs at the leaves, `wanted` (places or cells, or 1; rows or 1; outputs) upstream.

        Values are given up on the way. None for a leaf that the outputs do not depend on.
        """
        found: list[Any] = [None] * len(values)
        found[-1] = wanted
        for place in reversed(range(len(self.steps))):
            slot = self.leaves + place
            gradient, found[slot] = found[slot], None
            if gradient is not None:
                operands = self.operands[place]
                given = [values[each] for each in operands]
                parts = self.steps[place].backward(gradient, given, values[slot], cells=cells)
                for operand, part in zip(operands, parts, strict=True):
                    found[operand] = part if found[operand] is None else found[operand] + part
            values.pop()
        return found[: self.leaves]

    def knots(self, leaves: Tensors, layers: range) -> torch.Tensor:
        """Distances (places, rows, units x kinks) from the kinks of all piecewise-linear steps of these layers."""
        values, found = list(leaves), []
        wanted = [
            place
            for place, (step, depth) in enumerate(zip(self.steps, self.depths, strict=True))
            if depth in layers and isinstance(step, Kinked)
        ]
        for place, (step, operands) in enumerate(zip(self.steps, self.operands, strict=True)):
            given = [values[slot] for slot in operands]
            if isinstance(step, Kinked) and self.depths[place] in layers:
                found += [given[0] - knot if knot else given[0] for knot in step.pieces.knots]
            if not wanted or place == wanted[-1]:
                break
            values.append(step.forward(*given))
        if not found:
            return values[0].new_zeros((*values[0].shape[:2], 0))
        return found[0] if len(found) == 1 else torch.cat(found, dim=-1)
