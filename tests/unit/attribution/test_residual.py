"""What secant cells and exact integration leave of the completeness delta is rounding, in both frameworks."""

from __future__ import annotations

import numpy as np
import pytest
from support.architectures import Architecture, Block, build

from ig_tasks.attribution import attribute

LAYERS = {
    "wide": (Block("plain", "relu", 64), Block("plain", "relu", 48)),
    "mixed": (Block("batch_norm", "leaky_relu", 24), Block("residual", "relu6", 9), Block("concat", "hard_tanh", 20)),
    "gated": (Block("product", "relu", 16), Block("plain", "tanh", 12)),
}


@pytest.mark.parametrize(("dtype", "within"), [("float32", 5e-6), ("float64", 1e-10)])
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_the_residual_is_rounding(framework: str, name: str, dtype: str, within: float) -> None:
    net = Architecture(features=12, inner=12, blocks=LAYERS[name], outputs=2, seed=5)
    model, inputs, baseline = build(framework, net, dtype=dtype), net.points(100), net.points(1, salt=1)[0]
    for integrator in ("secant", "exact") if name != "gated" else ("secant",):
        found = attribute(model, inputs, baseline, target=1, integrator=integrator)
        assert found.details["integrator"] == integrator
        scale = np.abs(found.output) + np.abs(found.baseline_output)
        # The sum of attributions that cancel cannot be nearer to the difference than their own rounding.
        rounding = 4 * np.finfo(dtype).eps * np.abs(found.attributions).sum(axis=1)
        assert (np.abs(found.convergence_delta) <= within * scale + rounding).all()
