"""Integrated Gradients known exactly: ig_cases.json, on both frameworks."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute

CASES = json.loads((Path(__file__).parent / "ig_cases.json").read_text(encoding="utf-8"))
KINKED = {"relu", "min", "max"}


def networks() -> list[Any]:
    return [
        pytest.param(network, case, id=f"{network['name']}-{place}")
        for network in CASES["dense_networks"]
        for place, case in enumerate(network["cases"])
    ]


def exact(case: dict[str, Any]) -> np.ndarray:
    return np.array([float(Fraction(value)) for value in case["attributions"]])


def check(kit: Any, model: Any, case: dict[str, Any], target: int | None, *, kinks: bool) -> None:
    inputs, baseline = np.array([case["input"]], float), np.array(case["baseline"], float)
    expected = exact(case)
    if kinks:
        # A kink leaves any rule on fixed nodes an error of first order in their distance.
        found = attribute(model, inputs, baseline, target=target, integrator="gauss_legendre", steps=4096)
        np.testing.assert_allclose(found.attributions[0], expected, atol=2e-3, rtol=2e-5)
        return
    found = attribute(model, inputs, baseline, target=target, tolerance=1e-9)
    np.testing.assert_allclose(found.attributions[0], expected, atol=1e-9)
    assert found.status[0] == "converged"
    assert found.evaluations[0] <= 65


@pytest.mark.parametrize(("network", "case"), networks())
def test_dense_networks(kit: Any, network: dict[str, Any], case: dict[str, Any]) -> None:
    layers = [(layer["weight"], layer["bias"], layer.get("activation")) for layer in network["layers"]]
    kinks = any(activation == "relu" for _, _, activation in layers)
    check(kit, kit.dense(layers), case, network["target"], kinks=kinks)


@pytest.mark.parametrize("case", CASES["functions"], ids=lambda case: case["formula"])
def test_functions(kit: Any, case: dict[str, Any]) -> None:
    model = kit.function(case["formula"], len(case["input"]))
    check(kit, model, case, None, kinks=any(f"{name}(" in case["formula"] for name in KINKED))


@pytest.mark.parametrize(("network", "case"), networks())
def test_the_adaptive_rule_says_how_good_it_is(kits: Any, network: dict[str, Any], case: dict[str, Any]) -> None:
    layers = [(layer["weight"], layer["bias"], layer.get("activation")) for layer in network["layers"]]
    model = kits[0].dense(layers)
    found = attribute(
        model, np.array([case["input"]], float), np.array(case["baseline"], float), target=network["target"]
    )
    assert found.status[0] == "converged"
    size = np.abs(exact(case)).sum()
    assert np.abs(found.attributions[0] - exact(case)).sum() <= 0.01 * size


def test_a_perfect_delta_does_not_end_a_row(kit: Any) -> None:
    # relu(x0 - .99) - relu(x1 - .99): ten Gauss nodes give zeros and a delta of exactly 0; the truth is ±0.01.
    network = next(network for network in CASES["dense_networks"] if network["name"] == "delta_blind")
    model = kit.dense([(layer["weight"], layer["bias"], layer.get("activation")) for layer in network["layers"]])
    blind = attribute(model, np.ones((1, 2)), np.zeros(2), integrator="gauss_legendre", steps=10)
    assert np.array_equal(blind.attributions, [[0.0, 0.0]])
    assert blind.convergence_delta[0] == 0
    found = attribute(model, np.ones((1, 2)), np.zeros(2), tolerance=0.02)
    np.testing.assert_allclose(found.attributions, [[0.01, -0.01]], rtol=0.02)
