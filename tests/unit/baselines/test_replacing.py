"""Rows with some features at the baseline, and all others as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ig_tasks.attribution.mixture import Mixture
from ig_tasks.baselines.input_layouts import layouts_of
from ig_tasks.baselines.replacing import features_at_baseline
from ig_tasks.data.features import features_of
from ig_tasks.data.inputs import InputSpec

INPUTS = {
    "numeric": InputSpec(columns=("a", "b", "c")),
    "kinds": InputSpec(columns=("x", "y", "z"), dtype="int64", layer="embed"),
}
ROWS = {"numeric": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), "kinds": np.array([[0, 1, 0], [1, 1, 1]])}
PLACES = {feature.name: (feature, place % 3) for place, feature in enumerate(features_of(INPUTS))}


def replaced(start: dict[str, Any], *names: str) -> dict[str, Any]:
    return features_at_baseline(ROWS, start, [PLACES[name] for name in names], layouts_of(INPUTS))


def test_several_numbers_of_one_input_and_an_input_of_its_own() -> None:
    start = {"numeric": np.array([-1.0, -2.0, -3.0]), "kinds": np.array([1, 0, 1])}
    found = replaced(start, "a", "c", "y")
    np.testing.assert_array_equal(found["numeric"], [[-1.0, 2.0, -3.0], [-1.0, 5.0, -3.0]])
    np.testing.assert_array_equal(found["kinds"], [[0, 0, 0], [1, 0, 1]])
    np.testing.assert_array_equal(ROWS["numeric"][0], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(replaced(start, "b")["kinds"], ROWS["kinds"])


def test_several_columns_of_ids_at_their_mixtures() -> None:
    mixture = Mixture.of([{0: 0.25, 1: 0.75}, {1: 1.0}, {0: 0.5, 1: 0.5}], (3,))
    found = replaced({"numeric": np.zeros(3), "kinds": mixture}, "x", "z")["kinds"]
    # Mean id of each place: the mixture's in x and z, the row's own in y.
    means = (found.ids * found.weights).sum(axis=1)[found.group]
    np.testing.assert_allclose(means, [[0.75, 1.0, 0.5], [0.75, 1.0, 0.5]])
