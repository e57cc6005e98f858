"""Integrated Gradients of layers' tensors, as if they were the model's inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ig_tasks.attribution.layer_models import layer_model
from ig_tasks.attribution.layer_places import LayerPlace, place_of
from ig_tasks.attribution.methods.described import Described
from ig_tasks.attribution.methods.integrated_gradients import IntegratedGradients
from ig_tasks.errors import InputError

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.call import Call
    from ig_tasks.attribution.result import AttributionResult

__all__ = ["Layer"]


@dataclass(frozen=True)
class Layer(Described):
    """Attributions of the units of layers, along the straight line between their tensors at the baseline and the row.

    Integrated Gradients (Sundararajan, Taly & Yan 2017) with the layers' tensors as the input. Several layers move
    together. The inputs stay at the row, so that `baseline_output` is the output with the layers alone at the baseline;
    where all that the model computes goes through them, that is the output at the baseline. Attributions are by layer,
    each (rows, ...) in the shape of its tensor.

    Args:
        layers: one or several, each a name or {"name": ..., "side": "output" or "input", "tensor": which of several}.
        summed: sum over the last axis, as the width of an embedding.
        multiply_by_inputs: as for Integrated Gradients.
    """

    name: ClassVar[str] = "layer"

    layers: Any = ()
    summed: bool = False
    multiply_by_inputs: bool = True

    def __post_init__(self) -> None:
        if not self._places:
            raise InputError("method 'layer': layers names none; give a layer's name, or several")

    @property
    def _places(self) -> list[LayerPlace]:
        alone = isinstance(self.layers, str | Mapping | LayerPlace)
        return [place_of(layer) for layer in ([self.layers] if alone else self.layers)]

    def explain(self, call: Call) -> AttributionResult:
        """By the engine, on the model behind the layers."""
        results, method = [], IntegratedGradients(multiply_by_inputs=self.multiply_by_inputs)
        for start in call.starts:
            ends: dict[str, Any] = {}
            starts: dict[str, Any] = {}
            for place in self._places:
                read = call.read(place)
                with read.opened(start) as rows:
                    shape = (call.named.rows, *rows.tail)
                    ends[place.key] = rows.outputs(1.0).reshape(shape)
                    starts[place.key] = rows.outputs(0.0).reshape(shape)
            put = layer_model(call.model, self._places, "put", call.named)
            behind = call.on(put, arrays=ends, starts=[starts], fixed=call.passed_on, layers=None)
            results += list(behind.each(method))
        mean = call.average(results, call.shares)
        if not self.summed or not isinstance(mean.attributions, dict):
            return mean
        return replace(mean, attributions={key: np.sum(part, axis=-1) for key, part in mean.attributions.items()})
