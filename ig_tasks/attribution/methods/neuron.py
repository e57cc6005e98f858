"""Integrated Gradients of a unit inside the model, or of a group of units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ig_tasks.attribution.layer_models import layer_model
from ig_tasks.attribution.layer_places import LayerPlace, place_of
from ig_tasks.attribution.methods.described import Described
from ig_tasks.attribution.methods.integrated_gradients import IntegratedGradients
from ig_tasks.attribution.methods.units import mask_of

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.call import Call
    from ig_tasks.attribution.result import AttributionResult

__all__ = ["Neuron"]


@dataclass(frozen=True)
class Neuron(Described):
    """Attributions of the inputs to the output of one unit, or to the sum of a group.

    Integrated Gradients (Sundararajan, Taly & Yan 2017) with the unit as the output: `output` and `baseline_output` are
    the unit's own, and all else is as for the model's output.

    Args:
        layer: its name, or {"name": ..., "side": "output" or "input", "tensor": which of several}.
        units: a number, a place (tuple) in a tensor of more axes, or a list of these, which are summed.
        multiply_by_inputs: as for Integrated Gradients.
    """

    name: ClassVar[str] = "neuron"

    layer: str | Mapping[str, Any] | LayerPlace = ""
    units: Any = 0
    multiply_by_inputs: bool = True

    def __post_init__(self) -> None:
        place_of(self.layer, self.name)

    def explain(self, call: Call) -> AttributionResult:
        """By the engine, on the model up to the layer."""
        place = place_of(self.layer)
        read = call.read(place)
        with read.opened(call.starts[0]) as rows:
            shape = rows.tail
        mask = mask_of(self.units, shape, place.key)
        if mask.sum() == 1.0:
            own = read.on(read.model, target=int(np.flatnonzero(mask)[0]) if len(shape) < 2 else _index(mask))
        else:
            own = call.on(layer_model(call.model, [place], "read", call.named, units=mask), target=None)
        method = IntegratedGradients(multiply_by_inputs=self.multiply_by_inputs)
        return own.average(list(own.each(method)), own.shares)


def _index(mask: Any) -> tuple[int, ...]:
    return tuple(int(axis[0]) for axis in np.nonzero(mask))
