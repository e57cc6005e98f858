"""Rows called converged are as good as they say: trained models, real flights, a reference of many cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.sweeps import sized

from ig_tasks.attribution import attribute, embed

ROOT = Path(__file__).parents[3]
FLIGHTS = ROOT / ".data" / "flights" / "month=2013-07"
DRAWN = 2000
ROWS = sized(500, DRAWN)  # the first of the same rows; at most two of 500 may miss the tolerance, and none twice of it

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FLIGHTS.exists(), reason="the flights data are not prepared"),
]


def flat(explanation: Any) -> np.ndarray:
    return np.concatenate([part.reshape(len(explanation), -1) for part in explanation.attributions.values()], axis=1)


@pytest.mark.parametrize("package", ["flights_torch_relu_64_64", "flights_torch_relu_256_128", "flights_torch"])
@pytest.mark.parametrize("baseline", ["zero", "median"])
def test_real_flights(package: str, baseline: str) -> None:
    import pandas as pd

    from ig_tasks.data.encoding import encode
    from ig_tasks.models import open_package

    folder = ROOT / "include" / "models"
    opened = open_package(str(folder / package), trusted_root=str(folder))
    loaded = opened.load()
    model = loaded.for_target("late", "logit")[0]
    frame = pd.read_parquet(next(FLIGHTS.glob("*.parquet"))).sample(DRAWN + 200, random_state=0)
    inputs = {name: values[:ROWS] for name, values in encode(frame, opened.config.inputs).inputs.items()}
    start = {
        name: embed(model, loaded.layers[name], values).mean(0) if name in loaded.layers else np.median(values, axis=0)
        for name, values in inputs.items()
    }
    if baseline == "zero":
        start = {name: np.zeros_like(values) for name, values in start.items()}
    found = attribute(model, inputs, start, layers=loaded.layers)
    many = {"integrator": "secant", "steps": 300} if "relu" in package else {"integrator": "midpoint", "steps": 500}
    truth = flat(attribute(model, inputs, start, layers=loaded.layers, **many))
    assert found.details["integrator"] in (("secant", "exact") if "relu" in package else ("adaptive",))
    done = found.status == "converged"
    errors = (np.abs(flat(found) - truth).sum(1) / np.abs(truth).sum(1))[done]
    assert done.mean() >= 0.995
    assert (errors > 0.01).mean() <= 0.005
    assert (errors > 0.02).mean() <= 0.0005
    assert np.median(errors) < 1e-3
