"""What a baseline has to hold of each input: a number per column, weights over ids, or an array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ig_tasks.attribution.feeds import Layers, named_layers
from ig_tasks.data.inputs import InputSpec, feature_names

__all__ = ["InputLayout", "Inputs", "Role", "layouts_of", "layouts_of_arrays"]

Role = Literal["columns", "ids", "sequence", "shares", "array"]
"""columns   (rows, features) numbers
ids       (rows, *shape) ids, a feature each
sequence  (rows, length) ids of one feature, of which padding and special ones stay what they are
shares    (rows, categories) zeros and ones of one feature
array     (rows, ...) numbers, taken element by element"""


@dataclass(frozen=True)
class InputLayout:
    """One input, as baselines see it."""

    name: str
    role: Role
    features: tuple[str, ...]
    """Of `columns` and `ids` a name for each column, else the input's own name alone."""
    shape: tuple[int, ...] = ()
    """The shape of one row's array."""
    layer: Any = None
    """As `layers` of `explain` takes it: a name, several, or {column: name}."""
    unknown: int | None = None
    padding: int | None = None
    kept: frozenset[int] = frozenset()
    """Ids that are their own baseline: padding and special ones."""
    spatial: tuple[int, ...] = ()
    """Axes of one row along which its neighbours are alike: what a blur goes over."""
    spec: InputSpec | None = field(default=None, compare=False)

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of its layers, each once."""
        return () if self.layer is None else named_layers({self.name: self.layer})[self.name].names

    def category(self, number: int) -> str:
        """The category with this id; the id itself without a vocabulary."""
        return str(number) if self.spec is None else self.spec.category(number)


Inputs = Mapping[str, InputSpec] | Mapping[str, InputLayout]


def layouts_of(inputs: Inputs) -> dict[str, InputLayout]:
    """The layout of every input that has attributions, in their order; layouts stay what they are."""
    if _are_layouts(inputs):
        return dict(inputs)
    specs: Mapping[str, InputSpec] = inputs  # type: ignore[assignment]
    names = feature_names(specs)
    return {name: _layout_of_input(name, spec, names[name]) for name, spec in specs.items() if spec.kind != "mask"}


def layouts_of_arrays(arrays: Mapping[str, NDArray[Any]], layers: Layers) -> dict[str, InputLayout]:
    """Layouts of arrays (rows, ...) of which nothing else is known."""
    layouts = {}
    for name, array in arrays.items():
        shape = array.shape[1:]
        if name in layers:
            places = [name] if not shape else [f"{name}[{','.join(map(str, at))}]" for at in np.ndindex(shape)]
            layouts[name] = InputLayout(name, "ids", tuple(places), shape, layers[name])
        else:
            layouts[name] = InputLayout(name, "array", (name,), shape, spatial=_spatial(shape))
    return layouts


def _are_layouts(inputs: Inputs) -> TypeGuard[Mapping[str, InputLayout]]:
    return all(isinstance(value, InputLayout) for value in inputs.values())


def _layout_of_input(name: str, spec: InputSpec, features: tuple[str, ...]) -> InputLayout:
    own = features if len(features) == 1 else (name,)
    if spec.padded or (spec.kind == "array" and spec.integer):
        padding = spec.padding if spec.padded else None
        kept_ids = frozenset(spec.special) | ({padding} if padding is not None else set())
        role: Role = "sequence"
        return InputLayout(name, role, own, spec.row_shape, spec.layers, spec.unknown, padding, kept_ids, spec=spec)
    if spec.kind in ("one_hot", "bag"):
        return InputLayout(name, "shares", own, spec.row_shape, spec=spec)
    if spec.kind in ("image", "series", "array"):
        # An image in a grid has many features, and one baseline.
        return InputLayout(name, "array", own, spec.row_shape, spatial=_axes(spec), spec=spec)
    role = "ids" if spec.integer else "columns"
    return InputLayout(name, role, features, spec.row_shape, spec.layers, spec.unknown, spec=spec)


def _axes(spec: InputSpec) -> tuple[int, ...]:
    if spec.kind == "image":
        return (1, 2) if spec.channels == "first" and len(spec.row_shape) == 3 else (0, 1)
    return ((1,) if spec.channels == "first" else (0,)) if spec.kind == "series" else ()


def _spatial(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of one row's array that are blurred: its one axis, both of two, or all of three but the channels.

    The channels are the shorter end.
    """
    if len(shape) != 3:
        return tuple(range(len(shape)))
    return (1, 2) if shape[0] < shape[2] else (0, 1)
