"""`EngineOptions`: one value for how the engine integrates, checked when it is made."""

from __future__ import annotations

import inspect
from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest

from ig_tasks import explain
from ig_tasks.attribution import EngineOptions, attribute
from ig_tasks.errors import InputError
from ig_tasks.spec import AttributionSpec


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"method": "gradient_shap"}, "method: 'gradient_shap' is not known; did you mean 'gradient_x_input'"),
        ({"integrator": "simpson"}, "integrator: 'simpson' is not known"),
        ({"integrator": "midpoint", "steps": 0}, "steps: 0 is not a number of nodes; give a whole number from 1 up"),
        ({"steps": 50}, "steps: 'auto' chooses them by row"),
        ({"max_evaluations": 4}, "max_evaluations: 4 is too few"),
        ({"tolerance": 5}, "tolerance: 5 is a share of a row's attributions"),
        ({"tolerance": 0.0}, "tolerance: 0 "),
        ({"absolute_tolerance": -1.0}, "absolute_tolerance: -1.0 is not a number from 0 up"),
        ({"precision": "float16"}, "precision: 'float16' is not one of model, float64, bfloat16"),
        ({"memory_limit": "4GB"}, "memory_limit: '4GB' is not a whole number of bytes"),
        ({"seed": True}, "seed: True is not a whole number"),
    ],
)
def test_a_value_that_fits_no_model_is_refused_when_the_options_are_made(option: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        EngineOptions(**option)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_wrong_option_is_refused_before_the_model_or_the_inputs_are_looked_at() -> None:
    with pytest.raises(InputError, match="tolerance: 5 is a share"):
        explain(object(), object(), tolerance=5)


def test_options_do_not_change() -> None:
    options = EngineOptions()
    with pytest.raises(FrozenInstanceError):
        options.tolerance = 0.5  # type: ignore[misc]


def test_explain_and_a_spec_offer_all_of_them_with_the_same_defaults() -> None:
    offered = {name: parameter.default for name, parameter in inspect.signature(explain).parameters.items()}
    options = {option.name: option.default for option in fields(EngineOptions)}
    assert options.items() <= offered.items()
    spec = AttributionSpec().model_dump()
    assert spec.pop("options") == {}  # of the method, which explain takes as an object
    assert spec.items() == {k: v for k, v in options.items() if k != "device"}.items()


def test_settings_by_keyword_stand_in_place_of_the_options(kit: Any) -> None:
    model, rows = kit.function("x0 * x0 * x0", 1), np.ones((1, 1))
    options = EngineOptions(integrator="left", steps=4)
    left = sum(3 * (node / 4) ** 2 for node in range(4)) / 4  # the left rule on the gradient 3 x^2
    result = attribute(model, rows, 0.0, options=options)
    np.testing.assert_allclose(result.attributions, [[left]], rtol=1e-12)
    result = attribute(model, rows, 0.0, options=options, integrator="gauss_legendre", seed=3)
    np.testing.assert_allclose(result.attributions, [[1.0]], rtol=1e-12)
    assert (result.details["steps"], result.details["seed"]) == (4, 3)


def test_an_option_that_is_unknown_is_no_option() -> None:
    with pytest.raises(TypeError, match="tolerence"):
        attribute(object(), np.ones((1, 1)), 0.0, tolerence=0.1)
