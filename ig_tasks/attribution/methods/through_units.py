"""What each feature contributes through some units of a layer alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ig_tasks.attribution.layer_models import layer_model
from ig_tasks.attribution.layer_places import LayerPlace, place_of
from ig_tasks.attribution.methods.adaptive import integrated
from ig_tasks.attribution.methods.conductance import Conductance
from ig_tasks.attribution.methods.described import Described
from ig_tasks.attribution.methods.pointwise import Found, PointMethod
from ig_tasks.attribution.methods.space import Space
from ig_tasks.attribution.methods.units import mask_of

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.call import Call
    from ig_tasks.attribution.result import AttributionResult

__all__ = ["ThroughUnits"]


@dataclass(frozen=True)
class ThroughUnits(Described):
    """(x_i - b_i) * integral of the sum over units j of dF/dy_j dy_j/dx_i, along the straight path.

    Dhamdhere, Sundararajan & Yan 2018, "How Important Is a Neuron?", eq. 1: the conductance of inputs through units. A
    row's attributions add up to the conductance of the units, which is integrated by itself: the delta is the
    difference of both. Over all units of a layer that everything goes through, they are Integrated Gradients.

    Args:
        layer: its name, or {"name": ..., "side": "output" or "input", "tensor": which of several}.
        units: a number, a place (tuple) in a tensor of more axes, or a list of these.
    """

    name: ClassVar[str] = "through_units"

    layer: str | Mapping[str, Any] | LayerPlace = ""
    units: Any = 0

    def __post_init__(self) -> None:
        place_of(self.layer, self.name)

    def explain(self, call: Call) -> AttributionResult:
        """Gradients that flow through the units alone, and the units' conductance to hold them against."""
        place = place_of(self.layer)
        read = call.read(place)
        with read.opened(call.starts[0]) as rows:
            shape = rows.tail
        mask = mask_of(self.units, shape, place.key)
        through = call.on(layer_model(call.model, [place], "through", call.named, units=mask))
        found = through.average(list(through.each(_Through())), call.shares)
        flows = Conductance(place).explain(call).attributions
        flow = flows[place.key] if isinstance(flows, Mapping) else flows
        wanted = (flow * mask).reshape(len(flow), -1).sum(axis=1)
        parts = found.attributions if isinstance(found.attributions, dict) else {"": found.attributions}
        total = np.sum([part.reshape(len(part), -1).sum(axis=1) for part in parts.values()], axis=0)
        tolerances = replace(call.tolerances, epsilon=found.details.get("epsilon", 0.0))
        outputs = (wanted, np.zeros_like(wanted))
        status, relative, _ = tolerances.judge(total - wanted, outputs, found.attribution_size, found.error_estimate)
        return replace(found, convergence_delta=total - wanted, relative_delta=relative, status=status)


@dataclass(frozen=True)
class _Through(PointMethod):
    """The integral of what gradients say, whatever it adds up to."""

    name: ClassVar[str] = "through_units"

    def find(self, space: Space) -> Found:
        """See `PointMethod`."""
        deltas = space.ends - space.starts
        return integrated(space, lambda gradients, rows: space.by_feature(gradients * deltas[rows]))
