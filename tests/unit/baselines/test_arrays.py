"""Baselines of arrays: strategies by name, samples, dicts by input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.baselines.arrays import Samples, array_baselines
from ig_tasks.errors import BaselineError

TABLE = np.array([[0.0, 0.0], [1.0, 2.0], [4.0, 8.0]])
INPUTS = {"num": np.ones((2, 3)), "cat": np.zeros(2, int)}
REFERENCE = {"num": np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 9.0], [4.0, 2.0, 0.0]]), "cat": np.array([1, 1, 2])}


def baselines(baseline: Any, reference: Any = REFERENCE, inputs: Any = INPUTS) -> list[dict[str, Any]]:
    layers = {name: "emb" for name in inputs if name == "cat"}
    return array_baselines(baseline, reference, inputs, layers, lambda layer, ids: TABLE[ids])[0]


@pytest.mark.parametrize(
    ("strategy", "num", "cat"),
    [
        ("auto", [1, 2, 3], [2, 4]),
        ("median", [1, 2, 3], [2, 4]),
        ("mean", [2, 2, 4], [2, 4]),
        ("mode", [1, 2, 3], 1),
    ],
)
def test_strategies(strategy: str, num: list[float], cat: Any) -> None:
    (found,) = baselines(strategy)
    np.testing.assert_allclose(found["num"], num)
    np.testing.assert_allclose(found["cat"], cat)


def test_the_most_frequent_id_stays_an_id() -> None:
    assert baselines("mode")[0]["cat"].dtype.kind == "i"


def test_ids_of_more_places_have_a_baseline_each() -> None:
    inputs, reference = {"cat": np.zeros((2, 2), int)}, {"cat": np.array([[0, 1], [0, 2]])}
    (found,) = baselines("mean", reference, inputs)
    np.testing.assert_allclose(found["cat"], [[0, 0], [2.5, 5]])
    np.testing.assert_allclose(baselines("mode", reference, inputs)[0]["cat"], [0, 1])


def test_zero_needs_no_data() -> None:
    (found,) = baselines("zero", None)
    assert found == {"num": 0.0, "cat": 0.0}
    assert found["cat"].dtype == np.float64  # a zero vector, not the id 0


def test_strategies_and_arrays_by_input() -> None:
    (found,) = baselines({"num": np.arange(3), "cat": "mean"})
    np.testing.assert_allclose(found["num"], [0, 1, 2])
    np.testing.assert_allclose(found["cat"], [2, 4])


def test_samples_are_one_baseline_each() -> None:
    found = baselines(Samples({"num": np.arange(6.0).reshape(2, 3), "cat": np.array([1, 2])}))
    assert len(found) == 2
    np.testing.assert_allclose(found[1]["num"], [3, 4, 5])
    assert found[1]["cat"] == 2


def test_one_input_needs_no_name() -> None:
    inputs = {"inputs": np.ones((2, 3))}
    assert len(baselines(Samples(np.zeros((4, 3))), None, inputs)) == 4
    np.testing.assert_allclose(baselines("mean", REFERENCE["num"], inputs)[0]["inputs"], [2, 2, 4])


@pytest.mark.parametrize(
    ("baseline", "reference", "message"),
    [
        ("medain", REFERENCE, "'medain' is not a strategy; did you mean 'median'"),
        ("median", None, "'median' is fitted on data; pass some as reference=, or use 'zero'"),
        ("median", {"num": np.ones((1, 3))}, "reference: it has no 'cat'"),
        ("median", {"num": np.ones((0, 3)), "cat": np.zeros(0, int)}, "reference: 'num' has no rows"),
        ({"num": "zero"}, None, "no baseline for input 'cat'"),
        ({"num": "zero", "cta": 0}, None, "'cta' is not an input; did you mean 'cat'"),
        (np.zeros(3), None, "several inputs"),
        (Samples(np.zeros((2, 3))), None, "several inputs"),
        (Samples({"num": np.zeros((2, 3))}), None, "differ in 'cat'"),
        (Samples({"num": np.zeros((2, 3)), "cat": np.zeros(3, int)}), None, "same k"),
        ({"num": Samples(np.zeros((2, 3))), "cat": 0}, None, "not a dict of Samples"),
    ],
)
def test_what_does_not_fit(baseline: Any, reference: Any, message: str) -> None:
    with pytest.raises(BaselineError, match=message):
        baselines(baseline, reference)
