"""What flows through the units of a layer as the inputs go from the baseline to the row."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.integrators.quadrature import AdaptiveSteps
from ig_tasks.attribution.layer_models import layer_model
from ig_tasks.attribution.layer_places import LayerPlace, place_of
from ig_tasks.attribution.methods.described import Described
from ig_tasks.attribution.result import AttributionResult
from ig_tasks.errors import InputError

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.call import Call

__all__ = ["Conductance"]

Array = npt.NDArray[np.float64]

_KEPT_BYTES = 1 << 30  # of units and gradients at all places of the path; a row that needs more is not done


@dataclass(frozen=True)
class Conductance(Described):
    """Integral of dF/dy_j dy_j over the path that a layer's units y take while the inputs go straight to the row.

    Dhamdhere, Sundararajan & Yan 2018, "How Important Is a Neuron?", eq. 2; Lundstrom, Huang & Razaviyayn 2022, "A
    Rigorous Study of Integrated Gradients Method and Extensions to Internal Neuron Attributions". The integral is taken
    over the units themselves: by the trapezoid rule between their values at 2, 4, 8, ... places of the path, so that it
    is exact where all behind the layer is linear. The units add up to F(x) - F(b) where all that the model computes
    goes through the layer; the delta says how far they do not.

    Args:
        layer: its name, or {"name": ..., "side": "output" or "input", "tensor": which of several}.
    """

    name: ClassVar[str] = "conductance"

    layer: str | Mapping[str, Any] | LayerPlace = ""

    def __post_init__(self) -> None:
        place_of(self.layer, self.name)

    def explain(self, call: Call) -> AttributionResult:
        """Gradients with respect to the layer at places of the path, until the change is within the tolerance."""
        return call.average([self._from(call, start) for start in call.starts], call.shares)

    def _from(self, call: Call, start: Mapping[str, Any]) -> AttributionResult:
        place = place_of(self.layer)
        read = call.read(place)
        with read.opened(start) as units:
            shape = (call.named.rows, *units.tail)
            added = layer_model(call.model, [place], "added", call.named)
            others = {name: value for name, value in call.passed_on.items() if name not in call.named.arrays}
            arrays = {**call.named.arrays, place.key: np.zeros(shape)}
            whole = call.on(added, arrays=arrays, fixed=others)
            with whole.opened({**start, place.key: np.zeros(shape[1:])}) as rows:
                if len(rows.problem.targets) > 1:
                    raise InputError("target: method 'conductance' explains one output; name it")
                output, baseline_output = rows.outputs(1.0)[:, 0], rows.outputs(0.0)[:, 0]
                found, estimate, spent = self._levels(call, place.key, units, rows)
                epsilon = rows.model.backend.rounding
                details = {
                    "framework": rows.model.backend.framework,
                    "device": rows.model.backend.device,
                    "tolerance": call.tolerances.relative,
                    "epsilon": epsilon,
                    "integrator": "trapezoid",
                }
        size, delta = np.abs(found).sum(axis=1), found.sum(axis=1) - (output - baseline_output)
        status, relative, _ = call.tolerances.judge(delta, (output, baseline_output), size, estimate)
        return AttributionResult(
            attributions={place.key: found.reshape(shape)},
            output=output,
            baseline_output=baseline_output,
            convergence_delta=delta,
            relative_delta=relative,
            error_estimate=estimate,
            evaluations=np.full(len(output), spent, dtype=np.int32),
            status=status,
            details=details,
        )

    @staticmethod
    def _levels(call: Call, key: str, units: Any, rows: Any) -> tuple[Array, Array, int]:
        """Conductances (rows, units), their estimated errors and the gradients taken."""
        count = len(rows.problem.targets[0])
        values = {share: units.outputs(share) for share in (0.0, 1.0)}
        gradients = {share: rows.gradients(share, key).reshape(count, -1) for share in (0.0, 1.0)}
        control, pieces = AdaptiveSteps(call.max_evaluations, careful=True), 1
        levels: list[Array] = []
        most = min(call.max_evaluations, max(5, _KEPT_BYTES // (16 * max(1, values[0.0].size))))
        while True:
            shares = np.linspace(0.0, 1.0, pieces + 1).tolist()
            for share in shares:
                if share not in values:
                    values[share] = units.outputs(share)
                    gradients[share] = rows.gradients(share, key).reshape(count, -1)
            total = np.zeros_like(values[0.0])
            for low, high in itertools.pairwise(shares):
                total += 0.5 * (gradients[low] + gradients[high]) * (values[high] - values[low])
            levels = [*levels, total][-3:]
            estimate = control.estimate(levels, pieces + 1)
            size = np.abs(total).sum(axis=1)
            with np.errstate(invalid="ignore"):
                done = estimate * size <= call.tolerances.relative * size + call.tolerances.absolute
            done |= ~np.isfinite(size)
            if (len(levels) > 1 and done.all()) or 2 * pieces + 1 > most:
                return total, estimate, len(gradients)
            pieces *= 2
