"""What attributions are counted in depends on the method, not on the output alone."""

from __future__ import annotations

from typing import Any

import pytest

from ig_tasks.presentation.units import attribution_units


@pytest.mark.parametrize(
    ("method", "parameters", "expected"),
    [
        ("integrated_gradients", {}, "log-odds"),
        ("integrated_gradients", {"multiply_by_inputs": True}, "log-odds"),
        ("integrated_gradients", {"multiply_by_inputs": False}, "log-odds per unit of the feature"),
        ("gradient_x_input", None, "log-odds"),
        ("saliency", None, "log-odds per unit of the feature"),
        ("noise_averaged", None, "log-odds per unit of the feature"),
        ("noise_averaged", {"method": "integrated_gradients"}, "log-odds"),
        ("noise_averaged", {"method": {"name": "guided", "steps": 5}, "kind": "vargrad"}, "squares of log-odds"),
        ("noise_averaged", {"kind": "smoothgrad_squared"}, "squares of log-odds per unit of the feature"),
    ],
)
def test_slopes_are_per_unit_of_their_feature_and_variances_are_squares(
    method: str, parameters: dict[str, Any] | None, expected: str
) -> None:
    assert attribution_units("logit", method, parameters) == expected
