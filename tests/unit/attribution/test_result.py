"""An explanation says what happened to its rows, and what to try next."""

from __future__ import annotations

from typing import Any

import numpy as np

from ig_tasks.attribution import attribute


def test_it_says_how_many_rows_ended_how(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    inputs = rng.normal(size=(10, 4)) * 3
    inputs[0, 0] = np.nan
    model = kits[0].dense(layers_of(4, 16, 1, activation="relu"))
    found = attribute(model, inputs, np.zeros(4), tolerance=1e-9, max_evaluations=9, integrator="clenshaw_curtis")
    assert repr(found).startswith("AttributionResult: 10 rows (9 max_evaluations, 1 not_finite)")
    assert "raise max_evaluations" in repr(found)
    assert len(found) == 10


def test_details_say_what_ran(kit: Any, layers_of: Any) -> None:
    found = attribute(kit.dense(layers_of(4, 8, 8, 1)), np.ones((3, 4)), np.zeros(4), seed=5)
    expected = {"method": "integrated_gradients", "integrator": "adaptive", "steps": "adaptive", "seed": 5}
    assert expected.items() <= found.details.items()
    assert found.details["framework"] == {"torch": "torch", "keras": "tensorflow"}[kit.name]
    assert sum(found.details["rows_by_evaluations"].values()) == 3


def test_everything_is_numpy(kit: Any) -> None:
    found = attribute(
        kit.tabular("float32"),
        {"num": np.ones((3, 3), np.float32), "cat": np.zeros(3, np.int32)},
        {"num": np.zeros(3), "cat": np.zeros(4)},
        layers={"cat": "emb"},
    )
    assert isinstance(found.attributions, dict)
    for part in found.attributions.values():
        assert type(part) is np.ndarray
        assert part.dtype == np.float64
    assert found.evaluations.dtype == np.int32
    assert found.status.dtype.kind == "U"


def test_unverified_rows_are_told_from_others_with_what_to_do(kits: Any, layers_of: Any) -> None:
    model = kits[0].dense(layers_of(4, 8, 1))
    found = attribute(model, np.ones((3, 4)), np.zeros(4), integrator="gauss_legendre", steps=20)
    assert repr(found).startswith("AttributionResult: 3 rows (3 unverified)")
    assert "no error estimate to prove them: leave steps out and use integrator='auto'" in repr(found)
